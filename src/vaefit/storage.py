"""Trees of arrays in files, without pickle."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from vaefit.errors import RunError
from vaefit.folder import write_atomically


def save_tree(path: Path, tree: PyTree) -> None:
    """Save the arrays of a tree under their paths in it; equal trees give equal files."""
    from safetensors.numpy import save

    write_atomically(path, save({name: np.asarray(leaf) for name, leaf in _named(tree).items()}))


def load_tree(path: Path, like: PyTree) -> PyTree:
    """The arrays of a file, in the shape of the tree `like`.

    Raises:
        RunError: the file is missing or damaged, or holds other arrays than `like`.
    """
    stored = load_arrays(path)
    wanted = _named(like)
    for name, leaf in wanted.items():
        found = stored.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            what = "nothing" if found is None else f"{found.dtype} {found.shape}"
            expected = f"{leaf.dtype} {leaf.shape}"
            raise RunError(f"{path} does not fit its settings: expected {name} as {expected}, found {what}")
    return jax.tree.unflatten(jax.tree.structure(like), [stored[name] for name in wanted])


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, by name.

    Raises:
        RunError: the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except OSError as problem:
        raise RunError(f"cannot read {path}: {problem.strerror}") from None
    except (SafetensorError, ValueError, KeyError) as problem:
        raise RunError(
            f"{path} is damaged or not a weights file ({problem}); restore it or fit again"
        ) from None


def _named(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}
