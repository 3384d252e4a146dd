"""Damaged files of every kind a user may hand over: a result or one of our errors, never anything else.

`make soak` runs 10 000 cases of each kind (VAEFIT_FUZZ_CASES), the tests a few hundred.
"""

import io
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vaefit import VaefitError, fit, load, read

CASES = int(os.environ.get("VAEFIT_FUZZ_CASES", "150"))
fuzz = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=CASES <= 1000,
)

# (where, what): replace, cut, insert or repeat at a relative position.
Damage = tuple[str, float, bytes]
damages = st.lists(
    st.tuples(
        st.sampled_from(["replace", "cut", "insert", "double"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.binary(min_size=1, max_size=8), st.sampled_from([b"0", b"-1", b"99999999999", b"nan", b"\n"])
        ),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, damage: list[Damage]) -> bytes:
    """The content after all its accidents."""
    for kind, where, what in damage:
        at = int(where * len(content))
        content = {
            "replace": content[:at] + what + content[at + len(what) :],
            "cut": content[:at],
            "insert": content[:at] + what + content[at:],
            "double": content[:at] + content,
        }[kind]
    return content


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    """A file of a few kilobytes must not ask for gigabytes."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def one_line_or_fine(action: Callable[[], object]) -> None:
    try:
        action()
    except VaefitError as problem:
        if "\n" in str(problem):
            pytest.fail(f"more than one line: {problem}")


def pgm(binary: bool) -> bytes:
    values = np.arange(36).reshape(6, 6) * 7
    if binary:
        return b"P5\n6 6\n255\n" + values.astype(np.uint8).tobytes()
    return b"P2\n# made here\n6 6\n255\n" + " ".join(map(str, values.ravel())).encode()


def png() -> bytes:
    out = io.BytesIO()
    Image.fromarray((np.arange(36).reshape(6, 6) * 7).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, images=np.arange(72, dtype=np.uint8).reshape(2, 6, 6))
    return out.getvalue()


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.linspace(0, 1, 20).reshape(5, 4))
    return out.getvalue()


TABLE = b"a,b,c\n1,2.5,3\n4,5,6\n7,8,1e3\n"
SOURCES = {
    "binary.pgm": pgm(True),
    "plain.pgm": pgm(False),
    "image.png": png(),
    "arrays.npz": npz(),
    "array.npy": npy(),
    "table.csv": TABLE,
    "table.tsv": TABLE.replace(b",", b"\t"),
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_damaged_data(name: str, tmp_path: Path) -> None:
    path = tmp_path / name

    @fuzz
    @given(damages)
    def run(damage: list[Damage]) -> None:
        path.write_bytes(damaged(SOURCES[name], damage))
        one_line_or_fine(lambda: read(path))

    run()


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    x = np.random.default_rng(0).normal(size=(60, 3))
    fit(x, out=folder, latent_dim=2, epochs=1, encoder_layers=(4,), decoder_layers=(4,))
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "settings.toml", "transform.json", "history.jsonl"])
def test_damaged_runs(name: str, small_run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(small_run, copy)
    whole = (copy / name).read_bytes()

    @fuzz
    @given(damages)
    def run(damage: list[Damage]) -> None:
        (copy / name).write_bytes(damaged(whole, damage))
        one_line_or_fine(lambda: load(copy))

    run()
