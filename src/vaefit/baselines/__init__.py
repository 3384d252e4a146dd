"""Baselines: densities without a network, to stand beside a model's numbers.

A new one is one class in one file of this folder; the file's name is the baseline's name. Those of tables
with typed columns (`TypedBaseline`) are a kind of their own.
"""

import importlib
import pkgutil
from functools import cache

from vaefit.baselines._base import Baseline
from vaefit.baselines._typed import TypedBaseline
from vaefit.errors import SettingsError

__all__ = ["Baseline", "TypedBaseline", "baselines", "find", "for_data", "for_tables"]


@cache
def baselines() -> dict[str, type[Baseline]]:
    """All baselines, by name.

    >>> sorted(baselines())[:2]
    ['bernoulli-mixture', 'factor-analysis']
    """
    return {found.name(): found for found in _classes() if issubclass(found, Baseline)}


@cache
def for_tables() -> dict[str, type[TypedBaseline]]:
    """The baselines of tables with typed columns, by name.

    >>> sorted(for_tables())
    ['gaussian-copula', 'independent-columns']
    """
    return {found.name(): found for found in _classes() if issubclass(found, TypedBaseline)}


def find(name: str) -> type[Baseline]:
    """The baseline with this name.

    Raises:
        SettingsError: there is none; the message lists those there are.
    """
    if name not in baselines():
        raise SettingsError(f"expected a baseline of {', '.join(baselines())}, found '{name}'")
    return baselines()[name]


def for_data(binary: bool) -> list[str]:
    """Names of the baselines for data of zeros and ones, or of real numbers.

    >>> for_data(binary=True)
    ['bernoulli-mixture', 'independent-bernoulli']
    """
    return [name for name, baseline in baselines().items() if baseline.binary == binary]


def _classes() -> list[type[Baseline] | type[TypedBaseline]]:
    modules = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return [_class_in(f"{__name__}.{module}") for module in modules]


def _class_in(module: str) -> type[Baseline] | type[TypedBaseline]:
    classes = [c for c in vars(importlib.import_module(module)).values() if isinstance(c, type)]
    return next(c for c in classes if c.__module__ == module and issubclass(c, Baseline | TypedBaseline))
