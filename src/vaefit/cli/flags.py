"""Flags made from declared options, so that a setting is declared once and a new part brings its own."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from vaefit import catalogue
from vaefit.options import Option
from vaefit.settings import kind_of, options

# In the order of the help page; a part's own options follow the panel in which the part is chosen.
_PANELS = {
    "data": "Data",
    "training": "Training",
    "model": "Model",
    "network": "",
    "posterior": "",
    "prior": "",
    "likelihood": "",
    "objective": "Objective",
    "penalties": "Penalties (weights; 0 is off)",
    "penalty": "",
    "optimizer": "Optimiser",
    "schedule": "Learning-rate schedule",
}

_METAVARS = {
    "include": "GLOB",
    "key": "NAME",
    "size": "HxW",
    "stages": "EPOCH:RATE",
    "validation": "SHARE|PATH",
}


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one flag for each setting; those that were used arrive as `settings`.

    The command's own parameters stay; its last one must be named `settings`.
    """

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        settings = {n: given.pop(n) for n in options()}
        used = {n: _split(options()[n], v) for n, v in settings.items() if v is not None and v != []}
        return command(**given, settings=used)

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "settings"]
    flags = [_parameter(o) for o in sorted(options().values(), key=_rank)]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + flags
    wrapped.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportAttributeAccessIssue]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped


def _parameter(declared: Option) -> inspect.Parameter:
    flag = "--" + declared.name.replace("_", "-")
    panel = _PANELS.get(declared.home) or declared.home.capitalize()
    details: dict[str, Any] = {"help": _help(declared), "rich_help_panel": panel, "show_default": False}
    if declared.item is bool:
        annotation = Annotated[bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", **details)]
    else:
        details |= {"metavar": _metavar(declared), "autocompletion": _completer(declared)}
        kind = list[str] | None if declared.is_list else str | None
        annotation = Annotated[kind, typer.Option(flag, **details)]
    return inspect.Parameter(
        declared.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def _rank(declared: Option) -> tuple[int, str]:
    chosen_in = declared.home.split(" ")[0]
    order = list(_PANELS)
    of_part = declared.home not in _PANELS
    return (order.index(chosen_in), declared.home if of_part else "")


def words(declared: Option) -> tuple[str, ...]:
    """The words an option accepts: its own, or the names of the parts it chooses from."""
    kind = kind_of(declared.name)
    auto = ("auto",) if declared.default == "auto" else ()
    return declared.choices or (auto + tuple(catalogue.parts(kind)) if kind else ())


def _help(declared: Option) -> str:
    text = declared.help
    if declared.home == "penalties":
        return text.removeprefix("weight of: ")
    if len(words(declared)) > 1:
        text += f" ({', '.join(words(declared))})"
    if _counts(declared):
        text += ", or none"
    default = _shown(declared.default)
    return f"{text} [{default}]" if default else text


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metavar(declared: Option) -> str:
    if words(declared) or declared.name in _METAVARS:
        return _METAVARS.get(declared.name, "NAME")
    name = {int: "N", float: "X", str: "TEXT"}[declared.item]
    return f"{name},{name},..." if _counts(declared) else name


def _completer(declared: Option) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [word for word in words(declared) if word.startswith(incomplete)]

    return complete


def _split(declared: Option, value: Any) -> Any:
    if _counts(declared):
        return [piece for entry in value if entry != "none" for piece in entry.split(",")]
    return value


def _counts(declared: Option) -> bool:
    """Whether a flag takes several whole numbers."""
    return declared.is_list and declared.item is int
