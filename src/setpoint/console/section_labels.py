"""How late labels come, and whether scores are what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_curve import Bin, maturity_chart, reliability_chart
from setpoint.console.markup import el
from setpoint.console.metric import metric_of
from setpoint.console.section import HALF, Row, Section, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, hours, number, share
from setpoint.core.times import HOUR

HALFWAY, NEARLY = 0.5, 0.95


def maturity(results: Mapping[str, Any]) -> Section:
    """The share of decisions whose label is settled by an age."""
    title, points = "Label maturity", rows_of(results, "maturity", "hours", "share")
    if not points:
        why = "No label had settled when the replay ended, so nothing is known of how late they come."
        return missing("maturity", title, why, half=True)
    curve = [(float(each["hours"]), float(each["share"])) for each in points]
    reached = [point for level in (HALFWAY, NEARLY) if (point := _first(curve, level)) is not None]
    lead = _found(curve)
    levels = [(age, part, f"{share(part, 0)} by {hours(age)}") for age, part in dict.fromkeys(reached)]
    chart = maturity_chart(curve, levels, width=HALF, name="maturity-chart", title=title, description=lead)
    rows = [(hours(age), share(part)) for age, part in curve]
    more = folded("The numbers", table(("Age", "Settled"), rows, caption="Labels settled by age"))
    how = "Live quality is judged only on decisions old enough for their label; the curve says how long that takes."
    how += _loop(results.get("feedback_loop"))
    return Section("maturity", title, lead, el("figure", chart), how, half=True, more=more)


def _found(curve: Sequence[tuple[float, float]]) -> str:
    halfway, nearly, (last, part) = _first(curve, HALFWAY), _first(curve, NEARLY), curve[-1]
    if halfway is None:
        return f"Only {share(part)} of the labels are settled within {hours(last)}."
    lead = f"Half of the labels are settled within {hours(halfway[0])}"
    if nearly is None:
        return f"{lead}, and {share(part)} within {hours(last)}."
    if nearly[0] == last:
        return f"{lead}, and {share(part, 0)} within {hours(last)}."
    return f"{lead}, {share(NEARLY, 0)} within {hours(nearly[0])} and {share(part, 0)} within {hours(last)}."


def _loop(found: Mapping[str, Any] | None) -> str:
    """How long the feedback loop is, with the interval of its middle."""
    known = [] if found is None else found["all"]["known_by"]
    if found is None or not known:
        return ""
    half, of = known[0], found["of"]
    told = f" The feedback loop: half of the {of} are known after {hours(half['age'] / HOUR)}"
    if half["low"] is not None and half["high"] is not None:
        told += f" (95\u202f% interval {hours(half['low'] / HOUR)} to {hours(half['high'] / HOUR)})"
    nearly = next((each for each in known if each["share"] == NEARLY), None)
    if nearly is not None:
        told += f", {share(NEARLY, 0)} after {hours(nearly['age'] / HOUR)}"
    return told + "."


def _first(curve: Sequence[tuple[float, float]], level: float) -> tuple[float, float] | None:
    return next(((age, part) for age, part in curve if part >= level), None)


def calibration(results: Mapping[str, Any]) -> Section:
    """Observed rates against the scores that were served."""
    title, bins = "Calibration", rows_of(results, "calibration", "mean_score", "rate", "low", "high", "n")
    if not bins:
        why = "No model decided enough labelled cases of both outcomes to compare its scores with what happened."
        metric = metric_of(results)
        if not metric.of_two:
            why = f"Predictions are judged by {metric.name}; only the scores of two classes are compared with a rate."
        return missing("calibration", title, why, half=True)
    farthest = max(bins, key=lambda each: abs(each["rate"] - each["mean_score"]))
    inside = sum(each["low"] <= each["mean_score"] <= each["high"] for each in bins)
    lead = (
        f"Scores agree with what happened in {inside} of {len(bins)} bins; they are farthest off at a score of "
        f"{share(farthest['mean_score'])}, where {share(farthest['rate'])} came true."
    )
    drawn = [_bin(each) for each in bins]
    chart = reliability_chart(drawn, width=HALF, name="calibration-chart", title=title, description=lead)
    entries = [("dot", "bin, with its 95\u202f% interval"), ("diagonal", "perfect"), ("hist", "how common")]
    how = "On the dashed line, of the decisions given a score of 30\u202f%, 30\u202f% come true. Above it scores are "
    how += "too low, below it too high."
    ece = part_of(results, "summary")["ece"]
    if ece is not None:
        how += f" Over the whole replay the average gap (ECE) is {number(ece)}."
    rows = [
        (share(each["mean_score"]), share(each["rate"]), _range(each), count(each["n"]))
        for each in bins
    ]  # fmt: skip
    columns = ("Mean score", "Came true", "95\u202f% interval", "Decisions")
    more = folded("The numbers", table(columns, rows, caption="Calibration by bin"))
    return Section("calibration", title, lead, [legend(entries), el("figure", chart)], how, half=True, more=more)


def _bin(each: Row) -> Bin:
    tip = f"score {share(each['mean_score'])}\n{share(each['rate'])} came true ({_range(each)})"
    tip += f"\n{each['n']:,} decisions"
    return Bin(each["mean_score"], each["rate"], each["low"], each["high"], each["n"], tip)


def _range(each: Row) -> str:
    return f"{between(100 * each['low'], 100 * each['high'], 1)}\u202f%"
