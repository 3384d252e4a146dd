"""Fit variational autoencoders to your own images and tables.

>>> import numpy as np
>>> from vaefit import fit
>>> x = np.random.default_rng(0).normal(size=(200, 4))
>>> run = fit(x, latent_dim=2, epochs=2)
>>> mean, sd = run.encode(x)
>>> new = run.sample(10)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaefit.backend import configure
    from vaefit.certify import Certificate, selfcheck
    from vaefit.comparing import Comparison, compare
    from vaefit.data import Dataset, read
    from vaefit.doctor import Finding, examine
    from vaefit.errors import DataError, RunError, SettingsError, ShapeError, TrainingError, VaefitError
    from vaefit.estimator import VAE
    from vaefit.evaluating import Evaluation, evaluate
    from vaefit.figures.draw import figure
    from vaefit.fitting import fit
    from vaefit.imputing import Imputation, impute
    from vaefit.probing import Probe, probe
    from vaefit.run import Reconstruction, Run, load
    from vaefit.scoring import Scores, score
    from vaefit.sweeping.results import Sweep
    from vaefit.sweeping.sweep import sweep
    from vaefit.synthetic import sample_rows

__version__ = "0.1.0"

_HOMES = {
    "configure": "backend",
    "Certificate": "certify",
    "selfcheck": "certify",
    "Dataset": "data",
    "read": "data",
    "DataError": "errors",
    "RunError": "errors",
    "SettingsError": "errors",
    "ShapeError": "errors",
    "TrainingError": "errors",
    "VaefitError": "errors",
    "Comparison": "comparing",
    "compare": "comparing",
    "VAE": "estimator",
    "Evaluation": "evaluating",
    "evaluate": "evaluating",
    "Finding": "doctor",
    "examine": "doctor",
    "figure": "figures.draw",
    "fit": "fitting",
    "Imputation": "imputing",
    "impute": "imputing",
    "Probe": "probing",
    "probe": "probing",
    "Reconstruction": "run",
    "Run": "run",
    "load": "run",
    "Scores": "scoring",
    "score": "scoring",
    "sample_rows": "synthetic",
    "Sweep": "sweeping.results",
    "sweep": "sweeping.sweep",
}

__all__ = [
    "VAE",
    "Certificate",
    "Comparison",
    "DataError",
    "Dataset",
    "Evaluation",
    "Finding",
    "Imputation",
    "Probe",
    "Reconstruction",
    "Run",
    "RunError",
    "Scores",
    "SettingsError",
    "ShapeError",
    "Sweep",
    "TrainingError",
    "VaefitError",
    "compare",
    "configure",
    "evaluate",
    "examine",
    "figure",
    "fit",
    "impute",
    "load",
    "probe",
    "read",
    "sample_rows",
    "score",
    "selfcheck",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import vaefit` and `vaefit --help` do not wait for JAX."""
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module 'vaefit' has no attribute {name!r}")
    return getattr(importlib.import_module(f"vaefit.{_HOMES[name]}"), name)
