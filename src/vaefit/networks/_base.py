"""What every network offers."""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Key


class Activations(NamedTuple):
    """What a network computed: its linear output and the hidden layers on the way (after dropout)."""

    output: Float[Array, "*batch out"]
    hidden: tuple[Float[Array, "*batch _"], ...]


class Network(eqx.Module):
    """A function from features to features."""

    reference: ClassVar[str] = ""

    @classmethod
    def refusal(cls, shape: tuple[int, ...], **options: Any) -> str | None:  # noqa: ARG003
        """Why there is no such network for rows of this shape, in words; None where there is."""
        return None

    @abstractmethod
    def __call__(self, x: Float[Array, "*batch in"], key: Key[Array, ""] | None = None) -> Activations:
        """Run the network; a key turns dropout on, None leaves it off."""

    def in_bfloat16(self) -> "Network | None":
        """The same network with its products in bfloat16, summed in float32; None: it has no such form."""
        return None

    @abstractmethod
    def hidden_weights(self) -> tuple[Array, ...]:
        """The weight matrices of the hidden layers (without biases and without the output layer)."""

    @abstractmethod
    def output_weights(self) -> tuple[Array, ...]:
        """The weight matrices of the output layer."""

    @abstractmethod
    def with_output_bias(self, bias: Float[Array, " out"]) -> "Network":
        """The same network with this output bias; unchanged where it has none."""
