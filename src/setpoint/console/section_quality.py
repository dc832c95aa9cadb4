"""Quality over time, and against a split by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.charts_time import Reign, Sign, Week, quality_chart
from setpoint.console.markup import Markup, el
from setpoint.console.reigns import RULE, reigns_of
from setpoint.console.section import HALF, Row, Section, both_widths, folded, missing, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, date, listed, month, number, plural, share, short, signed
from setpoint.core import times

SIGNS = {"promote": "promoted", "rollback": "rolled back", "reject": "rejected", "train": "trained"}


def quality(results: Mapping[str, Any]) -> Section:
    """The quality of live decisions week by week, with releases and champions below."""
    title, weeks = "Quality over time", rows_of(results, "weeks")
    if not any(week.get("auc") is not None for week in weeks):
        why = "No week has enough settled labels of both outcomes to say how good the decisions were."
        return missing("quality", title, why)
    start, end = times.time(results["start"]), times.time(results["end"])
    points, acts = [_week(week) for week in weeks], rows_of(results, "acts")
    signs = [
        Sign(times.time(act["at"]), act["act"], f"{date(act['at'])}\n{short(act['subject'])} {SIGNS[act['act']]}\n{act['reason']}")
        for act in acts
        if act["act"] in SIGNS and start <= times.time(act["at"]) <= end
    ]  # fmt: skip
    reigns = [
        Reign(held.start, held.end, held.name, held.name == RULE, _reign_tip(held.name, held.start, held.end))
        for held in reigns_of(acts, start=start, end=end)
    ]
    lead = _found(results, weeks)

    def draw(width: float, name: str) -> Markup:
        return quality_chart(points, signs, reigns, start=start, end=end, width=width, name=name, title=title,
                             description=lead)  # fmt: skip

    entries = [("band", "live, with its 95\u202f% interval")]
    if any(week.get("auc_frozen") is not None for week in weeks):
        entries.append(("frozen", "the first model, never retrained"))
    kinds = {sign.kind for sign in signs}
    entries += [(kind, words) for kind, words in SIGNS.items() if kind in kinds]
    rows = [
        (date(w["week"]), f"{w['decisions']:,}", number(w["auc"]), between(w["auc_low"], w["auc_high"]),
         number(w["auc_frozen"]), share(w["base_rate"]))
        for w in weeks
    ]  # fmt: skip
    columns = ("Week of", "Decisions", "AUC live", "95\u202f% interval", "AUC frozen", "Base rate")
    gaps = sum(week.get("auc") is None for week in weeks)
    how = "Each point is the AUC of one week's decisions, once their labels had settled: 0.5 is a coin, 1 is perfect."
    if gaps:
        how += f" The line breaks in {plural(gaps, 'week')} with too few settled labels to judge."
    body = el("div", legend(entries), both_widths(draw, "quality-chart"),
              folded("The numbers, week by week", table(columns, rows, caption="Quality by week")))  # fmt: skip
    return Section("quality", title, lead, body, how)


def _found(results: Mapping[str, Any], weeks: Sequence[Row]) -> str:
    """What the picture shows, in one or two sentences."""
    months = [each for each in rows_of(results, "months") if each.get("auc") is not None]
    pairs = [each for each in months if each.get("auc_frozen") is not None]
    if not pairs:
        known = [week for week in weeks if week["auc"] is not None]
        low, high = min(known, key=lambda w: w["auc"]), max(known, key=lambda w: w["auc"])
        return (
            f"The weekly AUC of live decisions ran between {number(low['auc'])} (week of {date(low['week'])}) "
            f"and {number(high['auc'])} (week of {date(high['week'])})."
        )
    years = len({each["month"][:4] for each in months}) > 1
    widest = max(pairs, key=lambda each: each["auc"] - each["auc_frozen"])
    gap = widest["auc"] - widest["auc_frozen"]
    when = month(widest["month"], year=years)
    if gap < 0.005:
        return (
            "Retraining made no difference worth the name: at its best, in "
            f"{when}, live decisions had an AUC of {number(widest['auc'])} and the first model, left alone, "
            f"{number(widest['auc_frozen'])}."
        )
    first, lost = pairs[0], pairs[0]["auc_frozen"] - widest["auc_frozen"]
    kept = widest["auc"] - first["auc"]
    if lost >= 0.005 and kept > -0.005 and widest is not first:
        return (
            f"The first model, left alone, lost {number(lost)} of AUC from {month(first['month'], year=years)} to {when}; "
            f"the retrained champions did not: {number(widest['auc'])} against {number(widest['auc_frozen'])}."
        )
    return (
        f"Retraining was worth most in {when}: an AUC of {number(widest['auc'])} live against "
        f"{number(widest['auc_frozen'])} for the first model left alone."
    )


def _week(week: Row) -> Week:
    start = times.time(week["week"])
    value = week["auc"]
    lines = [f"Week of {date(week['week'])}"]
    if value is None:
        lines.append("too few settled labels to judge")
    else:
        lines.append(f"AUC live {number(value)} ({between(week['auc_low'], week['auc_high'])})")
    if week["auc_frozen"] is not None:
        lines.append(f"first model {number(week['auc_frozen'])}")
    lines.append(f"{week['decisions']:,} decisions, base rate {share(week['base_rate'])}")
    return Week(
        start, start + times.WEEK, value, week["auc_low"], week["auc_high"], week["auc_frozen"], "\n".join(lines)
    )


def _reign_tip(name: str, start: int, end: int) -> str:
    who = "The fallback rule decided" if name == RULE else f"Model {name} decided"
    return f"{who}\n{date(times.iso(start))} to {date(times.iso(end))}"


def time_split(results: Mapping[str, Any]) -> Section:
    """The procedure judged on held-out time, and how much a random split would have flattered it."""
    title, split = "Held-out time", results.get("time_split")
    if not split or split.get("auc") is None:
        why = "No split by time was judged: the replay is too short to hold out months with labels of both outcomes."
        return missing("time-split", title, why, half=True)
    dots = [Dot("split by time", split["auc"], split["auc_low"], split["auc_high"], number(split["auc"]),
                f"trained on the past, tested on the future\nAUC {number(split['auc'])} "
                f"({between(split['auc_low'], split['auc_high'])})")]  # fmt: skip
    lead = f"Trained on the past and tested on the future, the AUC is {number(split['auc'])}."
    random = split.get("random_split_auc")
    if random is not None:
        dots.append(Dot("random split", random, None, None, number(random),
                        f"the same rows split by chance\nAUC {number(random)}", "hollow"))  # fmt: skip
        lead = lead[:-1] + f"; a random split of the same rows would have flattered it by {signed(split['flattery'])}."
    live = (results.get("summary") or {}).get("auc")
    if live is not None:
        dots.append(Dot("live, all year" if len(rows_of(results, "months")) == 12 else "live, whole replay", live, None,
                        None, number(live), f"what was served\nAUC {number(live)}", "hollow"))  # fmt: skip
    chart = dot_chart([("", dots)], reference=None, width=HALF, name="split-chart", title=title, description=lead)
    facts = [
        ("Average precision", number(split["average_precision"])),
        ("Log loss", number(split["log_loss"])),
        ("Brier score", number(split["brier"])),
        ("Calibration error (ECE)", f"{number(split['ece'])} ({between(split['ece_low'], split['ece_high'])})"),
        ("Rows trained on", f"{split['rows_trained']:,}"),
        ("Rows tested on", f"{split['rows_tested']:,}"),
    ]
    body = el("div", el("figure", chart), table(("Measure", "Value"), facts, caption="On held-out time"))
    how = (
        "A random split lets the model see the days it is tested on; only the split by time says what to expect live. "
        f"The gap between {listed(['the first two dots'])} is flattery."
    )
    return Section("time-split", title, lead, body, how if random is not None else None, half=True)
