"""The states of models that train as one: each with a processor to itself, or side by side in one array."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from vaefit.backend import processors
from vaefit.program import State
from vaefit.sweeping.traced import Numbers, Shared, compiled

T = TypeVar("T")


class Given(NamedTuple):
    """What a model has beside its state; `data` is which of the validation rows are its own."""

    numbers: Numbers
    step_key: Key[Array, "*models"]
    data: Int[Array, "*models"]
    evaluation_key: Key[Array, "*models"]


class Chunk(NamedTuple):
    """Steps `start` to `stop` of an epoch, with every model's order of rows and the scale of its rate."""

    orders: Sequence[Int[Array, " padded"]]
    rate_scales: Sequence[float]
    start: int
    stop: int


class States(Protocol):
    """The states of all models, by their numbers."""

    def take(self, live: Sequence[int], chunk: Chunk) -> list[bool]:
        """Take steps of the models `live`, and say whose were all finite; of the others none was taken."""
        ...

    def terms(self, live: Sequence[int]) -> Float[np.ndarray, "live rows 3"]:
        """Rate, distortion and importance-weighted bound of the models' validation rows, nats."""
        ...

    def of(self, number: int, *names: str) -> dict[str, Any]:
        """These fields of a model's state."""
        ...

    def put(self, number: int, state: State) -> None:
        """Give a model this state."""
        ...

    def forget_sums(self) -> None:
        """Begin every model's running sums anew."""
        ...


class Apart:
    """A state for each model, as many models at work at a time as there are processors: for CPUs.

    The matrix products of one model gain little or nothing from a second processor; models side by side
    in one program would fall out of the processors' caches.
    """

    def __init__(
        self,
        shared: Shared,
        states: Sequence[State],
        given: Sequence[Given],
        x: Float[np.ndarray, "rows variables"],
        held_out: Float[np.ndarray, "data blocks block variables"],
    ) -> None:
        self._states = [jax.tree.map(jnp.asarray, state) for state in states]
        self._given, self._x, self._held_out = given, jnp.asarray(x), jnp.asarray(held_out)
        chunk, _, terms = compiled(shared)
        self._chunk, self._terms = _first_alone(chunk), _first_alone(terms)

    def take(self, live: Sequence[int], chunk: Chunk) -> list[bool]:
        """Each model's steps in a thread."""

        def take(number: int) -> bool:
            own = self._given[number]
            state, sound = self._chunk(
                self._states[number],
                own.numbers,
                self._x,
                chunk.orders[number],
                own.step_key,
                jnp.float32(chunk.rate_scales[number]),
                jnp.int32(chunk.start),
                jnp.int32(chunk.stop),
            )
            if sound:
                self._states[number] = state
            return bool(sound)

        return _at_work(take, live)

    def terms(self, live: Sequence[int]) -> Float[np.ndarray, "live rows 3"]:
        """Each model's rows in a thread."""

        def terms(number: int) -> np.ndarray:
            params, own = self._states[number].params, self._given[number]
            return np.asarray(self._terms(params, own.numbers, self._held_out, own.data, own.evaluation_key))

        return _rows(np.stack(_at_work(terms, live)))

    def of(self, number: int, *names: str) -> dict[str, Any]:
        """The model's own."""
        return {name: getattr(self._states[number], name) for name in names}

    def put(self, number: int, state: State) -> None:
        """Take it as it is."""
        self._states[number] = jax.tree.map(jnp.asarray, state)

    def forget_sums(self) -> None:
        """One after the other."""
        self._states = [s._replace(sums=jax.tree.map(jnp.zeros_like, s.sums)) for s in self._states]


class Stacked:
    """All models in one program, mapped over: for devices that are idle with one of them.

    A model that has stopped keeps its place, and is left out of what is done.
    """

    def __init__(
        self,
        shared: Shared,
        states: Sequence[State],
        given: Sequence[Given],
        x: Float[np.ndarray, "rows variables"],
        held_out: Float[np.ndarray, "data blocks block variables"],
    ) -> None:
        self._state: State = jax.tree.map(jnp.asarray, _stacked(states))
        self._given: Given = jax.tree.map(lambda *own: jnp.stack(own), *given)
        self._x, self._held_out = jnp.asarray(x), jnp.asarray(held_out)
        self._chunk, _, self._terms = compiled(shared)

    def take(self, live: Sequence[int], chunk: Chunk) -> list[bool]:
        """The steps of all in one call."""
        state, sound = self._chunk(
            self._state,
            self._given.numbers,
            self._x,
            jnp.stack(list(chunk.orders)),
            self._given.step_key,
            jnp.asarray(chunk.rate_scales, jnp.float32),
            jnp.int32(chunk.start),
            jnp.int32(chunk.stop),
        )
        found = np.asarray(sound)
        if not found.all():
            state = jax.tree.map(
                lambda new, old: jnp.where(sound.reshape(-1, *(1,) * (new.ndim - 1)), new, old),
                state,
                self._state,
            )
        self._state = state
        return [bool(found[number]) for number in live]

    def terms(self, live: Sequence[int]) -> Float[np.ndarray, "live rows 3"]:
        """Those of all in one call."""
        _, _, data, keys = self._given
        found = self._terms(self._state.params, self._given.numbers, self._held_out, data, keys)
        return _rows(np.asarray(found)[list(live)])

    def of(self, number: int, *names: str) -> dict[str, Any]:
        """The model's entries."""
        found = jax.device_get({name: getattr(self._state, name) for name in names})
        return jax.tree.map(lambda leaf: leaf[number], found)

    def put(self, number: int, state: State) -> None:
        """Take it back among the others."""
        self._state = jax.tree.map(lambda all_, new: all_.at[number].set(new), self._state, state)

    def forget_sums(self) -> None:
        """All at once."""
        self._state = self._state._replace(sums=jax.tree.map(jnp.zeros_like, self._state.sums))


def _at_work(do: Callable[[int], T], numbers: Iterable[int]) -> list[T]:
    """Done for every number, for as many at a time as there are processors."""
    with ThreadPoolExecutor(processors()) as pool:
        return list(pool.map(do, numbers))


def _first_alone(program: Callable[..., T]) -> Callable[..., T]:
    """The same program, compiled by whoever calls it first while all others wait."""
    lock, done = threading.Lock(), threading.Event()

    def call(*arguments: Any) -> T:
        if not done.is_set():
            with lock:
                if not done.is_set():
                    found = program(*arguments)
                    done.set()
                    return found
        return program(*arguments)

    return call


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _rows(terms: Float[np.ndarray, "models blocks block 3"]) -> Float[np.ndarray, "models rows 3"]:
    return terms.reshape(len(terms), -1, 3).astype(np.float64)
