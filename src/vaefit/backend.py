"""JAX's start (device, number of threads, compilation cache), and its words for too little memory."""

import os
import re
import sys
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import platformdirs

from vaefit.errors import SettingsError

# Seconds of compilation from which on a program is read back sooner: a small one takes a few milliseconds.
WORTH_KEEPING = 0.01
_LEVEL = "xla_backend_optimization_level"

P = ParamSpec("P")
R = TypeVar("R")


def configure(device: str | None = None, threads: int | None = None) -> list[str]:
    """Choose device and threads for this process, and turn the compilation cache on; returns notices.

    The cache lies in the user's cache folder unless `JAX_COMPILATION_CACHE_DIR` names another (empty: none).

    Raises:
        SettingsError: JAX has started already on another device, or the device is not one of cpu, gpu, tpu.
    """
    notices = []
    _use_cache()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if device is not None:
        _choose_device(device)
    if threads is not None:
        notices += _choose_threads(threads)
    return notices


def check_device() -> str:
    """Start JAX and name what it runs on.

    Raises:
        SettingsError: the device that was asked for is not there.
    """
    import jax

    try:
        return jax.devices()[0].platform
    except RuntimeError as problem:
        asked = os.environ.get("JAX_PLATFORMS", "")
        reason = str(problem).splitlines()[0]
        raise SettingsError(f"no device {asked!r} here ({reason}); use --device cpu") from None


def computes_on_cpu() -> bool:
    """Whether what is traced now will run on a CPU."""
    import jax

    device = jax.config.values["jax_default_device"]
    return (jax.default_backend() if device is None else getattr(device, "platform", device)) == "cpu"


def prefers_bfloat16() -> bool:
    """Whether products in bfloat16 run on units of their own here, several times faster than in float32.

    Processors with AMX have them. A precision that JAX was told to keep (`JAX_DEFAULT_MATMUL_PRECISION`) is
    kept.
    """
    import jax

    told = jax.config.values["jax_default_matmul_precision"]
    return told in (None, "default") and computes_on_cpu() and "amx_bf16" in _processor_flags()


@cache
def _processor_flags() -> frozenset[str]:
    """What the processor can do, as Linux tells it; nothing is known elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runs_once() -> dict[str, Any]:
    """How `jax.jit` compiles what runs once: on a CPU in half of the time, with the same numbers."""
    # XLA's level 0 would be quicker still, but rounds differently. A level that was chosen stays.
    if _LEVEL in os.environ.get("XLA_FLAGS", "") or not computes_on_cpu():
        return {}
    return {"compiler_options": {_LEVEL: 1}}


def quickly_compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled as what `runs_once`: for programs that take longer to compile than to run.

    JAX refuses to trace it within another compiled function.
    """

    @cache
    def compiled(quickly: bool) -> Callable[P, R]:
        import equinox as eqx

        return eqx.filter_jit(function, **(runs_once() if quickly else {}))

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        # Asked at the call: JAX may start on any device until then.
        return compiled(bool(runs_once()))(*args, **kwargs)

    return call


def out_of_memory(problem: BaseException) -> str | None:
    """What was asked for where a device or Python had too little memory; None for any other problem.

    >>> out_of_memory(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 68719476736 bytes."))
    'allocating 64.0 GiB'
    """
    # Told by its words: the class of JAX's errors would need JAX.
    _, found, asked = str(problem).partition("RESOURCE_EXHAUSTED: ")
    if not found:
        return (str(problem) or "all is in use") if isinstance(problem, MemoryError) else None
    first = asked.partition("\n")[0].removeprefix("Out of memory").strip(" .")
    return re.sub(r"(\d{6,}) bytes", lambda found: f"{int(found[1]) / 2**30:.1f} GiB", first)


def _use_cache() -> None:
    folder = str(Path(platformdirs.user_cache_dir("vaefit")) / "jax")
    chosen = "JAX_COMPILATION_CACHE_DIR" in os.environ
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", str(WORTH_KEEPING))
    if "jax" in sys.modules and not chosen:
        # JAX read its environment when it was imported: a notebook may have done that first.
        import jax

        if jax.config.values["jax_compilation_cache_dir"] is None:
            jax.config.update("jax_compilation_cache_dir", folder)
            jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)


def _choose_device(device: str) -> None:
    names = {"cpu": "cpu", "gpu": "cuda,rocm", "tpu": "tpu"}
    if device not in names:
        raise SettingsError(f"device must be cpu, gpu or tpu, found {device!r}")
    if "jax" in sys.modules:
        import jax

        jax.config.update("jax_platforms", names[device])
    os.environ["JAX_PLATFORMS"] = names[device]


def _choose_threads(threads: int) -> list[str]:
    if threads < 1:
        raise SettingsError(f"threads must be at least 1, found {threads}")
    if not hasattr(os, "sched_setaffinity"):
        return [f"--threads {threads} has no effect on this system"]
    # XLA sizes its thread pool by the processors this process may use.
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, allowed[:threads])
    if threads > len(allowed):
        return [f"--threads {threads}: only {len(allowed)} processors are available"]
    return []
