"""How much memory a process holds that no file stands behind: what it needs, whatever it has mapped."""

from __future__ import annotations

from pathlib import Path


def anonymous_kb() -> int:
    """The anonymous memory of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
