"""Programs compiled on another thread while Python goes on: XLA compiles without Python's lock."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import jax
from jaxtyping import PyTree

_begun: list[Future[Any]] = []


class Ahead:
    """A function to compile, which may begin before there is anything to call it with.

    >>> import jax.numpy as jnp
    >>> double = Ahead(lambda x: 2 * x)
    >>> double.begin(jax.ShapeDtypeStruct((2,), jnp.float32))
    ShapeDtypeStruct(shape=(2,), dtype=float32)
    >>> double(jnp.ones(2, jnp.float32)).tolist()
    [2.0, 2.0]
    """

    def __init__(self, function: Callable[..., Any], **how: Any) -> None:
        self._function = jax.jit(function, **how)
        self._compiling: Future[Any] | None = None

    def begin(self, *shapes: Any) -> PyTree[jax.ShapeDtypeStruct]:
        """Compile it for arguments of these shapes, in the background; the shapes of its value.

        It is traced here and now, in the context of whoever calls it.
        """
        lowered = self._function.lower(*shapes)
        self._compiling = _compiler().submit(lowered.compile)
        _begun.append(self._compiling)
        return jax.tree.map(lambda out: jax.ShapeDtypeStruct(out.shape, out.dtype), lowered.out_info)

    def __call__(self, *arguments: Any) -> Any:
        """Its value; JAX finds what was begun, where the shapes are the same."""
        self.wait()
        return self._function(*arguments)

    def wait(self) -> None:
        """Wait for what was begun. A problem, if there was one, is met again by the call."""
        if self._compiling is not None:
            wait([self._compiling])
            self._compiling = None


def meanwhile(work: Callable[[], object]) -> None:
    """Do on another thread, after all that was begun, what will compile programs; `finished` waits for it.

    What goes wrong there will go wrong again in earnest.
    """
    earlier = tuple(_begun)

    def quietly() -> None:
        wait(earlier)
        with contextlib.suppress(Exception):
            work()

    _begun.append(_compiler().submit(quietly))


def finished() -> None:
    """Wait for all that was begun."""
    wait(_begun)


def under_way() -> bool:
    """Whether something is still being compiled; an orderly end of the process would wait for it."""
    _begun[:] = (one for one in _begun if not one.done())
    return bool(_begun)


@cache
def _compiler() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="vaefit-compile")
