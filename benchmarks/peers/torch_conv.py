"""A convolutional VAE in PyTorch, eager, channels last."""

import sys
from itertools import chain, pairwise

import torch
from serve import THREADS, serve
from torch import nn


class Vae(nn.Module):
    """Stages of 4x4 convolutions of stride 2, transposed in the decoder; a Gaussian of fixed sd 1."""

    def __init__(self, side, channels, latent):
        """Both networks, for colour images."""
        super().__init__()
        sizes = [3, *channels]
        self.last = (channels[-1], side // 2 ** len(channels), side // 2 ** len(channels))
        features = self.last[0] * self.last[1] * self.last[2]
        down = [[nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()] for a, b in pairwise(sizes)]
        up = [[nn.ReLU(), nn.ConvTranspose2d(b, a, 4, 2, 1)] for a, b in reversed(list(pairwise(sizes)))]
        self.encoder = nn.Sequential(*chain(*down), nn.Flatten(), nn.Linear(features, 2 * latent))
        self.bottom = nn.Linear(latent, features)
        self.decoder = nn.Sequential(*chain(*up))

    def forward(self, x):
        """Minus the ELBO, nats per datum, but for its constant."""
        mean, log_var = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        h = self.bottom(z).view(-1, *self.last).contiguous(memory_format=torch.channels_last)
        distortion = 0.5 * torch.sum((self.decoder(h) - x) ** 2)
        rate = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())
        return (distortion + rate) / len(x)


def main(side, batch, latent, *channels):
    """Steps on random images."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    model = Vae(side, channels, latent).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    data = torch.rand(8, batch, 3, side, side)

    def run(steps):
        for i in range(steps):
            optimizer.zero_grad(set_to_none=True)
            model(data[i % len(data)].contiguous(memory_format=torch.channels_last)).backward()
            optimizer.step()

    serve(run, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
