"""The decoder of a run as a page computes it: in units of the data, from the run's own weights."""

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaefit.backend import quickly_compiled, runs_once
from vaefit.data import Transform
from vaefit.likelihoods.columns import Columns
from vaefit.model import VAE
from vaefit.report.lowering import CannotLower, Flat, Steps, flatten, lower
from vaefit.run import Run

# Bytes of a page's text that weights may take.
MOST_BYTES = 4_000_000
# Half precision is kept where what it changes stays below this, in network units (relative to large ones).
CLOSE = 8e-4
# Smaller matrices are not worth a loss of precision.
LARGE = 4096
MOST_CHECKED = 64
# The largest number of half precision is 65504; a matrix is scaled to stay below this.
HALF_TOP = 2.0**14


class TooLarge(CannotLower):
    """The weights are too many for a page."""


def payload(run: Run, means: Float[np.ndarray, "rows latent"]) -> dict[str, Any]:
    """The decoder for `VaefitDecoder` of `assets/decoder.js`, ready for JSON.

    Latent vectors at and around the posterior `means` are decoded to find whether half precision will do:
    it is kept where mean and sd change by less than 8e-4 in network units; `error` is how much they do.

    Raises:
        CannotLower: a part computes what pages cannot, or the weights are more than 4 MB.

    >>> from vaefit import fit
    >>> run = fit(np.eye(6) + 1.0, epochs=1, latent_dim=2, decoder_layers=(5,), validation="0")
    >>> made = payload(run, np.zeros((1, 2), np.float32))
    >>> len(made["program"]["sizes"]) > 10, made["half"]
    (True, False)
    """
    # As on a processor, where convolutions are matrix products.
    with jax.default_device(jax.devices("cpu")[0]):
        flat = flatten(lambda z: jax.tree.leaves(_outputs(run.model, z)), run.model.posterior.latent_dim)
    steps = lower(flat)
    z = _tried(means)
    half, error = _precision(flat, steps, z)
    return {
        "program": _program(steps, half) | {"outputs": _places(run.model, steps)},
        "units": _units(run.transform),
        "half": half,
        "error": error,
    }


class Decoded(NamedTuple):
    """p(x|z) of some latent vectors in the data's units.

    `sd` is None where the likelihood has none for a single z; `chances` are those of the categories of every
    column that has some, one column after the other, None where there are none.
    """

    mean: Float[np.ndarray, "rows variables"]
    sd: Float[np.ndarray, "rows variables"] | None
    chances: Float[np.ndarray, "rows categories"] | None


def decoded(run: Run, z: Float[np.ndarray, "rows latent"]) -> Decoded:
    """What `VaefitDecoder` computes, from the model itself: for decoders that no page can hold."""
    found = jax.device_get(_jitted(run.model, jnp.asarray(z, jnp.float32)))
    sd = None if found.sd is None else run.transform.inverse_scale(found.sd)
    return Decoded(run.transform.inverse(found.mean), sd, found.chances)


class _Outputs(NamedTuple):
    """Mean of p(x|z), and where there are any its sd and the chances of categories, in network units."""

    mean: Float[Array, "*rows variables"]
    sd: Float[Array, "*rows variables"] | None
    chances: Float[Array, "*rows categories"] | None


@quickly_compiled
def _jitted(model: VAE, z: Float[Array, "rows latent"]) -> _Outputs:
    return _outputs(model, z)


def _outputs(model: VAE, z: Float[Array, "*rows latent"]) -> _Outputs:
    output, sd, chances = model.decoder(z).output, None, None
    mean = model.likelihood.location(output)
    if has_sd(model):
        # Where it is nearly zero it may be below by rounding.
        variance = jnp.maximum(jnp.asarray(model.likelihood(output).variance), 0.0)
        sd = jnp.broadcast_to(jnp.sqrt(variance), mean.shape)
    if isinstance(model.likelihood, Columns) and (found := model.likelihood.chances(output)):
        chances = jnp.concatenate(list(found.values()), axis=-1)
    return _Outputs(mean, sd, chances)


def has_sd(model: VAE) -> bool:
    """Whether p(x|z) has an sd for a single z."""
    if model.likelihood.joint:
        return False
    output = jnp.zeros(model.likelihood.width)
    try:
        return eqx.filter_eval_shape(lambda part: part(output).variance, model.likelihood) is not None
    except NotImplementedError:
        return False


def _places(model: VAE, steps: Steps) -> dict[str, int | None]:
    """Where among a program's values its results are."""
    numbers = dict(zip(sorted(steps.sizes), range(len(steps.sizes)), strict=True))
    found = [numbers[number] for number in steps.outputs]
    mean, rest = found[0], found[1:]
    sd = rest.pop(0) if has_sd(model) else None
    return {"mean": mean, "sd": sd, "chances": rest[0] if rest else None}


