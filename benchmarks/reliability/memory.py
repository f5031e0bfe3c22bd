"""How much memory a process has, in MB, as Linux tells it."""

from pathlib import Path


def resident_mb(pid: int) -> float | None:
    """Of another process, now; None once it is gone."""
    return _of(f"/proc/{pid}/status", "VmRSS")


def forget_peak() -> float:
    """Begin to measure this process's peak anew; what it has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


def peak_mb() -> float:
    """The most that this process had since then."""
    found = _of("/proc/self/status", "VmHWM")
    assert found is not None  # it is this process
    return found


def _of(path: str, name: str) -> float | None:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)
