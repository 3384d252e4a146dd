"""The files of a run folder, without JAX: their names, reading them, writing them whole or not at all."""

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from vaefit.errors import RunError

# A newer program reads older runs; an older one refuses newer ones.
FORMAT = 2
# What a run of an older format was fitted with, where the setting is younger than the run.
YOUNGER: dict[int, dict[str, Any]] = {2: {"linear_path": False, "mirror": False}}
WEIGHTS, TRANSFORM, SETTINGS, HISTORY = (
    "model.safetensors",
    "transform.json",
    "settings.toml",
    "history.jsonl",
)
README = "README.md"
REPORT = "report.html"
# Latents of training rows: what new rows are held against.
REFERENCE = "reference.safetensors"
CHECKPOINT = Path("checkpoint")
PROGRESS = CHECKPOINT / "progress.json"


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


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The epochs' records; a line cut short by a killed process ends the list."""
    records: list[dict[str, Any]] = []
    path = folder / HISTORY
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            break
        if not isinstance(record, dict) or not isinstance(record.get("epoch"), int):
            break
        records.append(record)
    return records


def check_free(folder: Path, force: bool) -> None:
    """See that a new run may be written there.

    Raises:
        RunError: the folder holds another run or other files, and `force` was not given.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; expected a folder for the run; choose another --out")
    if force or not folder.exists() or not any(folder.iterdir()):
        return
    if (folder / SETTINGS).exists():
        raise RunError(f"{folder} holds another run; choose another --out, or --force to overwrite it")
    raise RunError(
        f"{folder} holds other files; choose another --out, or --force to write the run beside them"
    )


def how_to_go_on(folder: Path | None) -> str:
    """What a run that was broken off left, and how to take it up."""
    if folder is None or not (folder / PROGRESS).exists():
        return "nothing was saved yet; start it again"
    return f"what was saved is whole; go on with: vaefit fit --resume {folder}"


def read_settings(folder: Path) -> dict[str, Any]:
    """What `settings.toml` holds: `format`, `data`, `settings`.

    Raises:
        RunError: there is no run, it is damaged, or it was written by a newer vaefit.
    """
    path = folder / SETTINGS
    if not path.exists():
        what = "no such folder" if not folder.exists() else f"no {SETTINGS} in it"
        raise RunError(f"{folder} is not a run folder: {what}; expected the --out of a `vaefit fit`")
    try:
        saved = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise RunError(f"{path} is damaged: {problem}") from None
    found = saved.get("format")
    if not isinstance(found, int) or not isinstance(saved.get("settings"), dict):
        raise RunError(f"{path} is damaged: expected a format number and [settings]")
    if found > FORMAT:
        raise RunError(
            f"{folder} has format {found}, this vaefit reads up to {FORMAT}; install a newer vaefit"
        )
    if not isinstance(saved.get("data", {}), dict):
        raise RunError(f"{path} is damaged: expected [data] to be a table")
    for younger, settings in YOUNGER.items():
        if found < younger:
            saved["settings"] = {**settings, **saved["settings"]}
    return saved


def runs_in(folder: Path) -> list[Path]:
    """The runs of `fit --seeds` in a folder (`seed-0`, `seed-1`, ...); or the folder itself."""
    if (folder / SETTINGS).exists():
        return [folder]
    found = [p for p in folder.glob("seed-*") if (p / SETTINGS).exists()]
    return sorted(found, key=lambda p: (len(p.name), p.name)) or [folder]


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
