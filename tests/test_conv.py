"""Convolutions as matrix products against XLA's own, at every kind of size; networks of them."""

from functools import partial
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaefit.networks import _convolution as convolution
from vaefit.networks.conv import Conv

# Powers of two, odd, narrow, wide; 16 to 128.
SIZES = [(16, 16), (19, 20), (31, 33), (64, 28), (127, 17), (128, 128)]


@pytest.mark.parametrize(
    ("size", "rows"), [*((size, 1) for size in SIZES), *((size, 8) for size in SIZES[:3])], ids=str
)
def test_products_are_xlas_convolutions(size: tuple[int, int], rows: int) -> None:
    """Few rows and channels in patches, many in tiles."""
    rng = np.random.default_rng(0)
    into, out = (3, 5) if rows == 1 else (16, 17)
    assert convolution._worth_tiles(rows, jnp.empty((4, 4, into, out))) == (rows > 1)
    x, kernel = rng.normal(size=(rows, *size, into)), rng.normal(size=(4, 4, into, out))
    y = x[:, : -(-size[0] // 2), : -(-size[1] // 2)]

    @jax.jit
    def found(x: jax.Array, y: jax.Array, kernel: jax.Array) -> list[tuple[jax.Array, ...]]:
        """Values and gradients: shrunk and grown by products, and the same natively."""
        makers = [
            *((getattr(convolution, f"shrunk_{how}"), x, ()) for how in ("by_products", "natively")),
            *((getattr(convolution, f"grown_{how}"), y, (size,)) for how in ("by_products", "natively")),
        ]
        results = []
        for make, given, more in makers:
            value, back = jax.vjp(lambda a, k, make=make, more=more: make(a, k, *more), given, kernel)
            results.append((value, *back(jnp.sin(1.0 * jnp.arange(value.size)).reshape(value.shape))))
        return results

    shrunk, wanted_shrunk, grown, wanted_grown = found(*(jnp.asarray(a, jnp.float32) for a in (x, y, kernel)))
    assert grown[0].shape == (rows, *size, out)
    for numbers, wanted in zip((*shrunk, *grown), (*wanted_shrunk, *wanted_grown), strict=True):
        np.testing.assert_allclose(numbers, wanted, atol=1e-5 * float(jnp.abs(wanted).max()))


def test_growing_is_shrinking_transposed() -> None:
    size = (19, 20)
    rng = np.random.default_rng(1)
    kernel = jnp.asarray(rng.normal(size=(4, 4, 3, 2)), jnp.float32)
    x = jnp.asarray(rng.normal(size=(1, *size, 3)), jnp.float32)
    shrunk, back = jax.vjp(lambda x: convolution.shrunk(x, kernel), x)
    y = jnp.asarray(rng.normal(size=shrunk.shape), jnp.float32)
    grown = convolution.grown(y, kernel.transpose(0, 1, 3, 2), size)
    np.testing.assert_allclose(grown, back(y)[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(28, 28), (19, 17, 3)])
def test_networks_on_gpus_give_the_same_numbers(shape: tuple[int, ...], monkeypatch) -> None:
    dim, options = int(np.prod(shape)), {"bias": True, "channels": (4, 7, 8), "init_sd": 0.3, "bias_sd": 0.1}
    encoder = Conv.build((dim, 9, 4), key=jax.random.key(0), reads=shape, **options)
    decoder = Conv.build((2, 9, 2 * dim), key=jax.random.key(1), writes=shape, **options)

    def outputs(on_cpu: bool) -> jax.Array:
        monkeypatch.setattr(convolution, "computes_on_cpu", lambda: on_cpu)
        x = jax.random.normal(jax.random.key(2), (3, dim))
        return decoder(encoder(x).output[:, :2]).output

    here, there = (jax.jit(partial(outputs, on_cpu))() for on_cpu in (True, False))
    assert here.shape == (3, 2 * dim)
    np.testing.assert_allclose(here, there, atol=1e-5 * float(jnp.abs(here).max()))


def test_a_decoder_gives_means_of_all_pixels_and_then_their_sds() -> None:
    """The colours of a pixel lie together, its mean and its sd an image apart."""
    # Each pixel inside is reached by 2x2 of the kernel's numbers: output channel c is c everywhere.
    kernel = jnp.broadcast_to(jnp.arange(6.0) / 4, (4, 4, 1, 6))
    options = {"bias": False, "channels": (1,), "activation": "relu"}
    net = Conv.build((1, 16 * 16 * 6), key=jax.random.key(0), writes=(16, 16, 3), **options)
    net = eqx.tree_at(lambda n: n.weights, net, (jnp.ones((1, 64)), kernel))
    found = net(jnp.ones((1, 1))).output.reshape(2, 16, 16, 3)[:, 1:-1, 1:-1]
    np.testing.assert_allclose(found, np.broadcast_to(np.arange(6.0).reshape(2, 1, 1, 3), found.shape))


@pytest.mark.parametrize("side", range(8, 129, 8))
def test_every_size_has_stages_that_end_small(side: int) -> None:
    shape = (side, side + 1)
    net = jax.eval_shape(
        lambda key: Conv.build((side * (side + 1), 4), bias=True, key=key, reads=shape), jax.random.key(0)
    )
    assert all(-(-before[0] // 2) == after[0] for before, after in pairwise(net.images))
    assert 4 <= net.images[-1][0] < 8
    assert [channels for *_, channels in net.images[1:]] == [32, 64, 128, 256, 256][: len(net.images) - 1]
