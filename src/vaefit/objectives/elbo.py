"""The evidence lower bound, with beta and KL warm-up."""

from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from vaefit.model import Terms
from vaefit.objectives._base import Objective
from vaefit.options import option


class Elbo(Objective):
    r"""Monte-Carlo ELBO, $E_q \log p(x|z) - \beta \, \mathrm{KL}(q(z|x) \,\|\, p(z))$, nats per datum.

    $\beta$ other than 1 is the beta-VAE (Higgins et al. 2017); with `kl_warmup` it grows linearly from 0 over
    that many epochs (Sonderby et al. 2016, arXiv:1602.02282).
    """

    reference: ClassVar[str] = "Kingma & Welling 2013, arXiv:1312.6114; beta: Higgins et al. 2017"

    beta: float = option(1.0, "weight of the KL term (beta-VAE)", at_least=0.0)
    kl_warmup: float = option(0.0, "epochs over which the KL term's weight grows from 0", at_least=0.0)
    kl: Literal["auto", "analytic", "sampled"] = option(
        "auto", "KL term in closed form, from the samples, or in closed form where there is one"
    )

    def __call__(self, terms: Terms, epoch: Float[Array, ""]) -> Float[Array, " batch"]:
        """The objective of each row."""
        ramp = jnp.minimum(1.0, epoch / self.kl_warmup) if self.kl_warmup > 0 else 1.0
        return -terms.distortion - self.beta * ramp * self._rate(terms)

    def of_means(self, rate: float, distortion: float, importance_weighted: float) -> float:  # noqa: ARG002
        """The ELBO, with its KL term's own weight.

        >>> Elbo(beta=0.5).of_means(rate=10.0, distortion=20.0, importance_weighted=-28.0)
        -25.0
        """
        return -distortion - float(self.beta) * rate

    def _rate(self, terms: Terms) -> Float[Array, " batch"]:
        return terms.sampled_rate if self.kl == "sampled" else terms.rate
