"""Quality over time, and against a split by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from setpoint.console.charts_bar import Dot, dot_chart
from setpoint.console.charts_time import Reign, Sign, Week, quality_chart
from setpoint.console.markup import Markup, el
from setpoint.console.metric import Metric, metric_of
from setpoint.console.reigns import RULE, Held, reigns_of
from setpoint.console.section import HALF, Row, Section, both_widths, folded, missing, part_of, rows_of, table
from setpoint.console.svg import legend
from setpoint.console.words import between, count, date, days, listed, month, number, plural, share, short
from setpoint.core import times

SIGNS = {"promote": "promoted", "rollback": "rolled back", "reject": "rejected", "train": "trained"}
MOST_SIGNS = 150
"""More acts than that could not be told apart."""


def quality(results: Mapping[str, Any]) -> Section:
    """The quality of live decisions week by week, with releases and champions below."""
    title, weeks, metric = "Quality over time", rows_of(results, "weeks"), metric_of(results)
    if not any(week[metric.key] is not None for week in weeks):
        of_both = " of both outcomes" if metric.of_two else ""
        why = f"No week has enough settled labels{of_both} to say how good the decisions were."
        return missing("quality", title, why)
    start, end = times.time(results["start"]), times.time(results["end"])
    acts = rows_of(results, "acts")
    points = [_week(week, metric) for week in weeks]
    signs, crowded = _signs([act for act in acts if start <= times.time(act["at"]) <= end])
    reigns = [_reign(held) for held in reigns_of(acts, start=start, end=end)]
    lead = _found(rows_of(results, "months"), weeks, metric)

    def draw(width: float, name: str) -> Markup:
        return quality_chart(
            points, signs, reigns, start=start, end=end, width=width, name=name, title=title, description=lead
        )

    entries = [("band", "live, with its 95\u202f% interval")]
    if any(week[metric.frozen] is not None for week in weeks):
        entries.append(("frozen", "the first model, never retrained"))
    kinds = {sign.kind for sign in signs}
    entries += [(kind, words) for kind, words in SIGNS.items() if kind in kinds]
    reading = (
        "0.5 is a coin, 1 is perfect"
        if metric.of_two
        else f"{'more' if metric.greater_is_better else 'less'} is better"
    )
    how = f"Each point is the {metric.name} of one week's decisions, once their labels had settled: {reading}."
    gaps = sum(week[metric.key] is None for week in weeks)
    if gaps:
        how += f" The line is missing in {plural(gaps, 'week')} with too few settled labels to judge."
    if crowded:
        how += f" Too many to be drawn: what was {listed(crowded)}. The audit trail has every act."
    rows = [
        (
            date(week["week"]),
            count(week["decisions"]),
            metric.number(week[metric.key]),
            metric.between(week[metric.low], week[metric.high]),
            metric.number(week[metric.frozen]),
            *((share(week["base_rate"]),) if metric.of_two else ()),
        )
        for week in weeks
    ]
    live, first = f"{metric.name} live", f"{metric.name} first model"
    columns = ("Week of", "Decisions", live, "95\u202f% interval", first, *(("Base rate",) if metric.of_two else ()))
    more = folded("The numbers, week by week", table(columns, rows, caption="Quality by week"))
    return Section("quality", title, lead, [legend(entries), both_widths(draw, "quality-chart")], how, more=more)


def _found(months: Sequence[Row], weeks: Sequence[Row], metric: Metric) -> str:
    """What the picture shows, in a sentence."""
    key, frozen, name = metric.key, metric.frozen, metric.name
    pairs = [each for each in months if each[key] is not None and each[frozen] is not None]
    if not pairs:
        known = [week for week in weeks if week[key] is not None]
        low, high = min(known, key=lambda week: week[key]), max(known, key=lambda week: week[key])
        return (
            f"The weekly {name} of live decisions ran between {metric.number(low[key])} (week of {date(low['week'])}) "
            f"and {metric.number(high[key])} (week of {date(high['week'])})."
        )
    years = len({each["month"][:4] for each in months}) > 1
    first, widest = pairs[0], max(pairs, key=lambda each: metric.gain(each[key], each[frozen]))
    live, alone, visible = metric.number(widest[key]), metric.number(widest[frozen]), metric.visible(widest[key])
    since, when = (month(each["month"], year=years) for each in (first, widest))
    a = "an" if metric.of_two else "a"
    if metric.gain(widest[key], widest[frozen]) < visible:
        return (
            f"Retraining made no difference worth the name: at its best, in {when}, live decisions had {a} {name} of "
            f"{live} and the first model, left alone, {alone}."
        )
    lost = metric.gain(first[frozen], widest[frozen])
    if lost >= visible and metric.gain(widest[key], first[key]) > -visible:
        return (
            f"The first model, left alone, lost {metric.number(lost)} of {name} from {since} to {when}; the retrained "
            f"ones did not: {live} live against {alone}."
        )
    against = f"{a} {name} of {live} live against {alone} for the first model left alone"
    return f"Retraining was worth most in {when}: {against}."


def _week(week: Row, metric: Metric) -> Week:
    start, value = times.time(week["week"]), week[metric.key]
    lines = [f"Week of {date(week['week'])}"]
    if value is None:
        lines.append("too few settled labels to judge")
    else:
        shown = metric.between(week[metric.low], week[metric.high])
        lines.append(f"{metric.name} live {metric.number(value)} ({shown})")
    if week[metric.frozen] is not None:
        lines.append(f"first model {metric.number(week[metric.frozen])}")
    rate = f", base rate {share(week['base_rate'])}" if metric.of_two else ""
    lines.append(f"{count(week['decisions'])} decisions{rate}")
    ends = week[metric.low], week[metric.high], week[metric.frozen]
    return Week(start, start + times.WEEK, value, *ends, "\n".join(lines))


def _signs(acts: Sequence[Row]) -> tuple[list[Sign], list[str]]:
    """The acts to draw, the telling ones first, and the kinds for which there is no room."""
    drawn: list[Sign] = []
    crowded: list[str] = []
    for kind in ("rollback", "promote", "reject", "train"):
        found = [_sign(act) for act in acts if act["act"] == kind]
        if crowded or len(drawn) + len(found) > MOST_SIGNS:
            crowded += [SIGNS[kind]] if found else []
        else:
            drawn += found
    return drawn, crowded


def _sign(act: Row) -> Sign:
    tip = f"{date(act['at'])}: {short(act['subject'])} {SIGNS[act['act']]}\n{act['reason']}"
    return Sign(times.time(act["at"]), act["act"], tip)


def _reign(held: Held) -> Reign:
    who = "The fallback rule decided" if held.name == RULE else f"Model {held.name} decided"
    tip = f"{who}\n{days(times.iso(held.start), times.iso(held.end))}"
    return Reign(held.start, held.end, held.name, held.name == RULE, tip)


def time_split(results: Mapping[str, Any]) -> Section:
    """The procedure judged on held-out time, and how much a random split would have flattered it."""
    title, split = "Held-out time", part_of(results, "time_split")
    if split["auc"] is None:
        why = "No split by time was judged: the replay is too short to hold out months with labels of both outcomes."
        if not metric_of(results).of_two:
            why = "A split by time is compared with one by chance for goals of two classes only."
        return missing("time-split", title, why, half=True)
    auc, range_ = number(split["auc"]), between(split["auc_low"], split["auc_high"])
    tip = f"trained on the past, tested on the future\nAUC {auc} ({range_})"
    dots = [Dot("split by time", split["auc"], split["auc_low"], split["auc_high"], auc, tip)]
    lead = f"Trained on the past and tested on the future, the AUC is {auc} ({range_})."
    how = "Only the split by time says what to expect live."
    random = split["random_split_auc"]
    if random is not None:
        tip = f"the same rows split by chance\nAUC {number(random)}"
        dots.append(Dot("random split", random, None, None, number(random), tip, "hollow"))
        lead = f"Trained on the past and tested on the future, the AUC is {auc}; a random split would claim "
        lead += f"{number(random)}, which flatters by {number(random - split['auc'])}."
        how = "A random split lets the model see the days it is tested on. " + how
    live = part_of(results, "summary")["auc"]
    if live is not None:
        tip = f"what was served in the whole replay\nAUC {number(live)}"
        dots.append(Dot("live", live, None, None, number(live), tip, "hollow"))
    chart = dot_chart([("", dots)], reference=None, width=HALF, name="split-chart", title=title, description=lead)
    facts = [
        ("Average precision", number(split["average_precision"])),
        ("Log loss", number(split["log_loss"])),
        ("Brier score", number(split["brier"])),
        ("Calibration error (ECE)", f"{number(split['ece'])} ({between(split['ece_low'], split['ece_high'])})"),
        ("Trained on, tested on", f"{count(split['rows_trained'])} and {count(split['rows_tested'])} rows"),
    ]
    body = [el("figure", chart), table(("On held-out time", ""), facts, caption=title)]
    return Section("time-split", title, lead, body, how, half=True)
