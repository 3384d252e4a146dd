"""Where PyTorch's peers compute, and how: eager, compiled, or compiled with CUDA graphs."""

import torch
from serve import THREADS, serve

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
MODES = {"compiled": "default", "graphs": "reduce-overhead"}


def set_up():
    """All of this process's processors, and a seed."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)


def made(function, how):
    """A module or function as it is to be run."""
    return function if how == "eager" else torch.compile(function, mode=MODES[how])


def wait_and_serve(run):
    """Serve it, each answer given when the device is done."""

    def done(steps):
        run(steps)
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()

    serve(done, f"PyTorch {torch.__version__}")
