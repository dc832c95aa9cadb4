"""Models, the gate that judged them, and the audit trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from setpoint.console.charts_bar import interval_glyph
from setpoint.console.markup import Markup, el
from setpoint.console.metric import Metric, metric_of
from setpoint.console.scale import domain
from setpoint.console.section import Row, Section, folded, latest, missing, part_of, rows_of, table
from setpoint.console.words import (
    DASH,
    amount,
    between,
    clock,
    count,
    date,
    days,
    listed,
    number,
    plural,
    short,
    signed,
)

MOST, MOST_ACTS = 100, 1000
SIGNS = {
    "holds": ("✓", "good"), "passed": ("✓", "good"), "fails": ("✗", "bad"), "refused": ("✗", "bad"),
    "not enough evidence": ("?", "open"), "reported": ("○", "plain"),
}  # fmt: skip
"""The sign and the colour of a verdict."""
VERBS = {
    "holds": ("holds", "hold"), "fails": ("fails", "fail"), "reported": ("is only reported", "are only reported"),
    "not enough evidence": ("lacks evidence", "lack evidence"),
}  # fmt: skip
"""What one guardrail does, and what several do."""
ACTS = {
    "train": ("trained", "training"), "gate": ("judged", "judgement"), "promote": ("promoted", "promotion"),
    "start_shadow": ("began to shadow", "shadow"), "end_watch": ("watch ended", "ended watch"),
    "hold": ("held", "hold"), "reject": ("rejected", "rejection"), "rollback": ("rolled back", "rollback"),
    "alarm": ("alarm", "alarm"), "retire": ("retired", "retirement"), "wait": ("waits for approval", "wait"),
    "approve": ("approved", "approval"), "decline": ("declined", "refusal by a person"),
    "override": ("refusal overridden", "override"),
}  # fmt: skip
"""Act: what happened to its subject, and its noun."""


def models(results: Mapping[str, Any]) -> Section:
    """Every model that was trained, what the gate said, and when it decided."""
    title, found = "Models", rows_of(results, "models")
    if not found:
        return missing("models", title, "No model was trained: the fallback rule decided all along.")
    passed = sum(each["gate"] == "passed" for each in found)
    lived = [each for each in found if each["live_from"] is not None]
    lead = f"{plural(len(found), 'model').capitalize()} trained; {passed} passed the gate, {len(lived)} came to decide."
    now = [each for each in lived if each["live_to"] is None]
    if now:
        lead += f" {short(now[-1]['digest'])} decides at the end, since {date(now[-1]['live_from'])}."
    shown, note = latest(found, MOST, "models")
    metric = metric_of(results)
    ends = domain([each[name] for each in shown for name in ("low", metric.key, "high")])
    rows = [_model(each, metric, ends) for each in shown]
    columns = ("Model", "Trained", "Decided", "Rows", metric.name, "95\u202f% interval", "", "Gate")
    body = [note, table(columns, rows, caption=title, words=3, tail=2)]
    how = (
        f"The {metric.name} is that of the training procedure on held-out time; the released model is the same recipe "
    )
    how += "refitted on all mature rows."
    return Section("models", title, lead, body, how)


def _model(each: Row, metric: Metric, ends: tuple[float, float]) -> tuple[object, ...]:
    live = "never" if each["live_from"] is None else days(each["live_from"], each["live_to"])
    return (
        code(each["digest"]),
        el("span", date(each["trained_at"]), class_="whole"),
        el("span", live, class_="whole"),
        count(each["rows"]),
        metric.number(each[metric.key]),
        metric.between(each["low"], each["high"]),
        interval_glyph(each[metric.key], each["low"], each["high"], ends=ends),
        [verdict(each["gate"]), [el("div", reason, class_="reason") for reason in each["reasons"] or ()]],
    )


def gates(results: Mapping[str, Any]) -> Section:
    """Every judgement of the gate, with its guardrails, baselines and business value."""
    title, found = "Gate reports", rows_of(results, "gates")
    if not found:
        return missing("gates", title, "The gate judged nothing: no candidate was trained.")
    counts = Counter(rail["verdict"] for gate in found for rail in gate["guardrails"] or ())
    lead = f"The gate judged {plural(len(found), 'candidate')}"
    if counts:
        order = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        told = listed([f"{many:,} {_several(word, many)}" for word, many in order])
        lead += f", by {plural(counts.total(), 'guardrail')} in all: {told}"
    shown, note = latest(found, MOST, "gate reports")
    cards = [_card(gate, opened=gate is shown[-1]) for gate in shown]
    how = (
        "A guardrail holds only when its bound, not just its value, is on the right side. Measured times are reported "
    )
    how += "in a replay, never judged."
    return Section("gates", title, lead + ".", [note, el("div", cards, class_="cards")], how)


def _card(gate: Row, *, opened: bool) -> Markup:
    worth, guardrails, baselines = part_of(gate, "business"), rows_of(gate, "guardrails"), rows_of(gate, "baselines")
    counts = Counter(rail["verdict"] for rail in guardrails)
    chips = [verdict(word, f"{many:,} {_several(word, many)}") for word, many in counts.items()]
    summary = [code(gate["model"]), el("span", date(gate["at"]), class_="when"), el("span", chips, class_="chips")]
    rails = [
        (rail["name"], verdict(rail["verdict"]), *(reading(rail["name"], rail[key]) for key in ("value", "bound")))
        for rail in guardrails
    ]
    left = table(("Guardrail", "Verdict", "Value", "Bound"), rails, caption="Guardrails", words=2)
    right: Markup = el("p", "No baseline was judged.", class_="how")
    if baselines:
        rows = [(each["name"], number(each["value"])) for each in baselines]
        right = table(("Baseline, on the same rows", gate.get("metric") or "metric"), rows, caption="Baselines")
    below = None
    if worth["per_1000"] is not None:
        words = f"Worth {amount(worth['per_1000'])} {worth['unit'] or ''} per 1,000 decisions"
        if worth["difference"] is not None:
            interval = between(worth["low"], worth["high"], 0)
            words += f"; against the champion {signed(worth['difference'], 0)} ({interval})"
        below = el("p", words + ".", class_="how")
    return folded(summary, el("div", left, right, class_="pair"), below, opened=opened)


def audit(results: Mapping[str, Any]) -> Section:
    """What was done, when and why."""
    title, acts = "Audit trail", rows_of(results, "acts")
    if not acts:
        return missing("audit", title, "Nothing was done: no model was trained, promoted or rolled back.")
    counts = Counter(act["act"] for act in acts)
    order = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    lead = f"{plural(len(acts), 'act').capitalize()}: {listed([_acts(act, many) for act, many in order])}."
    shown, note = latest(acts, MOST_ACTS, "acts")
    rows = [
        (clock(act["at"]), ACTS.get(act["act"], (act["act"], ""))[0], code(act["subject"]), act["reason"])
        for act in shown
    ]  # fmt: skip
    body = table(("When (UTC)", "Act", "Subject", "Why"), rows, caption=title, words=4)
    return Section("audit", title, lead, [note, folded("Every act, with its reason", body)])


def code(digest: str | None) -> Markup:
    """A digest, cut short, whole in its tooltip.

    >>> code("0123456789")
    '<code title="0123456789">01234567</code>'
    """
    return el("code", short(digest), title=digest if digest and len(digest) > len(short(digest)) else None)


def verdict(word: str, words: str | None = None) -> Markup:
    """A verdict with its sign, so that it is not told by its colour alone.

    >>> verdict("fails")
    '<span class="verdict bad">✗ fails</span>'
    """
    sign, kind = SIGNS.get(word, ("○", "plain"))
    return el("span", f"{sign} {words or word}", class_=f"verdict {kind}")


def reading(guardrail: str, value: float | None) -> str:
    """A guardrail's value; times are microseconds in the document and milliseconds for a person.

    >>> reading("latency(99) <= 50ms", 2140.0), reading("auc() >= 0.6", 0.742)
    ('2.14 ms', '0.742')
    """
    if value is None:
        return DASH
    return f"{amount(value / 1000)} ms" if guardrail.startswith("latency") else amount(value)


def _several(word: str, many: int) -> str:
    return VERBS.get(word, (word, word))[many != 1]


def _acts(act: str, many: int) -> str:
    noun = ACTS.get(act, ("", act))[1]
    return plural(many, noun).replace(" ", "\u00a0", 1)
