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
    "cache": "FOLDER",
    "column": "NAME=TYPE",
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
    _sign(wrapped, parameters)
    return wrapped


# How a command reads DATA; a value that is not given is the fit's own.
_READING: dict[str, tuple[Any, Any]] = {
    "include": (
        list[str] | None,
        typer.Option(metavar="GLOB", help="only files whose path matches this pattern (repeatable)"),
    ),
    "size": (str | None, typer.Option(metavar="HxW", help="resize images (unset: as in the fit)")),
    "grayscale": (bool | None, typer.Option(help="convert images to grey (unset: as in the fit)")),
    "limit": (int | None, typer.Option(metavar="N", min=1, help="read only the first N rows")),
    "key": (str | None, typer.Option(metavar="NAME", help="name of the array inside a .npz or .mat file")),
    "header": (
        bool | None,
        typer.Option(help="a table's first line has the columns' names (unset: found by looking)"),
    ),
    "skip_bad": (
        bool | None,
        typer.Option(help="leave out unreadable images, and say how many (unset: where at most a tenth are)"),
    ),
}


def with_reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that say how DATA is read, in place of its parameter `reading`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        reading = {name: given.pop(name) for name in _READING}
        return command(**given, reading=reading)

    flags = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind, option],
        )
        for name, (kind, option) in _READING.items()
    ]
    own = inspect.signature(command).parameters.values()
    _sign(wrapped, [q for p in own for q in (flags if p.name == "reading" else [p])])
    return wrapped


def _sign(command: Callable[..., Any], parameters: list[inspect.Parameter]) -> None:
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {p.name: p.annotation for p in parameters}


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
