"""Files that are either whole or not there: atomic writes, and trees of arrays without pickle."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from vaefit.errors import RunError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a file so that a reader, or a crash, sees the old content or the new, never a part.

    Raises:
        RunError: the disk is full or read-only; what was there before is still whole.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as problem:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise RunError(
            f"cannot write {path}: {problem.strerror or problem}; what was saved before is whole"
        ) from None


def append_line(path: Path, line: str) -> None:
    """Add a line to a file.

    Raises:
        RunError: the disk is full or read-only.
    """
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as problem:
        raise RunError(
            f"cannot write {path}: {problem.strerror or problem}; what was saved before is whole"
        ) from None


def save_tree(path: Path, tree: PyTree) -> None:
    """Save the arrays of a tree under their paths in it; equal trees give equal files."""
    from safetensors.numpy import save

    write_atomically(path, save({name: np.asarray(leaf) for name, leaf in _named(tree).items()}))


def load_tree(path: Path, like: PyTree) -> PyTree:
    """The arrays of a file, in the shape of the tree `like`.

    Raises:
        RunError: the file is missing or damaged, or holds other arrays than `like`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        stored = load(path.read_bytes())
    except OSError as problem:
        raise RunError(f"cannot read {path}: {problem.strerror}") from None
    except (SafetensorError, ValueError, KeyError) as problem:
        raise RunError(
            f"{path} is damaged or not a weights file ({problem}); restore it or fit again"
        ) from None
    wanted = _named(like)
    for name, leaf in wanted.items():
        found = stored.get(name)
        if found is None or found.shape != leaf.shape or found.dtype != leaf.dtype:
            what = "nothing" if found is None else f"{found.dtype} {found.shape}"
            expected = f"{leaf.dtype} {leaf.shape}"
            raise RunError(f"{path} does not fit its settings: expected {name} as {expected}, found {what}")
    return jax.tree.unflatten(jax.tree.structure(like), [stored[name] for name in wanted])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a run.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RunError(f"cannot read {path}: {problem.strerror}") from None
    except ValueError as problem:
        raise RunError(f"{path} is damaged: {problem}") from None
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged: expected an object, found {type(content).__name__}")
    return content


def _named(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
