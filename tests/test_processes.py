"""Several devices and processes fit the run that one does; whichever is stopped or lost, nothing is."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from test_resume import rows
from vaefit import SettingsError, fit, load
from vaefit.fitting import resume
from vaefit.processes import Place, place

SMALL = {
    "latent_dim": 2,
    "encoder_layers": (8,),
    "decoder_layers": (8,),
    "samples": 3,
    "batch_size": 25,
    "keep_prob": 0.8,
    "learning_rate": 1e-4,
    "early_stopping": 0,
    "checkpoint_seconds": 0.0,
}
# Rates of some 1e-6 nats are differences of numbers of about 1: of those five digits cannot be told.
ROUNDING = 1e-8

ON_TWO_DEVICES = """
import json, sys
from vaefit import devices, fit
data, parquet, small = *sys.argv[1:3], eval(sys.argv[3])
histories = [fit(parquet, epochs=3, stream=True, **small).history]
for devices.COPIED_BYTES, stream in ((2**28, False), (0, False), (0, True)):
    histories.append(fit(data, epochs=3, stream=stream, **small).history)
print(json.dumps([devices.mesh().size, histories]))
"""


def numbers(history: list[dict]) -> np.ndarray:
    """Loss, its parts and the validation's of every epoch of training."""
    names = ("loss", "rate", "distortion")
    return np.array([[*(r[n] for n in names), r["validation"]["elbo"]] for r in history if r["epoch"]])


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rows(tmp_path_factory.mktemp("table") / "table.npy")


@pytest.fixture(scope="module")
def parquet(table: Path) -> Path:
    path = table.with_suffix(".parquet")
    pl.DataFrame(np.load(table)).write_parquet(path)
    return path


def test_two_devices_draw_the_numbers_and_find_the_losses_of_one(table: Path, parquet: Path) -> None:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-c", ON_TWO_DEVICES, str(table), str(parquet), repr(SMALL)],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    devices, (typed, copied, divided, streamed) = json.loads(done.stdout)
    resident, streaming, of_parquet = (
        numbers(fit(path, epochs=3, stream=how, **SMALL).history)
        for path, how in ((table, False), (table, True), (parquet, True))
    )
    assert devices == 2
    np.testing.assert_allclose(numbers(copied), resident, rtol=1e-5)
    np.testing.assert_allclose(numbers(divided), resident, rtol=1e-5)
    np.testing.assert_allclose(numbers(streamed), streaming, rtol=1e-5)
    np.testing.assert_allclose(numbers(typed), of_parquet, rtol=1e-5, atol=ROUNDING)


@contextlib.contextmanager
def two(*arguments: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes of one command."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vaefit", *arguments, "--coordinator", f"127.0.0.1:{port}"]
    command += ["--processes", "2", "--no-report"]
    found = [
        subprocess.Popen(
            [*command, "--process", str(number)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        yield found
    finally:
        for process in found:
            process.kill()
            process.communicate()


def last_words(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each, all of them within a minute."""
    ends = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        ends.append((process.returncode, out, err))
    return ends


def epochs_of(run: Path) -> int:
    return len((run / "history.jsonl").read_text().splitlines()) - 1


def wait_for_epochs(run: Path, more: int, processes: list[subprocess.Popen[str]]) -> None:
    wanted = epochs_of(run) + more
    while epochs_of(run) < wanted and all(process.poll() is None for process in processes):
        time.sleep(0.02)


def test_one_two_and_one_processes_stopped_killed_and_resumed(parquet: Path, tmp_path: Path) -> None:
    run, alone = tmp_path / "run", tmp_path / "alone"
    for folder in (run, alone):
        # Streamed: each process reads its own rows of every window.
        fit(parquet, out=folder, epochs=2, stream=True, **SMALL)
    with two("fit", "--resume", str(run), "--epochs", "100000") as processes:
        wait_for_epochs(run, 3, processes)
        processes[1].send_signal(signal.SIGTERM)
        (code, out, err), (other_code, other_out, other_err) = last_words(processes)
    assert (code, other_code) == (143, 143), err + other_err
    assert (out, other_out, other_err) == ("", "", "")
    assert err.splitlines()[-1].endswith(f"all is saved; go on with: vaefit fit --resume {run}")
    with two("fit", "--resume", str(run), "--epochs", "100000") as processes:
        wait_for_epochs(run, 1, processes)
        children = Path(f"/proc/{processes[1].pid}/task/{processes[1].pid}/children")
        os.kill(int(children.read_text().split()[0]), signal.SIGKILL)
        (code, out, err), (other_code, _, other_err) = last_words(processes)
    assert (code, other_code) == (2, 137), err + other_err
    assert "another process was lost" in err.splitlines()[-1] and str(run) in err.splitlines()[-1]
    assert other_err.count("\n") == 1 and "SIGKILL" in other_err
    last = load(run).history[-1]["epoch"] + 1
    together, before = (resume(folder, epochs=last).history for folder in (run, alone))
    np.testing.assert_allclose(numbers(together), numbers(before), rtol=1e-5, atol=ROUNDING)


def test_a_process_finds_its_place_or_says_what_it_lacks() -> None:
    slurm = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "SLURM_STEP_NODELIST": "node[1-2]"}
    assert place(environment=slurm) == Place(3, 4)
    assert place("node1:1234", environment={**slurm, "SLURM_PROCID": "0"}) == Place(0, 4, "node1:1234")
    # A batch script and a login shell are no step, and a step of one process is one on its own.
    assert place(environment={"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) is None
    assert place(environment={**slurm, "SLURM_STEP_NUM_TASKS": "1"}) is None
    mpi = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
    assert place("a:1", environment=mpi) == Place(1, 2, "a:1")
    for asked, environment in [((None, None, None), mpi), (("a:1", 2, None), {}), (("a:1", 2, 2), {})]:
        with pytest.raises(SettingsError, match="--coordinator HOST:PORT"):
            place(*asked, environment)
    with pytest.raises(SettingsError, match="found 'a'"):
        place("a", 2, 0, {})
