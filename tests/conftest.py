"""Shape annotations are executed in all tests; the compilation cache keeps repeated runs fast."""

# isort: off
import environment  # noqa: F401  before NumPy
# isort: on

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import install_import_hook
from threadpoolctl import threadpool_limits

# Where a plugin of pytest imported NumPy before.
threadpool_limits(1)

# Before anything of the package is imported.
install_import_hook("vaefit", "checked.checked")

from browser import browser, visit  # noqa: E402

__all__ = ["browser", "visit"]  # fixtures

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def golden() -> Iterator[np.lib.npyio.NpzFile]:
    """The 2016 program's numbers."""
    path = SHARED / "golden" / "post_2016_program.npz"
    if not path.exists():
        pytest.skip("the 2016 program's numbers (../shared/golden) are not here")
    with np.load(path) as found:
        yield found


@pytest.fixture(scope="session")
def cbcl() -> Path:
    """The folder with the CBCL faces."""
    path = SHARED / "data" / "cbcl"
    if not path.exists():
        pytest.skip("the CBCL faces (../shared/data/cbcl) are not here")
    return path


@pytest.fixture(scope="session")
def digits() -> np.ndarray:
    """scikit-learn's digits as 8-bit images (1797, 8, 8)."""
    from sklearn.datasets import load_digits

    return (load_digits().images * (255 / 16)).round().astype(np.uint8)
