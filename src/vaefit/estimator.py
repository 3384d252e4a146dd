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
from sklearn.utils.validation import check_is_fitted

from vaefit import data, fitting, imputing, run
from vaefit.data import as_fitted, is_frame
from vaefit.data.tables import Table
from vaefit.display import Display, Lines, Silent
from vaefit.estimator_rows import TakesRows, head_of
from vaefit.estimator_tables import Form, filled
from vaefit.evaluation import importance_sample, smoothed_log_density, visited
from vaefit.folder import check_free
from vaefit.imputing import centres
from vaefit.run import Run
from vaefit.settings import options
from vaefit.synthetic import sample_rows, schema_of

DRAWS = 1000
_SEEDS = 2**31 - 1


class VAE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, TakesRows):
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
        kind = getattr(rows, "dtype", np.dtype(np.float64))
        return mean.astype(kind if kind.kind == "f" else np.float64, copy=False)

    def inverse_transform(self, X: object) -> Any:
        """The decoder's mean (likeliest category) for latents (n_samples, latent_dim_), as X was."""
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
        rows = self.run_.dataset(self._dataset(self._known(X)))
        transform, seed = self.run_.transform, self.run_.settings.seed
        x = visited(transform.forward(rows.values), transform.visit, seed)
        found = importance_sample(self.run_.model, x, draws=draws, seed=seed)
        return found.log_likelihood + transform.row_log_jacobian(x)

    def score(self, X: object, y: object = None) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The mean of `score_samples`, nats per datum."""
        return float(self.score_samples(X).mean())

    def anomaly_score(self, X: object) -> Float[np.ndarray, " rows"]:
        """How odd every row is, nats: higher is odder.

        Of plain numbers -log of the model's density smoothed by a kernel as wide as each column's spread, at
        latents of training rows: see `vaefit.evaluation.smoothed_log_density`. Else -log p(x).
        """
        reference = self.run_.reference if hasattr(self, "run_") else None
        if reference is None:
            return -self.score_samples(X)
        rows = self.run_.dataset(self._dataset(self._known(X)))
        x = self.run_.transform.forward(rows.values)
        found = smoothed_log_density(self.run_.model, x, reference)
        return -(found + self.run_.transform.row_log_jacobian(x))

    def sample(self, n_samples: int = 1, random_state: object = None, *, noise: bool | None = None) -> Any:
        """New rows: draws of p(x|z) for z from the prior, in the data's units; a frame where X was a table's.

        Without `noise` (always so for likelihoods that have none for a single z) the decoder's means.
        `random_state` None gives others every time.
        """
        check_is_fitted(self)
        noise, seed = not self.run_.model.likelihood.joint if noise is None else noise, _seed(random_state)
        if self._form is not None and noise:
            return self._form.cells(sample_rows(self.run_, n_samples, seed=seed), schema_of(self.run_))
        return self._as_given(self.run_.sample(n_samples, seed=seed, noise=noise))

    def reconstruct(self, X: object, *, samples: int = 10) -> Any:
        """Every row as the model sees it: the mean output over draws of q(z|x), in the data's units.

        Of categories, the one that is the likeliest for most draws.
        """
        rows = self._dataset(self._known(X))
        found = self.run_.reconstruct(rows, samples=samples, seed=self.run_.settings.seed)
        if self._form is None:
            return self._as_given(found.mean)
        return self._as_given(centres(np.moveaxis(found.samples, 1, 0), self.run_.transform.variables))

    def impute(self, X: object, *, multiple: int = 0, draws: int = DRAWS) -> Any:
        """X with its missing cells filled in; those that are there stay, and columns it lacks are added.

        Numbers are conditional means, categories the likeliest; with `multiple` a list of so many completed
        X, each drawn from p(missing | observed).

        Raises:
            SettingsError: the model was fitted to complete numbers, which takes no missing cells.

        Source: Mattei & Frellsen 2019, arXiv:1812.02633.
        """
        check_is_fitted(self)
        lacking_too = self._form is not None and is_frame(X)
        given = Table.of(X, source="X") if lacking_too else self._values(X, reset=False)
        rows = as_fitted(self._dataset(given), self.run_.transform, impute_missing=lacking_too)
        found = imputing.impute(self.run_, rows, multiple=multiple, draws=draws, seed=self.run_.settings.seed)
        made = [
            filled(X, rows, values, found.missing)
            for values in (found.completed if multiple else [found.best])
        ]
        return made if multiple else made[0]

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
        schema = data.schema_of(found.transform)
        made._form = None if schema is None else Form(found.source.get("form", "polars"))
        shape = found.transform.shape if schema is None else (len(schema.columns),)
        made._shape = tuple(found.source.get("array_shape", shape))
        names = found.source.get("columns")
        if names is None and schema is not None and made._form != Form("array"):
            names = [column.name for column in schema]
        if names is not None:
            made.feature_names_in_ = np.asarray(names, dtype=object)
        made.n_features_in_ = math.prod(made._shape)
        return made._keep(found)

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.allow_nan = self._may_be_table()
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
            self._to_fit(head_of(rows, limit)),
            recipe=self.recipe,
            seed=seed,
            weights=None if weights is None else weights[:limit],
            display=self._display(),
            **settings,
        )
        found.source["array_shape"] = list(self._shape)
        if self._form is not None:
            found.source["form"] = self._form.kind
        if hasattr(self, "feature_names_in_"):
            found.source["columns"] = self.feature_names_in_.tolist()
        return self._keep(found)

    def _keep(self, found: Run) -> "VAE":
        self.run_, self.history_ = found, found.history
        self.latent_dim_ = found.model.posterior.latent_dim
        return self


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
