"""What the machine is: processors, memory, kernel; never its name or its paths."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench.procstat import parse_cpu_model, parse_memory


def machine() -> dict[str, str]:
    """The machine in words, for the report."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    memory = parse_memory(Path("/proc/meminfo").read_text(encoding="ascii")).get("MemTotal", 0)
    return {
        "processor": parse_cpu_model(cpuinfo),
        "cores": str(cores()),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
    }


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
