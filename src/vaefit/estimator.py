"""`VAE`: the fitted model as scikit-learn has its estimators."""

import math
import tempfile
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from vaefit import fitting, run
from vaefit.data import Dataset
from vaefit.display import Display, Lines, Silent
from vaefit.estimator_parameters import Parameters
from vaefit.evaluation import importance_sample, visited
from vaefit.folder import check_free
from vaefit.run import Run
from vaefit.settings import options
from vaefit.settle import parse_size

DRAWS = 1000
_SEEDS = 2**31 - 1


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, Parameters):
    """A variational autoencoder as a scikit-learn transformer and density estimator.

    Every setting of `vaefit fit --help` is a keyword; None is the value of `recipe` (a name or a TOML file).
    `random_state` stands for the seed: a whole number gives the same model every time, None another one.
    `verbose` shows notices and every so many epochs on standard error. X is (n_samples, n_features), plain
    numbers; or images (n_samples, H, W) or (n_samples, H, W, 3), also as flat rows where `size` is given.

    Attributes: `run_` (what `vaefit.fit` returns), `history_` (a record an epoch), `latent_dim_`,
    `n_features_in_`, `feature_names_in_` (where X had names).

    Source: Kingma & Welling 2013, arXiv:1312.6114.

    >>> from sklearn.datasets import load_iris
    >>> X = load_iris().data
    >>> vae = VAE(latent_dim=2, epochs=2, random_state=0).fit(X)
    >>> vae.transform(X).shape, vae.sample(3).shape, vae.get_feature_names_out().tolist()
    ((150, 2), (3, 4), ['vae0', 'vae1'])
    >>> bool(vae.score(X) == vae.score_samples(X).mean())
    True
    """

    run_: Run
    history_: list[dict[str, Any]]
    latent_dim_: int
    n_features_in_: int
    feature_names_in_: np.ndarray

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> "VAE":
        """Fit to rows; `sample_weight` weighs each row's share of the objective and of validation.

        A row of weight k counts as k equal rows in the objective; where training starts, and the scale of
        columns, rows of positive weight count alike. `y` is ignored.

        Raises:
            DataError: X cannot be used. SettingsError: a parameter cannot. TrainingError: not finite.
        """
        return self._fit(X, sample_weight, self._settings(), self._seed())

    def partial_fit(
        self, X: object, y: object = None, sample_weight: object = None, *, epochs: int = 1
    ) -> "VAE":
        """Train on with these rows alone for some epochs, from the weights there are.

        The first call settles all else: scales, latent size, the start. Every row trains (none is kept for
        validation), the learning rate is constant, and the optimiser starts anew with each call.

        Raises:
            DataError: X cannot be used. SettingsError: a parameter cannot. TrainingError: not finite.
        """
        settings = {**self._settings(), "epochs": epochs}
        if not hasattr(self, "run_"):
            alone = {"schedule": "constant", "stages": (), "validation": "0", "early_stopping": 0}
            return self._fit(X, sample_weight, {**settings, **alone}, self._seed())
        rows, weights = self._weighted(self._values(X, reset=False), sample_weight)
        done = int(self.run_.history[-1]["step"]) if self.run_.history else 0
        found = fitting.train_on(
            self.run_,
            self._dataset(rows),
            epochs=epochs,
            seed=(self.run_.settings.seed + done) % _SEEDS,
            weights=weights,
            display=self._display(),
        )
        return self._keep(found)

    def transform(self, X: object) -> Float[np.ndarray, "rows latent"]:
        """The mean of q(z|x) of every row."""
        rows = self._known(X)
        mean = self.run_.encode(self._dataset(rows))[0]
        return mean.astype(rows.dtype if rows.dtype.kind == "f" else np.float64, copy=False)

    def inverse_transform(self, X: object) -> np.ndarray:
        """The decoder's mean for latents (n_samples, latent_dim_), in the data's units."""
        check_is_fitted(self)
        z = np.asarray(X, np.float32)
        if z.ndim != 2 or z.shape[1] != self.latent_dim_:
            raise ValueError(f"expected latents of shape (n, {self.latent_dim_}), found {z.shape}")
        return self._as_given(self.run_.decode(z))

    def score_samples(self, X: object, *, draws: int = DRAWS) -> Float[np.ndarray, " rows"]:
        """log p(x) of every row by importance sampling, nats, a density at the data's own scale.

        Raises:
            SettingsError: the likelihood is no density of x given one z.

        Source: Burda et al. 2016, arXiv:1509.00519.
        """
        rows = self._dataset(self._known(X))
        transform, seed = self.run_.transform, self.run_.settings.seed
        x = visited(transform.forward(rows.values), transform.visit, seed)
        found = importance_sample(self.run_.model, x, draws=draws, seed=seed)
        return found.log_likelihood + transform.log_jacobian

    def score(self, X: object, y: object = None) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The mean of `score_samples`, nats per datum."""
        return float(self.score_samples(X).mean())

    def anomaly_score(self, X: object) -> Float[np.ndarray, " rows"]:
        """-log p(x) of every row, nats: higher is odder."""
        return -self.score_samples(X)

    def sample(
        self, n_samples: int = 1, random_state: object = None, *, noise: bool | None = None
    ) -> np.ndarray:
        """New rows: draws of p(x|z) for z from the prior, in the data's units.

        Without `noise` (always so for likelihoods that have none for a single z) the decoder's means.
        `random_state` None gives others every time.
        """
        check_is_fitted(self)
        noise = not self.run_.model.likelihood.joint if noise is None else noise
        return self._as_given(self.run_.sample(n_samples, seed=_seed(random_state), noise=noise))

    def reconstruct(self, X: object, *, samples: int = 10) -> np.ndarray:
        """Every row as the model sees it: the mean output over draws of q(z|x), in the data's units."""
        rows = self._dataset(self._known(X))
        found = self.run_.reconstruct(rows, samples=samples, seed=self.run_.settings.seed)
        return self._as_given(found.mean)

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write the run folder, which `vaefit` on the command line reads too.

        Raises:
            RunError: the folder cannot be written, or holds other files and `force` is not given.
        """
        check_is_fitted(self)
        check_free(Path(folder), force)
        self.run_.save(folder)

    @classmethod
    def load(cls, folder: str | Path) -> "VAE":
        """The estimator of a run folder, its settings as parameters.

        Raises:
            RunError: there is no run, or it is damaged.
        """
        found = run.load(folder)
        given = {n: v for n, v in found.settings.given().items() if n in options() and n != "seed"}
        made = cls(random_state=found.settings.seed, **given)
        if "columns" in found.source:
            made.feature_names_in_ = np.asarray(found.source["columns"], dtype=object)
        made._shape = tuple(found.source.get("array_shape", found.transform.shape))
        made.n_features_in_ = math.prod(made._shape)
        return made._keep(found)

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The run as the files of its folder: they hold no code, and later versions read them too."""
        found: Any = super().__getstate__()
        state: dict[str, Any] = dict(found)
        if "run_" in state:
            state["run_"] = _packed(self.run_)
            del state["history_"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: value for name, value in state.items() if name != "run_"})
        if "run_" in state:
            self._keep(_unpacked(state["run_"]))

    def _settings(self) -> dict[str, Any]:
        known = options()
        return {n: v for n, v in self.get_params(deep=False).items() if n in known and v is not None}

    def _seed(self) -> int:
        return _seed(self.random_state)

    def _display(self) -> Display:
        return Lines(self.verbose) if self.verbose else Silent()

    def _fit(self, X: object, sample_weight: object, settings: dict[str, Any], seed: int) -> "VAE":
        values = self._values(X, reset=True)
        rows, weights = self._weighted(values, sample_weight)
        limit = settings.pop("limit", None)
        found = fitting.fit(
            self._dataset(rows[:limit]),
            recipe=self.recipe,
            seed=seed,
            weights=None if weights is None else weights[:limit],
            display=self._display(),
            **settings,
        )
        found.source["array_shape"] = list(self._shape)
        if hasattr(self, "feature_names_in_"):
            found.source["columns"] = self.feature_names_in_.tolist()
        return self._keep(found)

    def _keep(self, found: Run) -> "VAE":
        self.run_, self.history_ = found, found.history
        self.latent_dim_ = found.model.posterior.latent_dim
        return self

    def _known(self, X: object) -> np.ndarray:
        check_is_fitted(self)
        return self._values(X, reset=False)

    def _values(self, X: Any, *, reset: bool) -> np.ndarray:
        """X as scikit-learn checks it, images as flat rows."""
        shape = None
        if getattr(X, "ndim", 2) > 2:
            X = np.asarray(X)
            shape, X = X.shape[1:], X.reshape(len(X), -1)
        # Flat rows are plain numbers, whatever their type, unless `size` says that they are images.
        kept = "numeric" if shape or self.size is not None else [np.float64, np.float32]
        rows: Any = validate_data(self, X, reset=reset, dtype=kept, ensure_min_samples=2 if reset else 1)
        if reset:
            self._shape = shape or rows.shape[1:]
        return rows

    def _weighted(self, rows: np.ndarray, sample_weight: object) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows that have weight, and their weights."""
        if sample_weight is None:
            return rows, None
        weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        return rows[weights > 0], weights[weights > 0]

    def _dataset(self, rows: np.ndarray) -> Dataset:
        names = getattr(self, "feature_names_in_", None)
        return Dataset.from_array(
            rows.reshape(len(rows), *self._shape),
            size=parse_size(self.size),
            grayscale=bool(self.grayscale),
            columns=None if names is None else names.tolist(),
            source="X",
        )

    def _as_given(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the shape of those that were fitted, unless images were resized or turned grey."""
        same = math.prod(self._shape) == self.run_.transform.dim
        return rows.reshape(len(rows), *self._shape) if same else rows


def _seed(random_state: Any) -> int:
    drawn = check_random_state(random_state)
    return int(random_state) if isinstance(random_state, Integral) else int(drawn.randint(_SEEDS))


def _packed(found: Run) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        replace(found).save(folder)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return {"files": files, "summary": found.summary}


def _unpacked(packed: dict[str, Any]) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in packed["files"].items():
            (Path(folder) / name).write_bytes(content)
        found = run.load(folder)
    found.folder, found.summary = None, packed["summary"]
    return found
