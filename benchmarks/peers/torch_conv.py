"""A convolutional VAE in PyTorch, channels last."""

import sys
from itertools import chain, pairwise

import torch
from torch import nn
from torch_how import DEVICE, made, set_up, wait_and_serve


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


def main(how, side, batch, latent, *channels):
    """Steps on random images."""
    set_up()
    model = Vae(side, channels, latent).to(DEVICE, memory_format=torch.channels_last)
    loss = made(model, how)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    data = torch.rand(8, batch, 3, side, side, device=DEVICE)

    def run(steps):
        for i in range(steps):
            optimizer.zero_grad(set_to_none=True)
            loss(data[i % len(data)].contiguous(memory_format=torch.channels_last)).backward()
            optimizer.step()

    wait_and_serve(run)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
