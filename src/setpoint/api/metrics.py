"""Counts and times of the server in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from setpoint.core.clock import cpu_seconds, peak_rss_mb

BOUNDS = tuple(1e-5 * 2**power for power in range(18))
"""Upper bounds of the times that are counted apart, in seconds: 10 us to 1.3 s."""

HELP = {
    "setpoint_requests_total": ("counter", "Requests answered, by system, route and status."),
    "setpoint_decisions_total": ("counter", "Decisions given, by system, arm and action."),
    "setpoint_degraded_total": ("counter", "Decisions that the fallback rule took, by system and reason."),
    "setpoint_decision_seconds": ("histogram", "Time from the request read to the decision logged, by system."),
    "setpoint_explained_decision_seconds": ("histogram", "The same of decisions that were asked to be explained."),
    "setpoint_events_total": ("counter", "Events told, by system, source and what became of them."),
    "setpoint_failures_total": ("counter", "Requests on which the server itself failed."),
    "setpoint_ready": ("gauge", "Whether a system can decide now, by system."),
    "setpoint_cpu_seconds_total": ("counter", "CPU time of the process."),
    "setpoint_peak_rss_bytes": ("gauge", "The most memory that the process has held."),
}
"""Every metric: its type and what it means."""

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and histograms of one process; used from the thread of its event loop only.

    >>> metrics = Metrics()
    >>> metrics.count("setpoint_requests_total", (("system", "shop"), ("status", "200")))
    >>> metrics.value("setpoint_requests_total", (("system", "shop"), ("status", "200")))
    1
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Labels], int] = {}
        self._times: dict[tuple[str, Labels], list[float]] = {}

    def count(self, name: str, labels: Labels = (), *, by: int = 1) -> None:
        """One more, or several."""
        key = (name, labels)
        if by:
            self._counts[key] = self._counts.get(key, 0) + by

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """One more that took this long."""
        cells = self._times.get((name, labels))
        if cells is None:
            cells = self._times[(name, labels)] = [0.0] * (len(BOUNDS) + 2)
        cells[bisect_left(BOUNDS, seconds)] += 1
        cells[-1] += seconds

    def value(self, name: str, labels: Labels = ()) -> int:
        """How many were counted."""
        return self._counts.get((name, labels), 0)

    def text(self, *, gauges: Mapping[tuple[str, Labels], float]) -> str:
        """Everything, with these values of the moment."""
        samples: dict[str, list[str]] = {name: [] for name in HELP}
        measured: dict[tuple[str, Labels], float] = {
            ("setpoint_cpu_seconds_total", ()): cpu_seconds(),
            ("setpoint_peak_rss_bytes", ()): peak_rss_mb() * 2**20,
        }
        for (name, labels), value in {**self._counts, **gauges, **measured}.items():
            samples[name].append(_sample(name, labels, value))
        for (name, labels), cells in self._times.items():
            samples[name] += _histogram(name, labels, cells)
        lines = []
        for name, found in samples.items():
            kind, meaning = HELP[name]
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *found]
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, cells: list[float]) -> list[str]:
    lines, total = [], 0.0
    for bound, cell in zip((*BOUNDS, "+Inf"), cells, strict=False):
        total += cell
        shown = bound if isinstance(bound, str) else f"{bound:.5g}"
        lines.append(_sample(f"{name}_bucket", (*labels, ("le", shown)), total))
    return [*lines, _sample(f"{name}_sum", labels, cells[-1]), _sample(f"{name}_count", labels, total)]


def _sample(name: str, labels: Labels, value: float) -> str:
    inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
    return f"{name}{{{inner}}} {value:.10g}" if inner else f"{name} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
