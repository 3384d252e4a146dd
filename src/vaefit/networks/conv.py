"""Convolutional stages, with fully connected layers between them and the latents."""

import math
from itertools import pairwise
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from vaefit.networks._activations import ACTIVATIONS
from vaefit.networks._convolution import grown, halved, shrunk
from vaefit.networks._layers import Layered
from vaefit.options import option

SMALLEST = 8  # pixels a side
# Images smaller than this are not halved again; channels double from stage to stage, within bounds.
FEWEST_PIXELS, FIRST, MOST = 8, 32, 256

Size = tuple[int, int, int]


class Conv(Layered):
    r"""Stages of 4x4 convolutions of stride 2 between an image and fully connected layers.

    An encoder halves the image's sides in every stage (odd ones rounded up) and goes on with the fully
    connected layers; a decoder is the same backwards, with transposed convolutions. Its output bias has a
    value for each pixel, so that training may start at the data's mean. Dropout keeps each channel of a stage
    whole or not at all (Tompson et al. 2015, arXiv:1411.4280), and each unit of the other layers.

    >>> import jax
    >>> net = Conv.build((361, 50, 2), bias=True, key=jax.random.key(0), reads=(19, 19), channels=(8, 16))
    >>> net(jnp.ones((3, 361))).output.shape, [w.shape for w in net.weights]
    ((3, 2), [(4, 4, 1, 8), (4, 4, 8, 16), (400, 50), (50, 2)])
    """

    reference: ClassVar[str] = "Burgess et al. 2018, arXiv:1804.03599"

    channels: tuple[int, ...] | None = option(
        None,
        "channels of the stages, from the image on (auto: 32, 64, 128, 256, 256 ..., as many stages as leave "
        "at least 4 pixels a side)",
        at_least=1,
    )
    activation: Literal["elu", "gelu", "leaky-relu", "relu", "sigmoid", "silu", "softplus", "tanh"] = option(
        "elu", "hidden units' activation"
    )
    keep_prob: float = option(
        0.8, "dropout: probability of keeping a hidden unit (tables: 1, unless set)", above=0.0, at_most=1.0
    )
    init_sd: float | None = option(
        None,
        "sd of the initial weights (unset: 1/sqrt(inputs) in hidden layers, 0 in the last)",
        at_least=0.0,
    )
    init_mean: float = option(0.0, "mean of the initial weights")
    bias_sd: float = option(0.0, "sd of the initial biases", at_least=0.0)
    bias_mean: float = option(0.0, "mean of the initial biases")
    weights: tuple[Float[Array, "..."], ...] = eqx.field(default=())
    biases: tuple[Float[Array, " _"] | None, ...] = eqx.field(default=())
    # Height, width and channels before the first stage and after each, in the order of computation.
    images: tuple[Size, ...] = eqx.field(static=True, default=())
    grows: bool = eqx.field(static=True, default=False)
    # Channels of the image itself; a decoder may have several numbers for each.
    colours: int = eqx.field(static=True, default=1)

    @classmethod
    def refusal(
        cls, shape: tuple[int, ...], *, channels: tuple[int, ...] | None = None, **_: Any
    ) -> str | None:
        """Why there is no such network for rows of this shape: they are no images, or too small."""
        if len(shape) < 2:
            return f"is for images, found rows of {math.prod(shape)} columns; choose --network dense"
        side = min(shape[:2])
        if side < SMALLEST:
            return (
                f"is for images of at least {SMALLEST}x{SMALLEST} pixels, found {shape[0]}x{shape[1]}; "
                "choose --network dense"
            )
        most = math.ceil(math.log2(side))
        if channels is not None and not 1 <= len(channels) <= most:
            return (
                f"has 1 to {most} stages for images of {shape[0]}x{shape[1]} pixels, found {len(channels)} "
                "channels; leave some out"
            )
        return None

    @classmethod
    def build(
        cls,
        sizes: tuple[int, ...],
        *,
        bias: bool,
        key: Key[Array, ""],
        reads: tuple[int, ...] | None = None,
        writes: tuple[int, ...] | None = None,
        **options: Any,
    ) -> Layered:
        """An encoder of images of the shape `reads`, or a decoder to images of the shape `writes`.

        `sizes` are those of the fully connected layers, the image in all its numbers at one end.
        """
        shape, numbers = (reads, sizes[0]) if writes is None else (writes, sizes[-1])
        assert shape is not None and numbers % math.prod(shape) == 0
        images = [(*shape[:2], numbers // math.prod(shape[:2]))]
        for channels in options.get("channels") or _automatic(shape):
            height, width, _ = images[-1]
            images.append((halved(height), halved(width), channels))
        grows = writes is not None
        where = {"images": tuple(images[::-1] if grows else images), "grows": grows}
        colours = shape[2] if len(shape) > 2 else 1
        return super().build(sizes, bias=bias, key=key, **options, **where, colours=colours)

    def unit(self, linear: Float[Array, "*batch inputs"]) -> Float[Array, "*batch units"]:
        """The activation."""
        return ACTIVATIONS[self.activation](linear)

    def shapes(self, sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Kernels of the stages, and matrices of the other layers."""
        kernels = [(4, 4, before[2], after[2]) for before, after in pairwise(self.images)]
        if self.grows:
            return [*pairwise((*sizes[:-1], math.prod(self.images[0]))), *kernels]
        return [*kernels, *pairwise((math.prod(self.images[-1]), *sizes[1:]))]

    def inputs(self, shape: tuple[int, ...]) -> int:
        """Of 4x4 pixels, or of the 2x2 that reach a pixel in a transposed convolution."""
        if len(shape) == 2:
            return shape[0]
        return (4 if self.grows else 16) * shape[2]

    def linear(self, number: int, x: Float[Array, "rows in"]) -> Float[Array, "rows out"]:
        """A stage, its image flat, or the linear functions of another layer."""
        weight, bias = self.weights[number], self.biases[number]
        if weight.ndim == 2:
            return super().linear(number, x)
        stage = number - (len(self.weights) - len(self.images) + 1 if self.grows else 0)
        before, (height, width, channels) = self.images[stage], self.images[stage + 1]
        x = x.reshape(-1, *before)
        found = grown(x, weight, (height, width)) if self.grows else shrunk(x, weight)
        if number < len(self.weights) - 1:
            return (found if bias is None else found + bias).reshape(len(x), -1)
        # As likelihoods have it: first one number for all of the image, then the next.
        found = found.reshape(len(x), height * width, channels // self.colours, self.colours)
        found = jnp.moveaxis(found, 2, 1).reshape(len(x), -1)
        return found if bias is None else found + bias

    def in_bfloat16(self) -> Layered | None:
        """None: convolutions have no such form."""
        return None

    def dropped(
        self, x: Float[Array, "rows numbers"], kept: Bool[Array, "*batch units"]
    ) -> Float[Array, "rows numbers"]:
        """Channels or units of which some are kept, in all pixels alike."""
        pixels = x.reshape(len(x), -1, kept.shape[-1])
        scaled = jnp.where(kept.reshape(len(x), 1, -1), pixels / self.keep_prob, 0.0)
        return scaled.reshape(x.shape)


def _automatic(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Channels of the stages of an image.

    >>> _automatic((64, 64, 3)), _automatic((19, 19))
    ((32, 64, 128, 256), (32, 64))
    """
    side, found = min(shape[:2]), []
    while side >= FEWEST_PIXELS:
        found.append(min(FIRST * 2 ** len(found), MOST))
        side = halved(side)
    return tuple(found)
