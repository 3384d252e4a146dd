"""A VAE of one layer on static MNIST in PyTorch, its loss compiled by `torch.compile` or not."""

import sys

import numpy as np
import torch
from torch.nn import functional
from torch_how import DEVICE, made, set_up, wait_and_serve


class Vae(torch.nn.Module):
    """784-512-40: ReLU, Bernoulli."""

    def __init__(self, dim, units, latent):
        """Both networks."""
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(dim, units), torch.nn.ReLU(), torch.nn.Linear(units, 2 * latent)
        )
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(latent, units), torch.nn.ReLU(), torch.nn.Linear(units, dim)
        )

    def forward(self, x):
        """Minus the ELBO, nats per datum."""
        mean, log_var = self.encoder(x).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        distortion = functional.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        rate = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())
        return (distortion + rate) / len(x)


def main(path, dim, units, latent, batch, how):
    """Epochs of rows in a new order each."""
    set_up()
    data = torch.from_numpy(np.load(path)).to(DEVICE)
    model = Vae(dim, units, latent).to(DEVICE)
    loss = made(model, how)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def run(epochs):
        for _ in range(epochs):
            for rows in torch.randperm(len(data), device=DEVICE).split(batch):
                optimizer.zero_grad(set_to_none=True)
                loss(data[rows]).backward()
                optimizer.step()

    wait_and_serve(run)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:-1]), sys.argv[-1])
