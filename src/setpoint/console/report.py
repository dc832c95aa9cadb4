"""The report of a replay: one HTML file that shows a person how the system lived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from setpoint.console.page import page
from setpoint.console.section import Section
from setpoint.console.section_alarms import alarms
from setpoint.console.section_behaviour import behaviour
from setpoint.console.section_confidence import confidence
from setpoint.console.section_explain import effects, goes_by
from setpoint.console.section_fairness import fairness
from setpoint.console.section_labels import calibration, maturity
from setpoint.console.section_model import importances, slices
from setpoint.console.section_quality import quality, time_split
from setpoint.console.section_release import audit, gates, models
from setpoint.console.section_use import use
from setpoint.console.section_value import business, cpu, months, parity
from setpoint.console.section_weak import weak
from setpoint.console.summary import header, period, tiles

SECTIONS: tuple[Callable[[Mapping[str, Any]], Section], ...] = (
    quality, alarms, maturity, calibration, slices, importances, goes_by, effects, weak, fairness, behaviour,
    use, confidence, business,
    time_split, models, gates, cpu, parity, audit, months,
)  # fmt: skip
"""Top to bottom; neighbours that are `half` stand side by side where there is room."""


def write_report(results: Mapping[str, Any], path: Path) -> None:
    """Write the report of a replay as one HTML file that needs nothing else, not even a network.

    `results` is the document of a replay. The same document gives the same bytes; a part that it lacks is named with
    the reason why. Missing folders on the way to `path` are made.

    >>> import tempfile
    >>> about = {"system": "flights", "start": "2013-01-01T00:00:00Z", "end": "2013-02-01T00:00:00Z"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(about, Path(folder) / "report.html")
    ...     (Path(folder) / "report.html").read_text()[:15]
    '<!doctype html>'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(results), encoding="utf-8", errors="backslashreplace", newline="\n")


def render(results: Mapping[str, Any]) -> str:
    """The report as HTML.

    >>> "<h1>flights</h1>" in render({"system": "flights", "start": "2013-01-01", "end": "2013-02-01"})
    True
    """
    sections = [make(results) for make in SECTIONS]
    title = f"{results['system']}: replay report, {period(results)}"
    return page(title, [header(results), tiles(results)], sections)
