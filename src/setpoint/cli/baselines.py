"""Every baseline beside the model, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.cli.render import out, table


def print_baselines(report: Mapping[str, Any]) -> None:
    """A table of what each baseline has of the metric, and what the model gains over it, with 95 % intervals."""
    rows = [(each["name"], each["value"], *_gained(each)) for each in report["baselines"]]
    columns = ("baseline", report["metric"], "model has more", "worth more per 1000", "low", "high")
    out.print(table("Baselines", columns, rows))


def _gained(each: Mapping[str, Any]) -> tuple[Any, ...]:
    if "worth" not in each:
        return (None,) * 4
    worth = each["worth"]
    return each["difference"]["estimate"], worth["estimate"], worth["low"], worth["high"]
