"""The top of the report: what it is about and how it went, in a sentence and in tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.words import DASH, amount, between, date, number, plural, share, signed
from setpoint.core import times


def header(results: Mapping[str, Any]) -> Markup:
    """Title, period, digest and what happened, in two sentences."""
    digest = results.get("digest") or DASH
    return el(
        "header",
        el("p", "Setpoint · replay report", class_="eyebrow"),
        el("h1", results["system"]),
        el("p", period(results), class_="period"),
        el("p", told(results.get("summary") or {}), class_="story"),
        el("p", "Digest ", el("code", digest), class_="digest"),
    )


def period(results: Mapping[str, Any]) -> str:
    """The first and the last day, the end not included.

    >>> period({"start": "2013-01-01T00:00:00Z", "end": "2014-01-01T00:00:00Z"})
    '1 Jan 2013 to 31 Dec 2013, UTC'
    """
    last = times.iso(max(times.time(results["end"]) - 1, times.time(results["start"])))
    return f"{date(results['start'])} to {date(last)}, UTC"


def told(summary: Mapping[str, Any]) -> str:
    """The replay in a few plain sentences.

    >>> told({"decisions": 10, "matured": 8, "auc": None})
    'The system took 10 decisions; 8 of them have a known outcome. Too few labels settled to say how good it was.'
    """
    taken, matured = summary.get("decisions"), summary.get("matured")
    if not taken:
        return "The system took no decisions."
    first = f"The system took {taken:,} decisions"
    first += f"; {matured:,} of them have a known outcome." if matured is not None else "."
    live, frozen = summary.get("auc"), summary.get("auc_frozen")
    if live is None:
        return f"{first} Too few labels settled to say how good it was."
    second = f" What was served ranked them with an AUC of {number(live)}"
    if frozen is None:
        second += "."
    elif abs(live - frozen) < 0.0005:
        second += ", no more and no less than its first model would have, left alone."
    else:
        word = "more" if live > frozen else "less"
        second += f", {number(abs(live - frozen))} {word} than its first model would have, left alone."
    acts = [plural(summary[key] or 0, noun) for key, noun in
            (("retrainings", "retraining"), ("promotions", "promotion"), ("rollbacks", "rollback")) if key in summary]  # fmt: skip
    third = f" It took {', '.join(acts[:-1])} and {acts[-1]}." if len(acts) > 1 else ""
    return first + second + third


def tiles(results: Mapping[str, Any]) -> Markup:
    """The figures that count, large; and the facts behind them, small."""
    summary, split = results.get("summary") or {}, results.get("time_split") or {}
    parity = results.get("parity") or {}
    live, frozen = summary.get("auc"), summary.get("auc_frozen")
    beside = "no first model to compare with"
    if live is not None and frozen is not None:
        beside = f"first model left alone {number(frozen)} ({signed(frozen - live)})"
    random = split.get("random_split_auc")
    large = [
        _tile("AUC, live", number(live), beside),
        _tile("AUC, split by time", number(summary.get("auc_time_split")),
              f"a random split would claim {number(random)} ({signed(split.get('flattery'))})" if random is not None else "no random split to compare with"),
        _tile("Calibration error (ECE)", number(summary.get("ece")),
              f"on held-out time {number(split['ece'])} ({between(split['ece_low'], split['ece_high'])})" if split.get("ece") is not None else "not judged on held-out time"),
        _tile("Value per 1,000 decisions", amount(summary.get("business")), results.get("unit") or "no unit declared"),
    ]  # fmt: skip
    decisions, void = summary.get("decisions"), summary.get("void")
    values, differences = parity.get("compared_values"), summary.get("online_offline_mismatches")
    peak = summary.get("peak_rss_mb")
    small = [
        _fact("Decisions", _count(decisions)),
        _fact("Labels matured", _count(summary.get("matured"))),
        _fact("Void", _count(void), share(void / decisions) if decisions and void is not None else None),
        _fact("Alarms", _count(summary.get("alarms"))),
        _fact("Retrainings", _count(summary.get("retrainings"))),
        _fact("Promotions", _count(summary.get("promotions"))),
        _fact("Rollbacks", _count(summary.get("rollbacks"))),
        _fact("Online/offline differences", _count(differences), f"of {values:,} values" if values else None,
              kind="bad" if differences else None),
        _fact("CPU seconds", amount(summary.get("cpu_seconds")), f"{number(peak, 0)} MB peak" if peak is not None else None),
    ]  # fmt: skip
    return el("div", el("dl", large, class_="tiles"), el("dl", small, class_="facts"), id="summary")


def _tile(name: str, value: str, below: str) -> Markup:
    return el("div", el("dt", name), el("dd", value, class_="figure"), el("dd", below, class_="below"))


def _fact(name: str, value: str, below: str | None = None, *, kind: str | None = None) -> Markup:
    note = None if below is None else el("dd", below, class_="below")
    return el("div", el("dt", name), el("dd", value, class_=f"figure {kind or ''}".strip()), note)


def _count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"