def _tried(means: Float[np.ndarray, "rows latent"]) -> Float[np.ndarray, "tried latent"]:
    """Some posterior means, and draws that go twice as far."""
    some = means[:: -(-len(means) // MOST_CHECKED)]
    wild = 2.0 * np.random.default_rng(0).standard_normal(some.shape)
    return np.concatenate([some, wild]).astype(np.float32)


def _precision(flat: Flat, steps: Steps, z: Float[np.ndarray, "tried latent"]) -> tuple[bool, float]:
    """Whether half precision will do, and how much it changes."""
    sizes = _bytes(steps, half=True)
    if sizes > MOST_BYTES:
        raise TooLarge(f"its weights take {sizes / 1e6:.1f} MB")
    error = _error(flat, z)
    if error <= CLOSE or not any(_worth_halving(steps, number) for number in steps.matrices):
        return error > 0, error
    if _bytes(steps, half=False) > MOST_BYTES:
        raise TooLarge(f"half precision of its weights changes what it decodes by {error:.2g}")
    return False, 0.0


def _bytes(steps: Steps, *, half: bool) -> int:
    """Bytes of the constants in base64."""
    halved = sum(steps.sizes[n] for n in steps.matrices if half and _worth_halving(steps, n))
    return (4 * sum(value.size for value in steps.constants.values()) - 2 * halved) * 4 // 3


def _worth_halving(steps: Steps, number: int) -> bool:
    return steps.sizes[number] >= LARGE


def _error(flat: Flat, z: Float[np.ndarray, "tried latent"]) -> float:
    """The largest change of mean and sd by half precision of the matrices, relative where they exceed 1."""
    products = {n for equation in flat.equations if equation.name == "dot_general" for n in equation.ins}
    halved = {
        number: _through_half(np.asarray(value)) if number in products and np.size(value) >= LARGE else value
        for number, value in flat.known.items()
    }
    run = jax.jit(lambda known, z: jax.vmap(lambda one: flat.run(one, known))(z), **runs_once())
    pairs = zip(*(jax.device_get(run(known, z)) for known in (flat.known, halved)), strict=True)
    changes = [np.abs(a - b) / np.maximum(1.0, np.abs(a)) for a, b in pairs]
    return max(float(np.max(change)) for change in changes)


def _through_half(value: np.ndarray) -> np.ndarray:
    half, scale = _halved(value)
    return half.astype(np.float32) * np.float32(scale)


def _halved(value: np.ndarray) -> tuple[np.ndarray, float]:
    """In half precision, scaled by a power of two so that small weights keep their digits."""
    top = float(np.abs(value).max(initial=0.0))
    scale = 2.0 ** np.ceil(np.log2(top / HALF_TOP)) if top > 0 else 1.0
    return (value / scale).astype(np.float16), float(scale)


def _program(steps: Steps, half: bool) -> dict[str, Any]:
    numbers = {number: place for place, number in enumerate(sorted(steps.sizes))}
    pools: dict[bool, list[np.ndarray]] = {True: [], False: []}
    ends = {True: 0, False: 0}
    constants = []
    for number, value in sorted(steps.constants.items()):
        halve = half and number in steps.matrices and _worth_halving(steps, number)
        kept, scale = _halved(value) if halve else (value, 1.0)
        constants.append([numbers[number], ends[halve], int(halve), scale])
        pools[halve].append(kept)
        ends[halve] += value.size
    return {
        "input": numbers[steps.input],
        "sizes": [steps.sizes[number] for number in sorted(steps.sizes)],
        "constants": constants,
        "half": encoded(pools[True], np.float16),
        "single": encoded(pools[False], np.float32),
        "steps": [
            [step.name, numbers[step.out], [numbers[n] for n in step.ins], *step.params.values()]
            for step in steps.steps
        ],
    }


def encoded(arrays: Sequence[np.ndarray], kind: Any) -> str:
    """Arrays one after the other in base64, little-endian."""
    flat = np.concatenate([np.empty(0), *(array.ravel() for array in arrays)])
    return base64.b64encode(flat.astype(np.dtype(kind).newbyteorder("<")).tobytes()).decode()


def _units(transform: Transform) -> dict[str, Any]:
    """From network units to the data's: a broken line for each column, or one straight line each."""
    spread = _short(transform.inverse_scale(np.ones(transform.dim)))
    knots = getattr(transform, "knots", None)
    if knots is not None:
        return {"lines": [[[x for _, x in line], [v for v, _ in line]] for line in knots], "spread": spread}
    at = np.random.default_rng(0).normal(size=(3, transform.dim))
    offset, one = transform.inverse(np.zeros(transform.dim)), transform.inverse(np.ones(transform.dim))
    if not np.allclose(transform.inverse(at), offset + at * (one - offset), rtol=1e-9, atol=1e-9):
        raise CannotLower(f"a page cannot undo the transform '{transform.kind}'")
    return {"offset": _short(offset), "scale": _short(one - offset), "spread": spread}


def _short(values: np.ndarray) -> float | list[float]:
    """One number where all are the same."""
    return float(values[0]) if (values == values[0]).all() else [float(value) for value in values]
