"""One program for many models: what is traced of each, and what they must have in common."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from vaefit.evaluation import block_terms
from vaefit.model import VAE
from vaefit.optimise import build_schedule, schedule_of
from vaefit.program import Program, State
from vaefit.settings import Settings
from vaefit.sweeping.latents import of_first_latents
from vaefit.train import Trainer

# Options of parts whose code takes them as numbers, whatever they are.
OPTIONS = ("beta", "keep_prob")
# What only Python reads, model by model, or every model has traced.
OWN = ("seed", "epochs", "early_stopping", "plateau_patience", "plateau_factor", "checkpoint_seconds")
RATES = ("learning_rate", "final_rate", "schedule_epochs")
M = TypeVar("M", bound=eqx.Module)


class Numbers(NamedTuple):
    """What is one model's own; of many models every number has a leading axis.

    `latents` is how many of the program's latents it has, `options` are those of parts, by name.
    """

    latents: Int[Array, "*models"] | int
    learning_rate: Float[Array, "*models"] | float
    final_rate: Float[Array, "*models"] | float
    schedule_epochs: Float[Array, "*models"] | float
    options: dict[str, Any]
    penalties: tuple[Any, ...]


def numbers_of(trainer: Trainer, settings: Settings) -> Numbers:
    """The numbers of the model that a trainer trains."""
    used = settings.used_part_options()
    numbers = Numbers(
        trainer.model.posterior.latent_dim,
        settings.learning_rate,
        min(settings.final_rate, settings.learning_rate),
        float(settings.schedule_epochs or settings.most_epochs),
        {name: settings.get(name) for name in OPTIONS if name in used},
        tuple(weight for _, weight, _ in trainer.program.penalties),
    )
    return jax.tree.map(jnp.asarray, numbers)


@dataclass(frozen=True)
class Own(Program):
    """The program of one of many models."""

    numbers: Numbers
    masked: bool

    def model(self, params: PyTree) -> VAE:
        """The model with these weights, and this one's latents and dropout."""
        model = with_options(super().model(params), **self.numbers.options)
        return of_first_latents(model, self.numbers.latents) if self.masked else model


@dataclass(frozen=True)
class Shared:
    """What models that train as one have in common: all that is not among their `Numbers`.

    The program has the largest number of latents; `masked` is whether some models have fewer. Without
    `apart` the program is mapped over all models.
    """

    program: Program
    schedule: str
    stages: tuple[tuple[float, float], ...]
    validation_samples: int
    masked: bool
    apart: bool

    def own(self, numbers: Numbers) -> Program:
        """One model's program, within a trace."""
        shared = {f.name: getattr(self.program, f.name) for f in fields(Program)}
        names = [(name, penalty) for name, _, penalty in self.program.penalties]
        shared["penalties"] = tuple(
            (name, weight, penalty) for (name, penalty), weight in zip(names, numbers.penalties, strict=True)
        )
        shared["objective"] = with_options(self.program.objective, **numbers.options)
        shared["schedule"] = schedule_of(
            self.schedule,
            learning_rate=numbers.learning_rate,
            final_rate=numbers.final_rate,
            epochs=numbers.schedule_epochs,
            stages=self.stages,
        )
        return Own(**shared, numbers=numbers, masked=self.masked)

    def chunk(
        self,
        state: State,
        numbers: Numbers,
        x: Float[Array, "rows variables"],
        order: Int[Array, " padded"],
        key: Key[Array, ""],
        rate_scale: Float[Array, ""],
        start: Int[Array, ""],
        stop: Int[Array, ""],
    ) -> tuple[State, Bool[Array, ""]]:
        """Steps `start` to `stop` of one model, and whether all of them were finite."""
        return self.own(numbers).chunk(state, (x, None), order, key, rate_scale, start, stop)

    def order(
        self, key: Key[Array, ""], epoch: Int[Array, ""], data: Int[Array, ""]
    ) -> Int[Array, " padded"]:
        """Which row of all data comes when in an epoch of a model with this one of them; -1 is padding."""
        order = self.program.order(key, epoch)
        return jnp.where(order < 0, -1, order + data * self.program.rows)

    def terms(
        self,
        params: PyTree,
        numbers: Numbers,
        blocks: Float[Array, "data blocks rows variables"],
        which: Int[Array, ""],
        key: Key[Array, ""],
    ) -> Float[Array, "blocks rows 3"]:
        """Rate, distortion and importance-weighted bound of the rows of one model's data, nats."""
        own = self.own(numbers)

        def of_block(number: Array) -> Array:
            block, block_key = blocks[which, number], jax.random.fold_in(key, number)
            return block_terms(own.model(params), block, block_key, self.validation_samples)

        return jax.lax.map(of_block, jnp.arange(blocks.shape[1]))


def shared_by(trainer: Trainer, settings: Settings) -> tuple[Shared, tuple[Any, ...]]:
    """What a model shares with others, but for its latents, and all else that must be equal to share it."""
    program, staged = trainer.program, settings.schedule == "staged"
    same: dict[str, float] = dict.fromkeys(OPTIONS, 1.0)
    static = program.static
    if latents_are_separable(trainer.model):
        same["latent_dim"] = 0
    neutral = replace(
        program,
        static=with_options(static, **same),
        objective=with_options(program.objective, **same),
        penalties=tuple((name, 1.0, penalty) for name, _, penalty in program.penalties),
        schedule=build_schedule("constant", learning_rate=1.0, final_rate=1.0, epochs=1, stages=()),
    )
    shared = Shared(
        neutral,
        settings.schedule,
        tuple(settings.stage_list()) if staged else (),
        trainer.evaluator.samples,
        masked=False,
        apart=better_apart(),
    )
    own = {*OWN, *RATES, *same}
    own |= {name.replace("-", "_") for name in settings.penalties()}
    rest = tuple((name, value) for name, value in sorted(settings.all().items()) if name not in own)
    held_out = 0 if trainer.validation is None else len(trainer.validation)
    return shared, (rest, trainer.x.shape, held_out)


def better_apart() -> bool:
    """Whether a model is better trained on a processor of its own than beside others in one program."""
    return jax.default_backend() == "cpu"


def latents_are_separable(model: VAE) -> bool:
    """Whether a model of fewer latents is one of more, of which some are left alone."""
    return model.posterior.latent_by_latent and model.prior.latent_by_latent


@lru_cache(maxsize=16)
def compiled(shared: Shared) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """A chunk of steps, an epoch's order of rows, and the terms of validation rows.

    The first and the last are of one model, or mapped over all.
    """
    chunk, terms = shared.chunk, shared.terms
    if not shared.apart:
        chunk = jax.vmap(chunk, (0, 0, None, 0, 0, 0, None, None))
        terms = jax.vmap(terms, (0, 0, None, 0, 0))
    return jax.jit(chunk), jax.jit(shared.order), jax.jit(terms)


def with_options(part: M, **values: Any) -> M:
    """The same part, and the parts inside it, with other values wherever a field has one of these names.

    The values may be traced: the part can then be called, but is no tree to map over.
    """
    copy = object.__new__(type(part))
    for name, value in vars(part).items():
        new = values.get(name, with_options(value, **values) if isinstance(value, eqx.Module) else value)
        object.__setattr__(copy, name, new)
    return copy
