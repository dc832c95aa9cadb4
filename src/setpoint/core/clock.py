"""The clock: the only place that reads the time of day."""

from __future__ import annotations

import os
import resource
import threading
import time as _time
from pathlib import Path

from setpoint.core.errors import WrongType
from setpoint.core.times import iso


class SystemClock:
    """The machine's time in microseconds UTC, never running backwards; demonstrations start it at another."""

    def __init__(self, *, starting_at: int | None = None) -> None:
        self._offset = 0 if starting_at is None else starting_at - _time.time_ns() // 1000
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """The current time; never smaller than any time given before."""
        with self._lock:
            self._last = max(self._last, _time.time_ns() // 1000 + self._offset)
            return self._last


class SimulatedClock:
    """A clock that stands still until it is moved: what replay and tests run on.

    >>> clock = SimulatedClock(10)
    >>> clock.advance_to(25)
    >>> clock.now()
    25
    """

    def __init__(self, start: int) -> None:
        self._now = start

    def now(self) -> int:
        """The simulated time."""
        return self._now

    def advance_to(self, moment: int) -> None:
        """Move the clock forward; raises WrongType when that would turn it back."""
        if moment < self._now:
            raise WrongType(
                f"The clock stands at {iso(self._now)} and cannot go back to {iso(moment)}.",
                expected="a later time",
            )
        self._now = moment


def cpu_seconds() -> float:
    """CPU seconds of this process and the children it waited for (all their threads)."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime)


def peak_rss_mb() -> float:
    """The most memory this process has held, in MiB."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def machine_memory() -> int:
    """The bytes of memory of the machine, or of the control group that this process is in where these are fewer."""
    here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    told = limit.read_text().strip() if limit.is_file() else ""
    return min(here, int(told)) if told.isdigit() else here


def stopwatch() -> int:
    """A monotone reading in nanoseconds, for measuring how long something took; never stored in a digest."""
    return _time.perf_counter_ns()
