"""The processes of one fit, on one host or many: how they find each other, and what they tell each other.

All of them run the same program in step (each with its part of every batch); the first alone writes and
speaks. A process on its own is the first of one, and nothing here costs it anything.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vaefit.errors import DataError, SettingsError

if TYPE_CHECKING:  # the command line reads a process's place without JAX or NumPy
    import numpy as np
    from jaxtyping import PyTree

# A process that is silent for so long is lost.
SECONDS_OF_SILENCE = 20
# How long those that start wait for the last to start.
SECONDS_TO_START = 300
# How long those that are done wait for the first to finish pictures and page.
SECONDS_TO_FINISH = 24 * 3600
_HOW = "give --coordinator HOST:PORT --processes N --process I, I from 0 to N - 1, the same HOST:PORT to all"


@dataclass(frozen=True)
class Place:
    """One process among those of a fit; without a coordinator JAX finds it (Slurm, Open MPI 4)."""

    process: int
    processes: int
    coordinator: str | None = None


def place(
    coordinator: str | None = None,
    processes: int | None = None,
    process: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Place | None:
    """This process's place, from what was asked for and what the launcher says; None for one on its own.

    Raises:
        SettingsError: what was asked for is no place, or lacks what the launcher does not say.

    >>> place("10.0.0.1:1234", 2, 1, {})
    Place(process=1, processes=2, coordinator='10.0.0.1:1234')
    >>> place(environment={"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"}) is None
    True
    """
    launched = _launched(environment)
    if launched is not None:
        found = launched.processes if processes is None else processes
        number = launched.process if process is None else process
    else:
        asked = [value for value in (coordinator, processes, process) if value is not None]
        if not asked:
            return None
        if processes is None or process is None or (coordinator is None and processes > 1):
            raise SettingsError(f"expected --coordinator, --processes and --process together; {_HOW}")
        found, number = processes, process
    if not 0 <= number < found:
        raise SettingsError(
            f"--process must be from 0 to {found - 1} of {found} processes, found {number}; {_HOW}"
        )
    if coordinator is not None and not coordinator.rpartition(":")[2].isdecimal():
        raise SettingsError(f"--coordinator must be HOST:PORT, found {coordinator!r}")
    if coordinator is None and not _found_by_jax(environment):
        raise SettingsError(
            f"found {found} processes, but not where the first is; give --coordinator HOST:PORT, the first's "
            "host and a free port of it, to all of them"
        )
    return Place(number, found, coordinator) if found > 1 else None


def _launched(environment: Mapping[str, str]) -> Place | None:
    """What srun or mpirun says of more than one process; a batch script or a login shell is none."""
    names = {"SLURM_STEP_NUM_TASKS": "SLURM_PROCID", "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK"}
    for count, number in names.items():
        if count in environment and number in environment and int(environment[count]) > 1:
            return Place(int(environment[number]), int(environment[count]))
    return None


def _found_by_jax(environment: Mapping[str, str]) -> bool:
    return any(
        n in environment for n in ("SLURM_STEP_NODELIST", "OMPI_MCA_orte_hnp_uri", "JAX_COORDINATOR_ADDRESS")
    )


def join(place: Place) -> None:
    """Meet the others; before anything else of JAX.

    Raises:
        SettingsError: they are not met, and why.
    """
    import jax

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    # SIGTERM is handled by the run's own journal.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            place.coordinator,
            place.processes,
            place.process,
            initialization_timeout=SECONDS_TO_START,
            heartbeat_timeout_seconds=SECONDS_OF_SILENCE,
            shutdown_timeout_seconds=SECONDS_TO_FINISH,
        )
    except (RuntimeError, ValueError) as problem:
        raise SettingsError(f"{not_met(place)} ({str(problem).splitlines()[0][:120]})") from None


def not_met(place: Place) -> str:
    """What to say of a process that is alone."""
    where = f" at {place.coordinator}" if place.coordinator else ""
    return (
        f"process {place.process} of {place.processes} did not meet the others{where} within "
        f"{SECONDS_TO_START} s; start all of them, with the same --coordinator, a free port of the first's "
        "host that the others can reach"
    )


def count() -> int:
    """How many processes fit together."""
    return sys.modules["jax"].process_count() if _joined() else 1


def number() -> int:
    """Which of them this one is, from 0."""
    return sys.modules["jax"].process_index() if _joined() else 0


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return number() == 0


def of_first(tree: "PyTree") -> "PyTree":
    """The first process's arrays; all of them must ask, and have some of these shapes."""
    if count() == 1:
        return tree
    import jax
    import numpy as np
    from jax.experimental import multihost_utils

    return multihost_utils.broadcast_one_to_all(jax.tree.map(np.asarray, tree))


def greatest(number: int) -> int:
    """The greatest of the processes' numbers; all of them must ask."""
    return number if count() == 1 else max(of_all([number])[:, 0].tolist())


def of_all(numbers: list[int] | list[float]) -> "np.ndarray":
    """Every process's numbers, a row each; all of them must ask."""
    import jax
    import numpy as np

    mine = np.array(numbers, np.int32 if isinstance(numbers[0], int) else np.float32)
    gather, where = _gather()
    return np.asarray(gather(jax.make_array_from_process_local_data(where, mine[None])).addressable_data(0))


def check_same(numbers: Mapping[str, float]) -> None:
    """See that all processes have the same numbers, to rounding; all of them must ask.

    Raises:
        DataError: they have not; the message says which, and who.
    """
    import numpy as np

    everyones = of_all([float(number) for number in numbers.values()])
    for name, values in zip(numbers, everyones.T, strict=True):
        other = np.flatnonzero(~np.isclose(values, values[0], rtol=1e-4))
        if len(other):
            problem = DataError(
                f"all processes must fit the same data with the same settings, found {name} {values[0]:g} in "
                f"process 0 and {values[other[0]]:g} in process {other[0]}; give all of them one command and "
                "the same files"
            )
            problem.shared = True
            raise problem


def is_loss(problem: BaseException) -> bool:
    """Whether an exception of JAX says that another process is gone; told by its words."""
    if count() == 1 or not isinstance(problem, RuntimeError | ValueError):
        return False
    words = (
        "Gloo",
        "gloo",
        "NCCL",
        "coordination service",
        "Connection closed",
        "UNAVAILABLE",
        "DEADLINE_EXCEEDED",
    )
    return any(word in str(problem) for word in words)


def leave(code: int) -> int:
    """Where this process alone cannot go on: end at once, as an orderly end would wait for the others."""
    if count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


@cache
def _gather() -> tuple[Any, Any]:
    """A program that gives every process what each has, and where it takes it from: a device of each."""
    import jax
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    devices = {device.process_index: device for device in reversed(jax.devices())}
    mesh = Mesh(np.array([devices[i] for i in range(count())]), ("processes",))
    whole = NamedSharding(mesh, PartitionSpec())
    return jax.jit(lambda rows: rows, out_shardings=whole), NamedSharding(mesh, PartitionSpec("processes"))


def _joined() -> bool:
    jax = sys.modules.get("jax")
    return jax is not None and jax.distributed.is_initialized()
