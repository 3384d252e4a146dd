"""The program as a process of its own: streams, exit codes, and the displays of terminal and log."""

import json
import subprocess
import sys

import numpy as np


def vaefit_process(*arguments, **options):
    """Run `python -m vaefit`."""
    command = [sys.executable, "-m", "vaefit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


def test_fit_in_a_process(folder, small, tmp_path):
    done = vaefit_process("fit", folder, "--out", "run", "--json", "--no-report", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == "run"
    assert done.stdout.count("\n") == 1
    assert "training: up to 2 epochs" in done.stderr
    assert "\x1b" not in done.stderr


def test_mistake_in_a_process(tmp_path):
    done = vaefit_process("fit", tmp_path / "nope")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vaefit: ")
    assert done.stderr.count("\n") == 1


def test_device_that_is_not_here(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(20))
    done = vaefit_process("fit", tmp_path / "x.npy", "--out", tmp_path / "run", "--device", "tpu")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("vaefit: no device 'tpu' here")
    assert not (tmp_path / "run").exists()


def test_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m vaefit fit --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("Usage: vaefit fit DATA")
    assert done.stderr == ""
