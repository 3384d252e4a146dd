"""A training step of the 2016 post's network and batch in PyTorch."""

import sys
from itertools import pairwise

import torch
from torch.nn import functional
from torch_how import DEVICE, made, set_up, wait_and_serve

ENCODER, LATENT, DECODER = [361, 722, 722, 722], 10, [10, 722, 722, 361]
SAMPLES, BATCH, DROP, RATE, EPSILON = 10, 7, 0.2, 1e-4, 1e-7


def weight(n_in, n_out):
    """N(0, 0.01^2), as the program draws them."""
    return torch.nn.Parameter(0.01 * torch.randn(n_in, n_out, device=DEVICE))


def main(how):
    """The same cost, clipping and optimiser as the program's."""
    set_up()
    encoder = [weight(*sizes) for sizes in pairwise(ENCODER)]
    heads = [weight(ENCODER[-1], LATENT), weight(ENCODER[-1], LATENT)]
    decoder = [weight(*sizes) for sizes in pairwise(DECODER)]
    parameters = [*encoder, *heads, *decoder]
    optimizer = torch.optim.RMSprop(parameters, RATE, alpha=0.9, eps=1e-10, momentum=0.1, foreach=True)
    data = torch.rand(347, BATCH, ENCODER[0], device=DEVICE)

    def cost(x):
        h = x
        for w in encoder:
            h = functional.dropout(functional.elu(h @ w), DROP)
        mean, v = h @ heads[0], torch.exp(h @ heads[1])
        z = mean + v * torch.randn(SAMPLES, BATCH, LATENT, device=DEVICE)
        z = z.reshape(-1, LATENT)
        for w in decoder[:-1]:
            z = functional.dropout(functional.elu(z @ w), DROP)
        out = torch.sigmoid(z @ decoder[-1]).reshape(SAMPLES, BATCH, -1)
        s, m = torch.var_mean(out, 0, correction=0)
        fit = 0.5 * torch.log(s.clamp_min(EPSILON)) + (x - m) ** 2 / (2 * s).clamp_min(EPSILON)
        minus_kl = torch.log(v.clamp_min(EPSILON)) + 1 - mean**2 - v
        return fit.sum(1).mean() - minus_kl.sum(1).mean() + mean.abs().sum()

    loss = made(cost, how)

    def run(steps):
        for i in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss(data[i % len(data)]).backward()
            torch.nn.utils.clip_grad_value_(parameters, 10.0, foreach=True)
            optimizer.step()

    wait_and_serve(run)


if __name__ == "__main__":
    main(sys.argv[1])
