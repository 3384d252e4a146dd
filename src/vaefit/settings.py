"""Every setting, declared once: flags, recipe keys and keyword arguments all come from here.

Settings of the frame are the fields of `Settings`; options of parts are declared by the parts themselves and
found by `vaefit.catalogue`. No JAX is imported.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from vaefit import catalogue
from vaefit.column_types import parse_types
from vaefit.errors import SettingsError
from vaefit.options import Option, Value, check_all, option


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one run; `parts` holds the options of parts that were set.

    >>> Settings.of(latent_dim=5, sigma="fixed").get("sigma")
    'fixed'
    """

    # model
    latent_dim: int | None = option(
        None, "number of latents (auto: where pPCA's held-out likelihood is best, at most 64)", at_least=1
    )
    network: str = option("dense", "kind of network")
    encoder_layers: tuple[int, ...] = option(
        (256, 256), "hidden units of the encoder's layers (conv: after its stages)", at_least=1
    )
    decoder_layers: tuple[int, ...] = option(
        (256, 256), "hidden units of the decoder's layers (conv: before its stages)", at_least=1
    )
    encoder_bias: bool = option(True, "biases in the encoder")
    decoder_bias: bool = option(True, "biases in the decoder")
    posterior: str = option("gaussian", "family of q(z|x)")
    prior: str = option("normal", "p(z)")
    likelihood: str = option("auto", "family of p(x|z); auto: by the data")
    linear_path: bool = option(True, "a linear map beside each network, without dropout or weight decay")
    cell_dropout: float | None = option(
        None,
        "tables: at most this share of a row's cells is hidden at each visit in training (auto: half, less "
        "those that are missing)",
        at_least=0.0,
        at_most=1.0,
    )
    start: Literal["ppca", "data", "random"] = option(
        "ppca",
        "where training starts: at the best linear model, at p(x|z) with the data's mean and sd, or random",
    )
    generate_with_dropout: bool = option(False, "leave dropout on when reconstructing and sampling")
    # objective
    objective: str = option(
        "auto", "what training maximises; auto: elbo, of tables with many missing cells iwae"
    )
    samples: int = option(1, "draws of q(z|x) a row in training", at_least=1)
    validation_samples: int = option(
        8, "draws a row in validation (likelihoods that need all draws together use samples)", at_least=1
    )
    # optimizer
    optimizer: Literal["adam", "adamw", "rmsprop", "adagrad", "sgd"] = option("adam", "optimiser")
    learning_rate: float = option(1e-3, "learning rate, at the start of the schedule", above=0.0)
    momentum: float = option(0.0, "momentum (rmsprop, sgd)", at_least=0.0, at_most=1.0)
    rms_decay: float = option(0.9, "decay of the mean square (rmsprop)", at_least=0.0, at_most=1.0)
    accumulator_start: float = option(
        0.0, "where the mean square starts (rmsprop: TensorFlow's is 1; adagrad: 0.1)", at_least=0.0
    )
    adam_b1: float = option(0.9, "decay of the first moment (adam)", at_least=0.0, at_most=1.0)
    adam_b2: float = option(0.999, "decay of the second moment (adam)", at_least=0.0, at_most=1.0)
    optimizer_epsilon: float = option(
        1e-8, "the optimiser's epsilon (inside the root for rmsprop and adagrad)", at_least=0.0
    )
    weight_decay: float = option(0.0, "decoupled weight decay of weight matrices (adamw)", at_least=0.0)
    clip_value: float = option(0.0, "clip each gradient element to +- this; 0: off", at_least=0.0)
    clip_norm: float = option(100.0, "clip the gradient's global norm to this; 0: off", at_least=0.0)
    # schedule
    schedule: Literal["constant", "staged", "exponential", "cosine", "plateau"] = option(
        "cosine", "how the learning rate changes"
    )
    stages: tuple[str, ...] = option((), "staged: EPOCH:RATE, from that epoch on (repeatable)")
    final_rate: float = option(1e-6, "learning rate at the schedule's end (or its least)", above=0.0)
    schedule_epochs: int | None = option(None, "epochs the schedule spans (unset: epochs)", at_least=1)
    plateau_patience: int = option(
        5, "plateau: epochs without a better score before the rate falls", at_least=1
    )
    plateau_factor: float = option(0.5, "plateau: what the rate is multiplied by", above=0.0, at_most=1.0)
    # training
    epochs: int | None = option(
        None, "epochs, at most (auto: 100; for a table as many as make table_steps)", at_least=1
    )
    table_steps: int = option(
        10_000,
        "tables: steps that make the epochs (auto: at least 50, at most a tenth of the steps)",
        at_least=1,
    )
    batch_size: int = option(100, "rows a step", at_least=1)
    shuffle: bool = option(True, "a new order of rows each epoch; off: file order")
    early_stopping: int | None = option(
        None,
        "stop after this many epochs without a better objective on validation rows; 0: never (auto: 20; for "
        "a table at least a fifth of epochs)",
        at_least=0,
    )
    checkpoint_seconds: float = option(
        5.0, "epochs shorter than this share a checkpoint; 0: one after every epoch", at_least=0.0
    )
    seed: int = option(0, "the one seed", at_least=0, at_most=2**32 - 1)
    mirror: bool | None = option(
        None, "train on mirror images too (auto: where pPCA with them is better on held-out images)"
    )
    # data
    validation: str = option("0.1", "share of rows kept for validation, 0 for none, or a path to other data")
    validation_by: Literal["block", "random", "group"] = option(
        "block", "validation rows: blocks of consecutive rows, random rows, or whole folders"
    )
    include: tuple[str, ...] = option((), "only files whose path matches this pattern (repeatable)")
    size: str | None = option(None, "resize images to HxW (for flat rows: their shape)")
    grayscale: bool = option(False, "convert images to grey")
    limit: int | None = option(None, "read only the first N rows", at_least=1)
    key: str | None = option(None, "name of the array inside a .npz or .mat file")
    column: tuple[str, ...] = option((), "type of a table's column (repeatable)")
    header: bool | None = option(
        None, "a table's first line has the columns' names (unset: found by looking)"
    )
    missing: bool = option(False, "take NaN in arrays as missing cells, as those of a table are")
    stream: bool | None = option(
        None, "read rows block by block as training goes on (unset: where they do not fit in memory)"
    )
    skip_bad: bool | None = option(
        None, "leave out unreadable images, and say how many (unset: where they are at most a tenth)"
    )
    cache: str | None = option(
        None, "folder where images read block by block stay decoded (unset: they are decoded for each run)"
    )
    scaling: Literal["auto", "standardise", "quantile"] = option(
        "auto",
        "tables: real columns by mean and sd, or by quantiles to a normal distribution (auto: odd ones)",
    )
    dequantise: bool | None = option(
        None, "spread each pixel level over its width (unset: where the likelihood is a density)"
    )
    binarise: bool = option(
        False, "draw each pixel as 0 or 1, its grey value the probability, afresh at every visit"
    )
    parts: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, **given: Value) -> "Settings":
        """Settings with these values and the declared defaults for the rest.

        Raises:
            SettingsError: an unknown setting, or a value that is not acceptable.
        """
        checked = check_all(options(), given)
        core = {name: value for name, value in checked.items() if name in core_options()}
        parts = {name: value for name, value in checked.items() if name not in core}
        settings = cls(**core, parts=parts)
        settings._check_parts()
        return settings

    def with_(self, **given: Value) -> "Settings":
        """These settings with some replaced."""
        return type(self).of(**{**self.given(), **given})

    def get(self, name: str) -> Value:
        """The value of any setting, the frame's or a part's."""
        if name in core_options():
            return getattr(self, name)
        return self.parts.get(name, options()[name].default)

    def part(self, kind: catalogue.Kind, name: str) -> dict[str, Value]:
        """The options of one part, as its class takes them."""
        return {o.name: self.parts.get(o.name, o.default) for o in catalogue.find(kind, name).options}

    @property
    def most_epochs(self) -> int:
        """How many epochs there are at most, once that is settled."""
        assert self.epochs is not None
        return self.epochs

    def of_model(self) -> "Settings":
        """Those that the model is made by, the others as declared."""
        homes = ("model", "network", "posterior", "prior", "likelihood")
        given = self.given().items()
        return type(self).of(**{n: v for n, v in given if options()[n].home.split(" ")[0] in homes})

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.given().items())))

    def penalties(self) -> dict[str, float]:
        """The penalties that have a weight, and their weights."""
        weights = {name: self.get(name.replace("-", "_")) for name in catalogue.parts("penalty")}
        return {name: weight for name, weight in weights.items() if weight > 0}

    def given(self) -> dict[str, Value]:
        """Every setting that differs from its declared default, and all part options that were set."""
        core = {o.name: getattr(self, o.name) for o in core_options().values()}
        changed = {n: v for n, v in core.items() if v != core_options()[n].default}
        return {**changed, **self.parts}

    def all(self) -> dict[str, Value]:
        """Every setting of the frame and of the chosen parts."""
        core = {name: getattr(self, name) for name in core_options()}
        return {**core, **{name: self.get(name) for name in self.used_part_options()}}

    def used_part_options(self) -> dict[str, Option]:
        """The options of the parts these settings choose, and all penalties' weights."""
        used: dict[str, Option] = {}
        for kind, name in self.chosen():
            used |= {o.name: o for o in catalogue.find(kind, name).options}
        weights = {o.name: o for o in map(catalogue.penalty_weight, catalogue.parts("penalty").values())}
        return used | weights

    def chosen(self) -> list[tuple[catalogue.Kind, str]]:
        """Kind and name of every part in use."""
        single: list[tuple[catalogue.Kind, str]] = [
            ("network", self.network),
            ("posterior", self.posterior),
            ("prior", self.prior),
            # Open only until a fit has seen its data.
            ("objective", "elbo" if self.objective == "auto" else self.objective),
        ]
        if self.likelihood != "auto":
            single.append(("likelihood", self.likelihood))
        return single + [("penalty", name) for name in self.penalties()]

    def _check_parts(self) -> None:
        for kind, name in self.chosen():
            catalogue.find(kind, name)
        parse_types(self.column)
        if self.schedule == "staged":
            self.stage_list()
        elif self.stages:
            raise SettingsError(
                f"stages are for schedule staged, found schedule {self.schedule}; add --schedule staged"
            )

    def stage_list(self) -> list[tuple[float, float]]:
        """The stages as (epoch, rate), in order.

        Raises:
            SettingsError: one is not EPOCH:RATE, or there is none.
        """
        if not self.stages:
            raise SettingsError(
                "schedule staged needs stages: --stages EPOCH:RATE, for example --stages 50:1e-4"
            )
        try:
            pairs = [stage.split(":") for stage in self.stages]
            stages = sorted((float(epoch), float(rate)) for epoch, rate in pairs)
            if not all(epoch >= 0 and 0 < rate < math.inf for epoch, rate in stages):
                raise ValueError
            return stages
        except ValueError:
            raise SettingsError(
                f"a stage is EPOCH:RATE, for example 50:1e-4, found {', '.join(self.stages)}"
            ) from None


