"""From settings to a model, an objective, penalties, an optimiser and a plan."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Key

from vaefit import catalogue, devices
from vaefit.backend import runs_once
from vaefit.data import Transform, Variable
from vaefit.data.streams import Whole
from vaefit.errors import SettingsError
from vaefit.evaluation import bound
from vaefit.model import VAE
from vaefit.networks import LinearPath, Network, ShownCells, shown_width
from vaefit.objectives import Objective
from vaefit.optimise import Schedule, build_optimizer, build_schedule
from vaefit.penalties import Penalty
from vaefit.plan import Parts, Plan
from vaefit.settings import Settings
from vaefit.streaming import Streamed
from vaefit.train import Trainer
from vaefit.visits import TrainingVisit


def build_model(
    settings: Settings,
    dim: int,
    key: Key[Array, ""],
    variables: tuple[Variable, ...] = (),
    shape: tuple[int, ...] | None = None,
) -> VAE:
    """The model that the settings describe, for rows of `dim` variables, with random weights.

    `variables` say what they are where they are of several kinds; networks are shown them accordingly, if the
    likelihood tells them apart. `shape` is that of a row, where it is an image.
    """
    encoder_key, decoder_key = jax.random.split(key)
    latent_dim = settings.latent_dim
    assert latent_dim is not None
    posterior = _part(settings, "posterior", settings.posterior, latent_dim=latent_dim)
    likelihood_part = catalogue.find("likelihood", settings.likelihood).load()
    likelihood = likelihood_part.of_variables(
        dim, variables, **settings.part("likelihood", settings.likelihood)
    )
    shown = variables if likelihood.typed else ()
    into = (shown_width(shown) if shown else dim, *settings.encoder_layers, posterior.width)
    out_of = (latent_dim, *settings.decoder_layers, likelihood.width)
    encoder = _network(settings, into, settings.encoder_bias, encoder_key, reads=shape)
    model = VAE(
        encoder=ShownCells(encoder, shown) if shown else encoder,
        posterior=posterior,
        decoder=_network(settings, out_of, settings.decoder_bias, decoder_key, writes=shape),
        likelihood=likelihood,
        prior=_part(settings, "prior", settings.prior, latent_dim=latent_dim),
    )
    # A weight that JAX calls weakly typed no longer is after a step, and all would be compiled anew.
    return jax.tree.map(lambda leaf: leaf.astype(leaf.dtype) if eqx.is_array(leaf) else leaf, model)


@lru_cache(maxsize=64)
def builder(
    settings: Settings, dim: int, variables: tuple[Variable, ...], shape: tuple[int, ...] | None
) -> Callable[[Key[Array, ""]], VAE]:
    """`build_model` as one compiled program: operations one by one would be compiled in every process."""
    return eqx.filter_jit(lambda key: build_model(settings, dim, key, variables, shape), **runs_once())


@lru_cache(maxsize=64)
def _shapes(
    settings: Settings, dim: int, variables: tuple[Variable, ...], shape: tuple[int, ...] | None
) -> VAE:
    """The model that `builder` makes, with shapes in place of its weights."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    return eqx.filter_eval_shape(lambda key: build_model(settings, dim, key, variables, shape), key)


def build_objective(settings: Settings) -> Objective:
    """What training maximises."""
    return _part(settings, "objective", dict(settings.chosen())["objective"])


def build_penalties(settings: Settings) -> dict[str, tuple[float, Penalty]]:
    """The penalties in use, by name, each with its weight."""
    return {name: (weight, _part(settings, "penalty", name)) for name, weight in settings.penalties().items()}


def build_schedule_of(settings: Settings) -> Schedule:
    """The learning rate as a function of the epoch."""
    return build_schedule(
        settings.schedule,
        learning_rate=settings.learning_rate,
        final_rate=settings.final_rate,
        epochs=settings.schedule_epochs or settings.most_epochs,
        stages=tuple(settings.stage_list()) if settings.schedule == "staged" else (),
    )


def build_optimizer_of(settings: Settings) -> Any:
    """The optimiser."""
    return build_optimizer(
        settings.optimizer,
        momentum=settings.momentum,
        rms_decay=settings.rms_decay,
        accumulator_start=settings.accumulator_start,
        adam_b1=settings.adam_b1,
        adam_b2=settings.adam_b2,
        optimizer_epsilon=settings.optimizer_epsilon,
        weight_decay=settings.weight_decay,
        clip_value=settings.clip_value,
        clip_norm=settings.clip_norm,
    )


