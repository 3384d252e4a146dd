"""How an option is declared: once, where it is used, readable without importing JAX.

A part or a settings class declares a field with [`option`][vaefit.options.option]; the command line,
recipes, keyword arguments and checks are all derived from that one line.
"""

import difflib
import math
import os
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from vaefit.errors import SettingsError

Value = Any
_WRITTEN = (str, int, float, os.PathLike)  # what may stand where a word is expected


@dataclass(frozen=True)
class Option:
    """One declared option: its name, type, default, bounds and a line of help."""

    name: str
    type: Any
    default: Value
    help: str
    home: str
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it accepts, for an option that accepts only some."""
        return tuple(a for a in _alternatives(self.type) if isinstance(a, str))

    @property
    def item(self) -> Any:
        """The type of one entry, for a list; else the type without None."""
        plain = [a for a in _alternatives(self.type) if a is not type(None)]
        return get_args(plain[0])[0] if self.is_list else plain[0]

    @property
    def is_list(self) -> bool:
        """Whether it takes several values."""
        return any(get_origin(a) is tuple for a in _alternatives(self.type))

    @property
    def optional(self) -> bool:
        """Whether it may be left open (None)."""
        return type(None) in _alternatives(self.type)

    def check(self, value: Value) -> Value:
        """Return `value` in the declared type.

        Raises:
            SettingsError: the value has another type or lies outside the bounds.
        """
        if self.optional and (value is None or (value == "auto" and self.item is not str)):
            return None
        if self.is_list:
            return tuple(self._one(v) for v in _entries(value))
        return self._one(value)

    def _one(self, value: Value) -> Value:
        if self.choices:
            return self._choice(value)
        converted = _convert(value, self.item)
        if converted is None:
            raise SettingsError(f"{self.name} must be {_describe(self.item)}, found {value!r}")
        if isinstance(converted, int | float) and not isinstance(converted, bool):
            self._bounds(converted)
        return converted

    def _choice(self, value: Value) -> str:
        word = str(value).replace("_", "-")
        if word not in self.choices:
            raise SettingsError(unknown(f"{self.name}", str(value), self.choices))
        return word

    def _bounds(self, value: float) -> None:
        limits = {
            "at least": (self.at_least, lambda bound: value >= bound),
            "above": (self.above, lambda bound: value > bound),
            "at most": (self.at_most, lambda bound: value <= bound),
        }
        for words, (bound, holds) in limits.items():
            if bound is not None and not holds(bound):
                raise SettingsError(f"{self.name} must be {words} {bound:g}, found {value:g}")


def option(
    default: Value,
    help: str,  # noqa: A002
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
) -> Any:
    """Declare a field of a part or of the settings as an option a user can set.

    The field is static: part of the program, not of the trained numbers.
    """
    bounds = {"at_least": at_least, "above": above, "at_most": at_most}
    return field(default=default, metadata={"static": True, "help": help, **bounds})


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a word nobody knows, with the nearest known one.

    >>> unknown("recipe", "facs-2016", ["default", "faces-2016"])
    "unknown recipe 'facs-2016'; did you mean 'faces-2016'? (known: default, faces-2016)"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name.replace("_", "-"), [n.replace("_", "-") for n in names], n=1)
    match = next((n for n in names if near and n.replace("_", "-") == near[0]), None)
    hint = f"; did you mean {match!r}?" if match else ""
    listing = f" (known: {', '.join(names)})" if len(names) <= 12 else ""
    return f"unknown {what} {name!r}{hint}{listing}"


def check_all(options: Mapping[str, Option], given: Mapping[str, Value]) -> dict[str, Value]:
    """Check every given value against its declaration.

    Raises:
        SettingsError: a key is not known, or a value is not acceptable.
    """
    for name in given:
        if name not in options:
            raise SettingsError(unknown("setting", name, options))
    return {name: options[name].check(value) for name, value in given.items()}


def _alternatives(declared: Any) -> tuple[Any, ...]:
    if get_origin(declared) is Literal:
        return get_args(declared)
    if get_origin(declared) in (Union, types.UnionType):
        return tuple(a for member in get_args(declared) for a in _alternatives(member))
    return (declared,)


def _entries(value: Value) -> Iterable[Value]:
    several = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    return value if several else [value]


def _convert(value: Value, wanted: type) -> Value:
    if wanted is bool:
        return value if isinstance(value, bool) else None
    if wanted is str:
        return str(value) if isinstance(value, _WRITTEN) and not isinstance(value, bool) else None
    return None if isinstance(value, bool) else _number(value, wanted)


def _number(value: Value, wanted: type) -> Value:
    try:
        number = wanted(value)
    except (TypeError, ValueError, OverflowError):
        return None
    exact = wanted is float or number == value or isinstance(value, str)
    return number if exact and math.isfinite(number) else None


def _describe(wanted: type) -> str:
    return {int: "a whole number", float: "a finite number", bool: "true or false", str: "a word"}[wanted]