@cache
def core_options() -> dict[str, Option]:
    """The frame's own settings."""
    found = {}
    for f in dataclasses.fields(Settings):
        if "help" not in f.metadata:
            continue
        bounds = {k: f.metadata[k] for k in ("at_least", "above", "at_most")}
        found[f.name] = Option(f.name, f.type, f.default, f.metadata["help"], _home(f.name), **bounds)
    return found


@cache
def options() -> dict[str, Option]:
    """Every setting there is, by name: the frame's, then the parts'."""
    return {**core_options(), **catalogue.part_options()}


def kind_of(name: str) -> catalogue.Kind | None:
    """The kind of part a setting chooses, if it chooses one."""
    return name if name in catalogue.FOLDERS else None  # pyright: ignore[reportReturnType]


def plain(value: Value) -> Any:
    """A value as TOML and JSON have it."""
    return list(value) if isinstance(value, tuple) else value


_FIRST_OF_HOME = {
    "latent_dim": "model",
    "objective": "objective",
    "optimizer": "optimizer",
    "schedule": "schedule",
    "epochs": "training",
    "validation": "data",
}


def _home(name: str) -> str:
    home = "model"
    for f in dataclasses.fields(Settings):
        home = _FIRST_OF_HOME.get(f.name, home)
        if f.name == name:
            break
    return home
