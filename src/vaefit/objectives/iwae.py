"""The importance-weighted bound."""

from typing import ClassVar

from jaxtyping import Array, Float

from vaefit.model import Terms
from vaefit.objectives._base import Objective


class Iwae(Objective):
    r"""Importance-weighted bound, $\log \frac1K \sum_k p(x|z_k) p(z_k) / q(z_k|x)$, nats per datum.

    At most log p(x), at least the ELBO, and tighter with more `samples` K. On rows with missing cells it is
    that of the observed ones: the MIWAE bound (Mattei & Frellsen 2019, arXiv:1812.02633).
    """

    reference: ClassVar[str] = "Burda et al. 2016, arXiv:1509.00519"
    needs_each_sample: ClassVar[bool] = True

    def __call__(self, terms: Terms, epoch: Float[Array, ""]) -> Float[Array, " batch"]:
        """The bound of each row."""
        del epoch
        return terms.importance_weighted

    def of_means(self, rate: float, distortion: float, importance_weighted: float) -> float:  # noqa: ARG002
        """The bound itself."""
        return importance_weighted
