"""Models, the gate that judged them, and the audit trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from setpoint.console.markup import Markup, el
from setpoint.console.section import Row, Section, folded, latest, missing, rows_of, table
from setpoint.console.words import amount, between, clock, date, listed, number, plural, short, signed

MOST = 100
MOST_ACTS = 1000
SIGNS = {"holds": ("✓", "good"), "passed": ("✓", "good"), "fails": ("✗", "bad"), "refused": ("✗", "bad"),
         "not enough evidence": ("?", "open"), "reported": ("·", "plain")}  # fmt: skip
ACTS = {"train": "trained", "promote": "promoted", "reject": "rejected", "rollback": "rolled back", "hold": "held",
        "alarm": "alarm", "start_shadow": "started to shadow", "end_watch": "watch ended", "gate": "judged"}  # fmt: skip


def models(results: Mapping[str, Any]) -> Section:
    """Every model that was trained, what the gate said, and when it decided."""
    title, found = "Models", rows_of(results, "models")
    if not found:
        why = "No model was trained: the fallback rule decided all along."
        return missing("models", title, why)
    passed = sum(each["gate"] == "passed" for each in found)
    lived = [each for each in found if each.get("live_from")]
    lead = f"{plural(len(found), 'model').capitalize()} trained; {passed} passed the gate, {len(lived)} came to decide."
    if lived and results.get("end"):
        last = max(lived, key=lambda each: (each["live_to"] is None, each["live_from"]))
        if last["live_to"] is None:
            lead += f" {short(last['digest'])} decides now, since {date(last['live_from'])}."
    shown, note = latest(found, MOST, "models")
    rows = [
        (code(each["digest"]), date(each["trained_at"]), _verdict(each["gate"]), "; ".join(each["reasons"] or []) or "–",
         _live(each), f"{each['rows']:,}", number(each["auc"]), between(each["low"], each["high"]))
        for each in shown
    ]  # fmt: skip
    columns = ("Model", "Trained", "Gate", "Reasons", "Decided", "Rows", "AUC", "95\u202f% interval")
    body = el("div", note, table(columns, rows, caption="Models", words=5))
    how = "The AUC is that of the training procedure on held-out time; the released model is the same recipe refitted on all rows."
    return Section("models", title, lead, body, how)


def gates(results: Mapping[str, Any]) -> Section:
    """Every judgement of the gate, with its guardrails, baselines and business value."""
    title, found = "Gate reports", rows_of(results, "gates")
    if not found:
        return missing("gates", title, "The gate judged nothing: no candidate was trained.")
    verdicts = Counter(rail["verdict"] for gate in found for rail in gate["guardrails"])
    told = [f"{count:,} {word}" for word, count in sorted(verdicts.items(), key=lambda each: (-each[1], each[0]))]
    lead = (
        f"{plural(len(found), 'judgement').capitalize()}; of their guardrails {listed(told)}."
        if told
        else f"{plural(len(found), 'judgement')}."
    )
    shown, note = latest(found, MOST, "gate reports")
    cards = [_card(gate, opened=index == len(shown) - 1) for index, gate in enumerate(shown)]
    how = "A guardrail holds only when its bound, not just its value, is on the right side. Values of time are reported, never judged, in a replay."
    return Section("gates", title, lead, el("div", note, el("div", cards, class_="cards")), how)


def _card(gate: Row, *, opened: bool) -> Markup:
    rails, value = gate["guardrails"], gate.get("business") or {}
    counts = Counter(rail["verdict"] for rail in rails)
    chips = [_chip(word, f"{count} {word}") for word, count in counts.items()]
    summary = [code(gate["model"]), el("span", date(gate["at"]), class_="when"), el("span", chips, class_="chips")]
    table_rails = table(
        ("Guardrail", "Verdict", "Value", "Bound"),
        [(r["name"], _verdict(r["verdict"]), amount(r["value"]), amount(r["bound"])) for r in rails],
        caption="Guardrails", words=2,
    )  # fmt: skip
    baselines = gate.get("baselines") or []
    metric = [(each["name"], number(each["auc"])) for each in baselines]
    worth = None
    if value.get("per_1000") is not None:
        words = f"Worth {amount(value['per_1000'])} per 1,000 decisions ({value.get('unit') or 'value'})"
        if value.get("difference") is not None:
            words += (
                f"; against the champion {signed(value['difference'], 0)} ({between(value['low'], value['high'], 0)})"
            )
        worth = el("p", words + ".", class_="how")
    side = (
        table(("Baseline", "AUC"), metric, caption="Baselines on the same rows")
        if metric
        else el("p", "No baseline was judged.", class_="how")
    )
    return folded(summary, el("div", table_rails, side, class_="pair"), worth, opened=opened)


def audit(results: Mapping[str, Any]) -> Section:
    """What was done, when and why."""
    title, acts = "Audit trail", rows_of(results, "acts")
    if not acts:
        return missing("audit", title, "Nothing was done: no model was trained, promoted or rolled back.")
    counts = Counter(ACTS.get(act["act"], act["act"]) for act in acts)
    told = [f"{count:,} × {word}" for word, count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))]
    lead = f"{plural(len(acts), 'act').capitalize()}: {listed(told)}."
    shown, note = latest(acts, MOST_ACTS, "acts")
    rows = [(clock(act["at"]), ACTS.get(act["act"], act["act"]), code(act["subject"]), act["reason"]) for act in shown]
    body = table(("When (UTC)", "Act", "Subject", "Why"), rows, caption="Acts", words=4)
    return Section("audit", title, lead, el("div", folded(f"All {len(shown):,} acts, with their reasons", note, body)))


def code(digest: str | None) -> Markup:
    """A digest, cut short, whole in its tooltip."""
    return el("code", short(digest), title=digest if digest and len(digest) > 8 else None)


def _live(each: Row) -> str:
    if not each.get("live_from"):
        return "never"
    return (
        f"{date(each['live_from'])} – {date(each['live_to'])}"
        if each.get("live_to")
        else f"since {date(each['live_from'])}"
    )


def _verdict(word: str) -> Markup:
    sign, kind = SIGNS.get(word, ("·", "plain"))
    return el("span", f"{sign} {word}", class_=f"verdict {kind}")


def _chip(word: str, words: str) -> Markup:
    sign, kind = SIGNS.get(word, ("·", "plain"))
    return el("span", f"{sign} {words}", class_=f"verdict {kind}")