def build_plan(settings: Settings, transform: Transform) -> Plan:
    """How to train."""
    hides = bool(transform.variables) and catalogue.find("likelihood", settings.likelihood).load().typed
    return Plan(
        epochs=settings.most_epochs,
        batch_size=settings.batch_size,
        samples=settings.samples,
        validation_samples=settings.validation_samples,
        shuffle=settings.shuffle,
        seed=settings.seed,
        early_stopping=settings.early_stopping or 0,
        plateau_patience=settings.plateau_patience if settings.schedule == "plateau" else 0,
        plateau_factor=settings.plateau_factor,
        final_rate=settings.final_rate,
        visit=TrainingVisit(
            transform.visit,
            mirror=transform.shape if settings.mirror else None,
            hide=(settings.cell_dropout or 0.0) if hides else 0.0,
        ),
        log_jacobian=transform.row_log_jacobian,
        jacobian_varies=bool(transform.variables),
    )


def build_parts(settings: Settings, transform: Transform) -> Parts:
    """What training is made of, apart from the model and the rows."""
    return Parts(
        build_objective(settings),
        build_penalties(settings),
        build_optimizer_of(settings),
        build_schedule_of(settings),
        build_plan(settings, transform),
    )


def begin_compiling(
    settings: Settings, transform: Transform, x: Float[np.ndarray, "rows variables"], *, validated: bool
) -> None:
    """Compile what `build_trainer`'s training will need, in the background while its model is made.

    The trainer's programs will be equal to these, and find them compiled, or wait for them.

    Raises:
        SettingsError: as `build_trainer` does.
    """
    if devices.mesh() is not None:
        return
    parts = build_parts(settings, transform)
    model = _shapes(settings.of_model(), x.shape[1], transform.variables, transform.shape)
    _check_together(settings, parts, model)
    params, static = eqx.partition(model, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    parts.program(static, len(x)).begin_compiling(params, x.shape[1])
    if validated:
        samples = parts.validation_samples(model.likelihood)
        bound.begin_compiling(static, params, samples, x.shape[1])


def build_trainer(
    settings: Settings,
    transform: Transform,
    model: VAE,
    x: Float[np.ndarray, "rows variables"],
    validation: Float[np.ndarray, "held_out variables"] | None = None,
    weights: Float[np.ndarray, " rows"] | None = None,
    validation_weights: Float[np.ndarray, " held_out"] | None = None,
    whole: Whole | None = None,
) -> Trainer:
    """The training that the settings describe, of a model on rows as the network takes them.

    Where rows are read block by block, `whole` are all of them and `x` is a sample.

    Raises:
        SettingsError: the objective and the likelihood do not go together.
    """
    parts = build_parts(settings, transform)
    _check_together(settings, parts, model)
    return Trainer(
        model=model,
        parts=parts,
        x=x,
        validation=validation,
        weights=weights,
        validation_weights=validation_weights,
        stream=None if whole is None else _streamed(settings, transform, whole),
    )


def _check_together(settings: Settings, parts: Parts, model: VAE) -> None:
    if parts.objective.needs_each_sample and model.likelihood.joint:
        raise SettingsError(
            f"objective {settings.objective} weighs samples one by one, but likelihood {settings.likelihood} "
            "takes them together; choose another of the two"
        )


def _streamed(settings: Settings, transform: Transform, whole: Whole) -> Streamed:
    return Streamed(whole, transform.forward, settings.batch_size, settings.shuffle, settings.seed)


def _network(
    settings: Settings,
    sizes: tuple[int, ...],
    bias: bool,
    key: Key[Array, ""],
    **ends: tuple[int, ...] | None,
) -> Network:
    part, options = catalogue.find("network", settings.network), settings.part("network", settings.network)
    network = part.load().build(sizes, bias=bias, key=key, **ends, **options)
    return LinearPath.beside(network, sizes[0], sizes[-1]) if settings.linear_path else network


def _part(settings: Settings, kind: catalogue.Kind, name: str, **context: Any) -> Any:
    return catalogue.find(kind, name).load()(**context, **settings.part(kind, name))
