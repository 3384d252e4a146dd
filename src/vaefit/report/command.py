"""The command that fits a run again."""

import shlex
from pathlib import Path

from vaefit.run import Run
from vaefit.settings import options

# What a fit fills in by itself, from settings that are given too.
_FILLED = ("schedule_epochs",)


def again(run: Run, *, with_path: bool = True) -> str:
    """The exact `vaefit fit` of a run: its data, and every setting that is not the default; for a shell.

    Without `with_path` the data are called by their name alone.
    """
    path = str(run.source.get("path", "array"))
    name = "DATA" if path == "array" else path if with_path else Path(path).name
    words = ["vaefit", "fit", name]
    for setting, value in run.settings.given().items():
        if setting not in _FILLED and value != options()[setting].default:
            words += _flag(setting, value)
    return " ".join(shlex.quote(word) for word in words)


def _flag(setting: str, value: object) -> list[str]:
    flag = "--" + setting.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if isinstance(value, tuple) and options()[setting].item is int:
        return [flag, ",".join(map(str, value)) or "none"]
    if isinstance(value, tuple):
        return [part for entry in value for part in (flag, str(entry))]
    return [flag, str(value)]
