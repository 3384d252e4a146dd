"""pythae's VAE with its own networks (784-512-40): its trainer's epochs, or its `get_nll`."""

import logging
import sys
import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from serve import THREADS, serve

VERSION = "pythae 0.1.2"


def epochs(model, data, batch):
    """Epochs of its trainer."""
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(), per_device_train_batch_size=batch, learning_rate=1e-3, no_cuda=True
    )
    trainer = BaseTrainer(model, BaseDataset(data, torch.ones(len(data))), training_config=config)
    trainer.prepare_training()
    return lambda n: [trainer.train_step(epoch) for epoch in range(n)]


def likelihoods(model, data, draws, batch):
    """Rows of which its `get_nll` finds the likelihood."""
    model.eval()

    @torch.no_grad()
    def run(rows):
        model.get_nll(data[:rows], n_samples=draws, batch_size=batch)

    return run


def main(what, path, latent, *numbers):
    """One of both."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    logging.disable()
    data = torch.from_numpy(np.load(path))
    model = VAE(VAEConfig(input_dim=(data.shape[1],), latent_dim=latent, reconstruction_loss="bce"))
    model.device = "cpu"
    serve({"epochs": epochs, "likelihoods": likelihoods}[what](model, data, *numbers), VERSION)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
