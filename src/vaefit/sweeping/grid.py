"""The grid of a sweep: which settings take which values. No JAX."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vaefit import recipes
from vaefit.errors import SettingsError
from vaefit.options import Option, Value, unknown
from vaefit.settings import options
from vaefit.settle import parse_share

EXAMPLE = "for example latent_dim=2,5,10"
_BOOLEANS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
# Those that change the data, or its split: likelihoods of other rows do not compare.
_SCALE_FREE = ("scaling",)

Grid = dict[str, tuple[Value, ...]]


def parse(entries: Sequence[str]) -> Grid:
    """The grid from NAME=VALUE,VALUE,... of the command line.

    A setting that is a list itself has its values apart by slashes.

    Raises:
        SettingsError: an entry is not of this form, or `checked` has an objection.

    >>> parse(["latent-dim=2,5", "encoder_layers=64/64,64"])
    {'latent_dim': (2, 5), 'encoder_layers': ((64,), (64, 64))}
    """
    found: dict[str, list[Any]] = {}
    for entry in entries:
        name, equals, values = entry.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not values.strip():
            raise SettingsError(f"--over is NAME=VALUE,VALUE,..., {EXAMPLE}, found {entry!r}")
        if name in found:
            raise SettingsError(f"--over {name} is given twice; give all its values at once, {EXAMPLE}")
        if name not in options():
            raise SettingsError(unknown("setting", name, options()))
        found[name] = _split(options()[name], values)
    return checked(found)


def checked(over: Mapping[str, Iterable[Value]]) -> Grid:
    """The grid with every value in its declared type.

    Raises:
        SettingsError: an unknown setting or value, one given twice, or one that cannot be swept over.
    """
    found: Grid = {}
    for name, values in over.items():
        if name not in options():
            raise SettingsError(unknown("setting", name, options()))
        declared = options()[name]
        _check_may_vary(declared)
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise SettingsError(f"expected a list of values of {name} to sweep over, found {values!r}")
        found[name] = tuple(declared.check(value) for value in values)
        twice = [v for v, n in _counts(found[name]).items() if n > 1]
        if twice or not found[name]:
            what = f"{shown(twice[0])} twice" if twice else "none"
            raise SettingsError(f"expected different values of {name} to sweep over, found {what}")
    return found


def check_with(grid: Grid, recipe: str, seeds: int, given: Mapping[str, Value]) -> None:
    """See that every choice of the grid makes settings, beside those given.

    Raises:
        SettingsError: a setting is both swept over and given, or some do not go together.
    """
    for name in grid:
        if name in given:
            flag = name.replace("_", "-")
            raise SettingsError(f"{name} is swept over and also given as --{flag}; leave one of them out")
    if seeds < 1:
        raise SettingsError(f"seeds must be at least 1, found {seeds}")
    base = recipes.load(recipe).settings
    for choice in choices(grid):
        settings = base.with_(**given, **choice)
        if parse_share(settings.validation) == 0:
            raise SettingsError(
                "a sweep chooses by the likelihood of validation rows, found validation 0; give --validation "
                "0.1, or a path"
            )


def choices(grid: Grid) -> list[dict[str, Value]]:
    """Every combination of the grid's values, the last setting varying fastest.

    >>> choices({"latent_dim": (2, 5), "beta": (1.0,)})
    [{'latent_dim': 2, 'beta': 1.0}, {'latent_dim': 5, 'beta': 1.0}]
    """
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def name_of(choice: Mapping[str, Value], seed: int) -> str:
    """The name of one model, and of its folder.

    >>> name_of({"latent_dim": 5, "beta": 0.5, "encoder_layers": (64, 64)}, 0)
    'latent_dim=5,beta=0.5,encoder_layers=64x64,seed=0'
    """
    return ",".join(f"{name}={shown(value)}" for name, value in {**choice, "seed": seed}.items())


def shown(value: Value) -> str:
    """A value as names and tables have it."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "none"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _check_may_vary(declared: Option) -> None:
    name = declared.name
    if name == "seed":
        raise SettingsError("seeds are counted, not swept over: give --seeds 3 (from --seed up)")
    if declared.home == "data" and name not in _SCALE_FREE:
        raise SettingsError(
            f"{name} decides which data are fitted, and likelihoods of other data do not compare; sweep over "
            "settings of the model or its training"
        )
    if declared.is_list and declared.item is not int:
        raise SettingsError(f"{name} is a list of words, which cannot be swept over; run a sweep for each")


def _split(declared: Option, text: str) -> list[Any]:
    if declared.is_list:
        entries = [piece.strip() for piece in text.split("/")]
        return [[] if entry == "none" else entry.split(",") for entry in entries]
    pieces = [piece.strip() for piece in text.split(",")]
    if declared.item is bool:
        return [_BOOLEANS.get(piece.lower(), piece) for piece in pieces]
    return pieces


def _counts(values: Iterable[Value]) -> dict[Value, int]:
    found: dict[Value, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found
