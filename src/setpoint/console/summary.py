"""The top of the report: what it is about and how it went, in a sentence and in tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.metric import Metric, metric_of
from setpoint.console.section import Row, part_of
from setpoint.console.words import DASH, amount, between, count, date, listed, number, plural, share, signed
from setpoint.core import times

COUNTS = ("alarms", "retrainings", "promotions", "rollbacks")


def header(results: Mapping[str, Any]) -> Markup:
    """Title, period, digest and what happened, in a few sentences."""
    return el(
        "header",
        el("p", "Setpoint · replay report", class_="eyebrow"),
        el("h1", results["system"]),
        el("p", period(results), class_="period"),
        el("p", told(part_of(results, "summary"), metric_of(results)), class_="story"),
        el("p", "Digest ", el("code", results.get("digest") or DASH), class_="digest"),
    )


def period(results: Mapping[str, Any]) -> str:
    """The first and the last day, the end not included.

    >>> period({"start": "2013-01-01T00:00:00Z", "end": "2014-01-01T00:00:00Z"})
    '1 January 2013 to 31 December 2013, UTC'
    >>> period({"start": "2013-01-01T00:00:00Z", "end": "2013-01-02T00:00:00Z"})
    '1 January 2013, UTC'
    """
    last = times.iso(max(times.time(results["end"]) - 1, times.time(results["start"])))
    begins, ends = date(results["start"], whole=True), date(last, whole=True)
    return f"{begins}, UTC" if begins == ends else f"{begins} to {ends}, UTC"


def told(summary: Row, metric: Metric) -> str:
    """The replay in a few plain sentences.

    >>> told(Row(decisions=10, matured=8), Metric())
    'The system took 10 decisions; 8 of them have a known outcome. Too few labels settled to say how good it was.'
    """
    taken, matured = summary["decisions"], summary["matured"]
    if not taken:
        return "The system took no decisions."
    first = f"The system took {plural(taken, 'decision')}"
    first += "." if matured is None else f"; {matured:,} of them have a known outcome."
    live, frozen = summary[metric.key], summary[metric.frozen]
    if live is None:
        return f"{first} Too few labels settled to say how good it was."
    a = "ranked them with an" if metric.of_two else "had a"
    second = f"What was served {a} {metric.name} of {metric.number(live)}"
    if frozen is not None:
        gap, more = abs(live - frozen), "more" if live > frozen else "less"
        apart = "as" if gap < metric.visible(live) / 10 else f"{metric.number(gap)} {more} than"
        second += f", {apart} its first model would have, left alone"
    acts = [plural(summary[f"{noun}s"], noun) for noun in ("retraining", "promotion", "rollback")
            if summary.get(f"{noun}s") is not None]  # fmt: skip
    third = f" There were {listed(acts)}." if acts else ""
    return f"{first} {second}.{third}"


def tiles(results: Mapping[str, Any]) -> Markup:
    """The figures that count, large; and the facts behind them, small."""
    return el("div", el("dl", _large(results), class_="tiles"), el("dl", _small(results), class_="facts"), id="summary")


def _large(results: Mapping[str, Any]) -> list[Markup]:
    summary, split = part_of(results, "summary"), part_of(results, "time_split")
    metric = metric_of(results)
    live, frozen, random = summary[metric.key], summary[metric.frozen], split["random_split_auc"]
    alone, claim = "no first model to compare with", "no random split to compare with"
    held_out = "not judged on held-out time"
    if live is not None and frozen is not None:
        apart = signed(frozen - live) if metric.of_two else f"{frozen - live:+.3g}"
        alone = f"first model left alone {metric.number(frozen)} ({apart})"
    if random is not None:
        claim = f"a random split would claim {number(random)} ({signed(split.get('flattery'))})"
    if split["ece"] is not None:
        held_out = f"on held-out time {number(split['ece'])} ({between(split.get('ece_low'), split.get('ece_high'))})"
    of_two = [
        _tile("AUC, split by time", number(summary["auc_time_split"]), claim),
        _tile("Calibration error (ECE)", number(summary["ece"]), held_out),
    ]
    return [
        _tile(f"{metric.name}, live", metric.number(live), alone),
        *(of_two if metric.of_two else ()),
        _tile("Value per 1,000 decisions", amount(summary["business"]), results.get("unit") or "no unit declared"),
    ]


def _small(results: Mapping[str, Any]) -> list[Markup]:
    summary, parity = part_of(results, "summary"), part_of(results, "parity")
    taken, void, peak = summary["decisions"], summary["void"], summary["peak_rss_mb"]
    differences, values = summary["online_offline_mismatches"], parity["compared_values"]
    return [
        _tile("Decisions", count(taken)),
        _tile("Labels matured", count(summary["matured"])),
        _tile("Void", count(void), share(void / taken) if taken and void is not None else None),
        *(_tile(name.capitalize(), count(summary[name])) for name in COUNTS),
        _tile(
            "Online/offline differences",
            count(differences),
            f"in {count(values)} values" if values else None,
            kind="bad" if differences else None,
        ),
        _tile("CPU seconds", amount(summary["cpu_seconds"]), None if peak is None else f"{number(peak, 0)} MB peak"),
    ]


def _tile(name: str, value: str, below: str | None = None, *, kind: str | None = None) -> Markup:
    return el(
        "div",
        el("dt", name),
        el("dd", value, class_=f"figure {kind}" if kind else "figure"),
        None if below is None else el("dd", below, class_="below"),
    )
