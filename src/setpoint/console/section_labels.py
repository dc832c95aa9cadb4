"""How late labels come, and whether scores are what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_curve import Bin, maturity_chart, reliability_chart
from setpoint.console.markup import el
from setpoint.console.section import HALF, Row, Section, folded, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, hours, number, share

LEVELS = (0.5, 0.95)


def maturity(results: Mapping[str, Any]) -> Section:
    """The share of decisions whose label is settled by an age."""
    title, points = "Label maturity", rows_of(results, "maturity")
    if not points:
        why = "No label had settled when the replay ended, so nothing is known of how late they come."
        return missing("maturity", title, why, half=True)
    curve = [(float(each["hours"]), float(each["share"])) for each in points]
    reached = [(level, age) for level in LEVELS if (age := _age(curve, level)) is not None]
    if reached:
        said = [f"{_part(level)} of the labels are settled within {hours(age)}" for level, age in reached]
        lead = f"{said[0]}" + (
            f", {_part(reached[1][0]).lower()} within {hours(reached[1][1])}" if len(said) > 1 else ""
        )
        last = curve[-1]
        lead += f"; {share(last[1], 0)} within {hours(last[0])}."
    else:
        lead = f"Only {share(curve[-1][1])} of the labels are settled within {hours(curve[-1][0])}."
    levels = [(age, dict(curve)[age], f"{share(level, 0)} by {hours(age)}") for level, age in reached]
    chart = maturity_chart(curve, levels, width=HALF, name="maturity-chart", title=title, description=lead)
    rows = [(hours(age), share(part)) for age, part in curve]
    body = el("div", el("figure", chart),
              folded("The numbers", table(("Age", "Settled"), rows, caption="Labels settled by age")))  # fmt: skip
    how = "Live quality is judged only on decisions old enough for their label; this says how long that takes."
    return Section("maturity", title, lead, body, how, half=True)


def _age(curve: Sequence[tuple[float, float]], level: float) -> float | None:
    return next((age for age, part in curve if part >= level), None)


def _part(level: float) -> str:
    return "Half" if level == 0.5 else share(level, 0)


def calibration(results: Mapping[str, Any]) -> Section:
    """Observed rates against the scores that were served."""
    title, bins = "Calibration", rows_of(results, "calibration")
    if not bins:
        why = "No model decided enough labelled cases of both outcomes to compare its scores with what happened."
        return missing("calibration", title, why, half=True)
    drawn = [_bin(each) for each in bins]
    farthest = max(bins, key=lambda each: abs(each["rate"] - each["mean_score"]))
    inside = sum(each["low"] <= each["mean_score"] <= each["high"] for each in bins)
    lead = (
        f"In {inside} of {len(bins)} bins the score lies within the interval of what happened; it is farthest off where "
        f"it says {share(farthest['mean_score'])}: {share(farthest['rate'])} happened."
    )
    chart = reliability_chart(drawn, width=HALF, name="calibration-chart", title=title, description=lead)
    rows = [
        (share(b["mean_score"]), share(b["rate"]), between(100 * b["low"], 100 * b["high"], 1), f"{b['n']:,}")
        for b in bins
    ]
    table_ = table(("Mean score", "Happened", "95\u202f% interval", "Decisions"), rows, caption="Calibration by bin")
    body = el("div", legend([("dot", "bin with interval"), ("diagonal", "perfect"), ("hist", "how common")]),
              el("figure", chart), folded("The numbers", table_))  # fmt: skip
    how = "On the dashed line, of the decisions given a score of 30\u202f%, 30\u202f% come true. Above it scores are too low, below too high."
    ece = (results.get("summary") or {}).get("ece")
    if ece is not None:
        how += f" Over the whole replay the average gap (ECE) is {number(ece)}."
    return Section("calibration", title, lead, body, how, half=True)


def _bin(each: Row) -> Bin:
    tip = (
        f"score {share(each['mean_score'])}\nhappened {share(each['rate'])} "
        f"({share(each['low'])} to {share(each['high'])})\n{each['n']:,} decisions"
    )
    return Bin(each["mean_score"], each["rate"], each["low"], each["high"], each["n"], tip)
