"""What is found from whole data sets, found once for all models that are prepared together."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

_found: ContextVar[dict[Any, Any] | None] = ContextVar("found", default=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Inside, functions that are `remembered` do the same work once.

    >>> double = remembered(lambda x: 2 * x)
    >>> with remembering():
    ...     double(np.ones(2)) is double(np.ones(2))
    True
    >>> double(np.ones(2)) is double(np.ones(2))
    False
    """
    token = _found.set({})
    try:
        yield
    finally:
        _found.reset(token)


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """A function of arrays and values alone, whose results nobody changes; arrays go by their content."""

    @wraps(function)
    def call(*arguments: P.args, **named: P.kwargs) -> T:
        found = _found.get()
        if found is None:
            return function(*arguments, **named)
        place = function, *map(_told, arguments), *((name, _told(value)) for name, value in named.items())
        if place not in found:
            found[place] = function(*arguments, **named)
        return found[place]

    return call


def _told(value: object) -> object:
    if not isinstance(value, np.ndarray):
        return value
    return value.shape, value.dtype.str, hashlib.sha256(np.ascontiguousarray(value).data).digest()
