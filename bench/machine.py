"""What the operating system says: which core a process may use, and the CPU time its whole tree has used."""

import os
from pathlib import Path

PROC = Path("/proc")
SERVER_CORE = 0
LOAD_CORE = 1


def cores() -> list[int]:
    """The cores this process may use; empty where the system cannot say (macOS)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(place: int) -> None:
    """Keep this process, and what it starts, on its own core when there are two or more."""
    available = cores()
    if len(available) > 1:
        os.sched_setaffinity(0, {available[place]})


def cpu_seconds(pid: int) -> float | None:
    """User and system time of the process and all below it, so far; None where there is no /proc."""
    if not (PROC / str(pid) / "stat").exists():
        return None
    return sum(_ticks(one) for one in _tree(pid)) / os.sysconf("SC_CLK_TCK")


def _tree(pid: int) -> list[int]:
    below: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [pid]
    for one in tree:
        tree += below.get(one, [])
    return tree


def _ticks(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _fields(pid: int) -> list[str]:
    """What follows the command's name in /proc/PID/stat: state, parent, ..., user ticks (12th), system ticks (13th)."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
