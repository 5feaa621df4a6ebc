"""Peak memory of this process."""

from __future__ import annotations

from pathlib import Path

from napari_densify.session.worker import peak_memory_mb


def own_peak_mb() -> float:
    """Most memory this process ever held, in MB.

    Linux hands getrusage's figure down from the process that started this one, so its own
    high-water mark is read where there is one.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return peak_memory_mb()
