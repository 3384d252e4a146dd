"""How much memory is left."""

from __future__ import annotations

from pathlib import Path

import psutil

# What a container may use, by the second and the first version of control groups.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def available() -> int:
    """Bytes that can be had without swapping, within what this process's container is allowed.

    >>> available() > 0
    True
    """
    limits = [most for most in map(_number, _LIMITS) if most is not None]
    free = int(psutil.virtual_memory().available)
    return min(free, max(min(limits) - psutil.Process().memory_info().rss, 0)) if limits else free


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):  # no such group, or "max": no limit
        return None
