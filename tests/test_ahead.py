"""Programs compiled in the background: found by whoever calls them, traced and compiled once."""

import threading
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars
import pytest
from jax import monitoring

from vaefit import fit
from vaefit.ahead import Ahead, finished, meanwhile, under_way

SMALL = {"epochs": 1, "latent_dim": 2, "encoder_layers": (5,), "decoder_layers": (5,)}


@pytest.fixture(scope="module")
def seen() -> Iterator[Counter[tuple[str, str, bool]]]:
    """What JAX did, to which function, and whether on the main thread; cleared by whoever reads it."""
    found: Counter[tuple[str, str, bool]] = Counter()

    def note(event: str, _seconds: float, fun_name: str = "", **_: Any) -> None:
        here = threading.current_thread() is threading.main_thread()
        found[event.rpartition("/")[2], fun_name, here] += 1

    monitoring.register_event_duration_secs_listener(note)
    yield found
    monitoring.unregister_event_duration_listener(note)


def test_a_fit_traces_its_programs_once_and_compiles_them_once_in_the_background(
    digits: np.ndarray, seen: Counter[tuple[str, str, bool]]
) -> None:
    table = {"t": np.random.default_rng(0).standard_t(3, size=43), "c": ["a", "b"] * 21 + ["a"]}
    for rows in (digits[:41], polars.DataFrame(table)):
        seen.clear()
        fit(rows, **SMALL)
        for name in ("first", "chunk", "order", "terms_of_block"):
            assert seen["jaxpr_trace_duration", name, True] == 1, name
            assert seen["backend_compile_duration", f"jit({name})", False] == 1, name
            assert not seen["backend_compile_duration", f"jit({name})", True], name


def test_other_shapes_than_those_begun_are_compiled_when_they_come() -> None:
    double = Ahead(lambda x: 2 * x)
    double.begin(jax.ShapeDtypeStruct((2,), jnp.float32))
    assert double(jnp.ones(3, jnp.float32)).tolist() == [2.0, 2.0, 2.0]
    assert double(jnp.ones(2, jnp.float32)).tolist() == [2.0, 2.0]


def test_it_is_known_whether_something_is_still_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, slow = threading.Event(), Ahead(lambda x: x)
    lowered = SimpleNamespace(compile=go_on.wait, out_info=())
    monkeypatch.setattr(slow, "_function", SimpleNamespace(lower=lambda: lowered))
    assert not under_way()
    slow.begin()
    assert under_way()
    go_on.set()
    slow.wait()
    assert not under_way()


def test_what_goes_wrong_meanwhile_is_left_to_be_met_again() -> None:
    done = []
    meanwhile(lambda: done.append(1 / 0))
    meanwhile(lambda: done.append(1))
    finished()
    assert done == [1] and not under_way()
