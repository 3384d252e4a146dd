"""The run folder, and what one can do with a fitted model: NumPy in, NumPy out, in the data's own units.

A folder holds `model.safetensors` (the kept weights), `transform.json`, `settings.toml`, `history.jsonl`,
`checkpoint/`, `README.md` and pictures; for tables of numbers `reference.safetensors` (latents of training
rows). All of it can be read without this package; nothing in it is executed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import tomli_w
from jaxtyping import Float

from vaefit import data, generate
from vaefit.assemble import build_model
from vaefit.data import Dataset, Transform
from vaefit.errors import RunError, SettingsError
from vaefit.evaluation import Reference
from vaefit.folder import (
    FORMAT,
    HISTORY,
    REFERENCE,
    SETTINGS,
    TRANSFORM,
    WEIGHTS,
    read_history,
    read_json,
    read_settings,
    write_atomically,
)
from vaefit.model import VAE
from vaefit.settings import Settings, plain
from vaefit.storage import load_arrays, load_tree, save_tree


class Reconstruction(NamedTuple):
    """Rows, what the model makes of them, and how much that varies; all in the data's units.

    `mean` and `sd` are taken over the `samples` outputs of each row.
    """

    input: Float[np.ndarray, "rows *shape"]
    mean: Float[np.ndarray, "rows *shape"]
    sd: Float[np.ndarray, "rows *shape"]
    samples: Float[np.ndarray, "rows samples *shape"]


@dataclass
class Run:
    """A fitted model with its settings and its way from raw rows to network inputs.

    `reference` is what its training rows are like, where new rows may be held against them (None: see
    `vaefit.evaluation.reference_of`, or the run is of an earlier version).
    """

    model: VAE
    settings: Settings
    transform: Transform
    source: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    reference: Reference | None = None

    def encode(
        self, rows: object
    ) -> tuple[Float[np.ndarray, "rows latent"], Float[np.ndarray, "rows latent"]]:
        """Posterior mean and sd of every row.

        Raises:
            ShapeError: the rows have another size than those fitted.
        """
        return generate.encode(self.model, self.inputs(rows))

    def reconstruct(
        self,
        rows: object,
        *,
        samples: int = 10,
        seed: int = 0,
        dropout: bool | None = None,
        noise: bool = False,
    ) -> Reconstruction:
        """Several outputs for each row, their mean and sd.

        An output is the decoder's mean for a draw of q(z|x); with `noise` a draw of p(x|z). `dropout`
        defaults to the setting `generate_with_dropout`.

        Raises:
            ShapeError: the rows have another size than those fitted.
            SettingsError: noise is asked of a likelihood that has none for a single z.
        """
        self._check_noise(noise)
        dataset = self.dataset(rows)
        outputs = generate.reconstruct(
            self.model,
            self.inputs(dataset),
            samples=samples,
            seed=seed,
            dropout=self._dropout(dropout),
            noise=noise,
        )
        shape = (dataset.n, *self.transform.shape)
        drawn = self.transform.inverse(np.moveaxis(outputs, 0, 1)).astype(np.float32)
        return Reconstruction(
            input=dataset.values.astype(np.float32).reshape(shape),
            mean=drawn.mean(axis=1, dtype=np.float64).astype(np.float32).reshape(shape),
            sd=drawn.std(axis=1, dtype=np.float64).astype(np.float32).reshape(shape),
            samples=drawn.reshape(dataset.n, samples, *self.transform.shape),
        )

    def sample(
        self, n: int = 64, *, seed: int = 0, dropout: bool | None = None, noise: bool = False
    ) -> Float[np.ndarray, "n *shape"]:
        """New rows: the decoder's mean for draws of the prior; with `noise`, draws of p(x|z).

        Raises:
            SettingsError: noise is asked of a likelihood that has none for a single z.
        """
        return np.concatenate(list(self.samples(n, seed=seed, dropout=dropout, noise=noise)))

    def samples(
        self, n: int, *, seed: int = 0, dropout: bool | None = None, noise: bool = False
    ) -> Iterator[Float[np.ndarray, "rows *shape"]]:
        """The rows of `sample`, some at a time.

        Raises:
            SettingsError: as `sample` does.
        """
        self._check_noise(noise)
        how = {"seed": seed, "dropout": self._dropout(dropout), "noise": noise}
        return map(self._to_data, generate.samples(self.model, n, **how))

    def decode(self, z: Float[np.ndarray, "rows latent"]) -> Float[np.ndarray, "rows *shape"]:
        """The decoder's mean for latent vectors."""
        return self._to_data(generate.decode(self.model, np.asarray(z, np.float32)))

    def dataset(self, rows: object) -> Dataset:
        """Rows given as an array, a frame, a path or a data set, checked against those fitted.

        Raises:
            ShapeError: they have another size.
        """
        if isinstance(rows, str | Path):
            rows = data.read(
                rows, size=self.image_size if self.settings.size else None, grayscale=self.grayscale
            )
        if not isinstance(rows, Dataset):
            rows = data.of_cells(rows) if self.transform.variables else data.of_numbers(rows)
        return data.as_fitted(rows, self.transform)

    def inputs(self, rows: object) -> Float[np.ndarray, "rows variables"]:
        """Rows as the network takes them: dequantised at the middle of their level, binarised at one half."""
        x, visit = self.transform.forward(self.dataset(rows).values), self.transform.visit
        return x if visit is None else visit(x, np.float32(0.5))

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width, for images."""
        shape = self.transform.shape
        return (shape[0], shape[1]) if len(shape) >= 2 else None

    @property
    def grayscale(self) -> bool:
        """Whether images were turned grey to fit."""
        return self.settings.grayscale

    def model_with(self, settings: Settings) -> VAE:
        """This run's weights in the model of other settings.

        Raises:
            RunError: their networks are not the same.
        """
        assert self.folder is not None
        return _load_model(settings, self.transform, self.folder / WEIGHTS)

    def save(self, folder: str | Path) -> "Run":
        """Write weights, transform, settings and history; every file is whole or not there.

        Raises:
            RunError: the folder cannot be written.
        """
        folder = Path(folder)
        self.folder = folder
        write_atomically(folder / TRANSFORM, json.dumps(self.transform.to_dict(), indent=1) + "\n")
        self.save_settings()
        self.save_weights()
        self.save_reference()
        write_atomically(folder / HISTORY, "".join(json.dumps(record) + "\n" for record in self.history))
        return self

    def save_settings(self) -> None:
        """Write the settings alone."""
        assert self.folder is not None
        write_atomically(self.folder / SETTINGS, self._settings_toml())

    def save_weights(self) -> None:
        """Write the weights alone."""
        assert self.folder is not None
        save_tree(self.folder / WEIGHTS, eqx.filter(self.model, eqx.is_inexact_array))

    def save_reference(self) -> None:
        """Write the reference alone, if there is one."""
        assert self.folder is not None
        if self.reference is not None:
            save_tree(self.folder / REFERENCE, vars(self.reference))

    def _settings_toml(self) -> str:
        values = {name: plain(value) for name, value in self.settings.all().items() if value is not None}
        about = {"format": FORMAT, "vaefit": version("vaefit"), "data": self.source}
        return "# All settings of this run; those left open (unset) are not listed.\n" + tomli_w.dumps(
            {**about, "settings": values}
        )

    def _to_data(self, x: Float[np.ndarray, "rows variables"]) -> Float[np.ndarray, "rows *shape"]:
        return self.transform.inverse(x).astype(np.float32).reshape(len(x), *self.transform.shape)

    def _dropout(self, asked: bool | None) -> bool:
        return self.settings.generate_with_dropout if asked is None else asked

    def _check_noise(self, noise: bool) -> None:
        if noise and self.model.likelihood.joint:
            raise SettingsError(
                f"likelihood {self.settings.likelihood} has no noise for a single z: it is made of several "
                "outputs; leave --noise out"
            )


def load(folder: str | Path) -> Run:
    """A run from its folder.

    Raises:
        RunError: there is no run, it is damaged, or it was written by a newer vaefit.
    """
    folder = Path(folder).expanduser()
    saved = read_settings(folder)
    transform = data.transform_from_dict(read_json(folder / TRANSFORM))
    try:
        settings = Settings.of(**saved["settings"])
        model = _load_model(settings, transform, folder / WEIGHTS)
    except SettingsError as problem:
        raise RunError(f"{folder / SETTINGS} does not suit this vaefit: {problem}") from None
    run = Run(model, settings, transform, saved.get("data", {}), folder)
    run.history = read_history(folder)
    run.reference = _load_reference(model, folder / REFERENCE)
    return run


def _load_reference(model: VAE, path: Path) -> Reference | None:
    if not path.exists():
        return None
    found = load_arrays(path)
    sizes = {name: array.shape[-1] for name, array in found.items() if array.ndim}
    expected = {"latents": model.posterior.latent_dim, "spread": model.likelihood.dim}
    if sizes != expected:
        raise RunError(f"{path} does not fit its settings: expected {expected}, found {sizes}")
    return Reference(**found)


def _load_model(settings: Settings, transform: Transform, path: Path) -> VAE:
    skeleton = eqx.filter_eval_shape(
        lambda key: build_model(settings, transform.dim, key, transform.variables, transform.shape),
        jax.random.key(0),
    )
    arrays, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    return eqx.combine(jax.tree.map(jnp.asarray, load_tree(path, arrays)), static)
