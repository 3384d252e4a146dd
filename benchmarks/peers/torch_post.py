"""A training step of the 2016 post's network and batch in PyTorch, eager."""

from itertools import pairwise

import torch
from serve import THREADS, serve
from torch.nn import functional

ENCODER, LATENT, DECODER = [361, 722, 722, 722], 10, [10, 722, 722, 361]
SAMPLES, BATCH, DROP, RATE, EPSILON = 10, 7, 0.2, 1e-4, 1e-7


def weight(n_in, n_out):
    """N(0, 0.01^2), as the program draws them."""
    return torch.nn.Parameter(0.01 * torch.randn(n_in, n_out))


def main():
    """The same cost, clipping and optimiser as the program's."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    encoder = [weight(*sizes) for sizes in pairwise(ENCODER)]
    heads = [weight(ENCODER[-1], LATENT), weight(ENCODER[-1], LATENT)]
    decoder = [weight(*sizes) for sizes in pairwise(DECODER)]
    parameters = [*encoder, *heads, *decoder]
    optimizer = torch.optim.RMSprop(parameters, RATE, alpha=0.9, eps=1e-10, momentum=0.1, foreach=True)
    data = torch.rand(347, BATCH, ENCODER[0])

    def cost(x):
        h = x
        for w in encoder:
            h = functional.dropout(functional.elu(h @ w), DROP)
        mean, v = h @ heads[0], torch.exp(h @ heads[1])
        z = mean + v * torch.randn(SAMPLES, BATCH, LATENT)
        z = z.reshape(-1, LATENT)
        for w in decoder[:-1]:
            z = functional.dropout(functional.elu(z @ w), DROP)
        out = torch.sigmoid(z @ decoder[-1]).reshape(SAMPLES, BATCH, -1)
        s, m = torch.var_mean(out, 0, correction=0)
        fit = 0.5 * torch.log(s.clamp_min(EPSILON)) + (x - m) ** 2 / (2 * s).clamp_min(EPSILON)
        minus_kl = torch.log(v.clamp_min(EPSILON)) + 1 - mean**2 - v
        return fit.sum(1).mean() - minus_kl.sum(1).mean() + mean.abs().sum()

    def run(steps):
        for i in range(steps):
            optimizer.zero_grad(set_to_none=True)
            cost(data[i % len(data)]).backward()
            torch.nn.utils.clip_grad_value_(parameters, 10.0, foreach=True)
            optimizer.step()

    serve(run, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main()
