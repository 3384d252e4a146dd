"""Programs compiled on another thread while Python goes on: XLA compiles without Python's lock."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import jax


class Ahead:
    """A function to compile, which may begin before there is anything to call it with.

    >>> import jax.numpy as jnp
    >>> double = Ahead(lambda x: 2 * x)
    >>> double.begin(jax.ShapeDtypeStruct((2,), jnp.float32))
    >>> double(jnp.ones(2, jnp.float32)).tolist()
    [2.0, 2.0]
    """

    def __init__(self, function: Callable[..., Any], **how: Any) -> None:
        self._function = jax.jit(function, **how)
        self._compiling: Future[Any] | None = None

    def begin(self, *shapes: Any) -> None:
        """Compile it for arguments of these shapes, in the background; it is traced here and now."""
        self._compiling = _compiler().submit(self._function.lower(*shapes).compile)

    def __call__(self, *arguments: Any) -> Any:
        """Its value; JAX finds what was begun, where the shapes are the same."""
        if self._compiling is not None:
            # A problem, if there was one, is met again below, and raised here.
            wait([self._compiling])
            self._compiling = None
        return self._function(*arguments)


@cache
def _compiler() -> ThreadPoolExecutor:
    # One: more programs at once would take the processor from the one that is waited for.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="vaefit-compile")
