"""`vaefit sweep` on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SWEEP = ("sweep", "nowhere/")
MISTAKES = [
    (SWEEP, "expected settings to sweep over, --over latent_dim=2,5,10, found none"),
    (("sweep", "--over", "latent_dim=2"), "expected DATA to sweep over, or --resume FOLDER"),
    ((*SWEEP, "--over", "latent_dim"), "--over is NAME=VALUE,VALUE,..."),
    ((*SWEEP, "--over", "latent_dims=2,5"), "unknown setting 'latent_dims'; did you mean 'latent_dim'?"),
    ((*SWEEP, "--over", "latent_dim=2,many"), "latent_dim must be a whole number, found 'many'"),
    ((*SWEEP, "--over", "latent_dim=2,0"), "latent_dim must be at least 1, found 0"),
    (
        (*SWEEP, "--over", "latent_dim=2,5,2"),
        "expected different values of latent_dim to sweep over, found 2",
    ),
    (
        (*SWEEP, "--over", "beta=1", "--over", "beta=2"),
        "--over beta is given twice; give all its values",
    ),
    ((*SWEEP, "--over", "beta=1,2", "--beta", "3"), "beta is swept over and also given as --beta"),
    ((*SWEEP, "--over", "seed=1,2"), "seeds are counted, not swept over: give --seeds 3"),
    ((*SWEEP, "--over", "size=8x8,16x16"), "size decides which data are fitted"),
    (
        (*SWEEP, "--over", "beta=1,2", "--validation", "0"),
        "a sweep chooses by the likelihood of validation",
    ),
    (
        ("sweep", "--resume", "there", "--over", "beta=1"),
        "--resume goes on with the sweep's own data",
    ),
    (("sweep", "--resume", "there"), "there is not the folder of a sweep: no such folder"),
]


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES, ids=[m[1][:30] for m in MISTAKES])
def test_mistakes_are_one_line(
    vaefit: Callable[..., Any], arguments: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    said = vaefit(*arguments)
    assert said.code == 2 and said.out == ""
    assert said.err.count("\n") == 1 and said.err.startswith("vaefit: ")
    assert expected in said.err


def test_a_table_in_the_terminal(vaefit: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    flags = "--over latent_dim=1,2 --seeds 2 --epochs 1 --batch-size 25 --encoder-layers 4 --decoder-layers 4"
    said = vaefit("sweep", folder, "--out", tmp_path / "sweep", *flags.split())
    assert said.code == 0, said.err
    head, heads, *lines = said.out.splitlines()
    assert "nats per datum" in head
    assert heads.split()[:3] == ["latent_dim", "models", "elbo"]
    assert [line.split()[:2] for line in lines[:2]] == [["1", "2"], ["2", "2"]]
    assert lines[2].startswith(f"best: {tmp_path / 'sweep' / 'best'} -> latent_dim=")
    assert vaefit("info", tmp_path / "sweep" / "best").code == 0
    assert vaefit("sweep", "--resume", tmp_path / "sweep", "--json").json["table"][0]["models"] == 2
