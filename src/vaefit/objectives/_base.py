"""What every objective offers."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from vaefit.model import Terms


class Objective(eqx.Module):
    """The number that training maximises."""

    reference: ClassVar[str] = ""
    # Whether it weighs samples one by one, which a joint likelihood does not allow.
    needs_each_sample: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, terms: Terms, epoch: Float[Array, ""]) -> Float[Array, " batch"]:
        """The objective of each row, in nats; `epoch` counts from 0 and has a fraction."""

    @abstractmethod
    def of_means(self, rate: float, distortion: float, importance_weighted: float) -> float:
        """The same, after any warm-up, from means over rows: which weights are best is judged by it."""
