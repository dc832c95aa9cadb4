"""Why: one decision, model or incident, explained from what was recorded; one value, by the events behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import NothingYet
from setpoint.core.ports import Metadata, Tables
from setpoint.core.records import ABSTAINED, ANSWER, FEATURE, FIELD, PREDICTION, PREDICTION_SET, RULE
from setpoint.core.times import iso
from setpoint.data.log.decisions import DECISIONS, OUTCOMES
from setpoint.data.rows import ALWAYS
from setpoint.declare.plan import Plan
from setpoint.features.evidence import Part, shown_value
from setpoint.features.evidence_near import Circle, Neighbour, circles_of
from setpoint.features.verify import is_logged, of_version, same, seen_by, seen_nearby
from setpoint.labels.acquired import why_asked
from setpoint.labels.hand_labels import hand_label
from setpoint.labels.join import STATES
from setpoint.registry import audit, lineage, models
from setpoint.serve.asked import Moment
from setpoint.watch.consistency import ScorerOf, told_events, versions_recorded
from setpoint.watch.why_changes import told_changes
from setpoint.watch.why_score import explain_score, story_of, tables_of

SEEN = 2000
"""Logged decisions whose values a change may take."""


@dataclass(frozen=True)
class Records:
    """What explanations are made from: documents, tables, the decisions of a moment, and the rows of the sources.

    `stored` are the documents of the snapshots that are stored; `scorer_of` gives the models that decided.
    """

    plan: Plan
    metadata: Metadata
    tables: Tables
    moment: Moment
    rows: Mapping[str, pa.Table]
    stored: Metadata | None = None
    scorer_of: ScorerOf | None = None


def explain(
    records: Records, subject: str, *, feature: str | None = None, counterfactual: bool = False
) -> dict[str, Any]:
    """What is recorded about a decision (by id or key), a model or an incident (by id; a beginning of it is enough).

    What a decision is called goes before what an id of another only begins with.

    With a `feature`, the events behind its value in that decision; with `counterfactual`, what would have changed it.
    Raises NothingYet when nothing recorded has this
    name, NameUnknown for a feature that the plan does not have.
    """
    row = _decision(records, subject)
    if feature is not None:
        found = None if row is None else _told_feature(records, row, feature)
    elif row is None:
        found = _incident_or_model(records, subject)
    else:
        found = _told(records, row)
        if counterfactual:
            lines, changes = told_changes(records.plan, row, records.scorer_of, others=lambda: _newest(records))
            found["story"] += lines
            found["tables"] |= {"What would have changed it": changes} if changes else {}
    if found is None:
        raise NothingYet(
            f"Nothing recorded is called {subject!r}.",
            expected="the id or key of a decision, the id of a model, an incident or a snapshot, or a source's file",
            hint="`setpoint status` shows the last acts and open incidents.",
        )
    return found


def _incident_or_model(records: Records, subject: str) -> dict[str, Any] | None:
    """An incident, a model, or what is stored: the rows that models learned from, their files and contracts."""
    if not subject:
        return None
    return _incident(records.metadata, subject) or _model(records, subject) or _stored(records, subject)


def _stored(records: Records, subject: str) -> dict[str, Any] | None:
    links = () if records.stored is None else lineage.trace_uses(records.metadata, records.stored, subject)
    if not links:
        return None
    learned = [link.digest[:12] for link in links if link.what == "model"]
    return {
        "subject": links[0].digest,
        "kind": links[0].what,
        "story": [f"{links[0].detail}; models that learned from it: {', '.join(learned) or 'none'}"],
        "tables": {"Used by": [link.to_dict() for link in links]},
    }


def _incident(metadata: Metadata, subject: str) -> dict[str, Any] | None:
    for body in metadata.find("incident"):
        if body["id"].startswith(subject):
            closed = "still open" if body["closed_at"] is None else f"closed {iso(body['closed_at'])}"
            return {
                "subject": body["id"],
                "kind": f"incident at {body['level']} level ({body['severity']})",
                "story": [
                    body["title"],
                    f"began {iso(body['first_bad'])}, opened {iso(body['opened_at'])}, {closed}",
                    f"suspected cause: {body['cause']}",
                    f"next: {body['next_step']}",
                ],
                "tables": {"Evidence": [dict(each) for each in body["subjects"]]},
            }
    return None


def _model(records: Records, subject: str) -> dict[str, Any] | None:
    metadata = records.metadata
    for body in models.all_models(metadata):
        if body["model"].startswith(subject):
            report = body["report"]
            verdict = "passed the gate" if report["passed"] else "was refused: " + "; ".join(report["reasons"])
            acts = audit.trail(metadata, subject=body["model"])
            return {
                "subject": body["model"],
                "kind": "model",
                "story": [
                    f"trained {iso(body['trained_at'])} with {body['recipe']['learner']}; {verdict}",
                    *[f"{iso(act['at'])[:10]} {act['act']}: {act['reason']}" for act in acts],
                ],
                "tables": {
                    "Guardrails": [
                        {"must": each["guardrail"], "verdict": each["verdict"], "because": each["reason"]}
                        for each in report["guardrails"]
                    ],
                    "Importances": [{"feature": name, "share": share} for name, share in body["importances"][:12]],
                    "Made from": [
                        link.to_dict() for link in lineage.trace_model(metadata, body["model"], stored=records.stored)
                    ],
                },
            }
    return None


def _decision(records: Records, subject: str) -> pa.Table | None:
    """The newest decision of this id or key, as a table of one row."""
    tables = records.tables
    chosen = _named(records.moment.newer, records.moment.newer, subject)
    for part in reversed(records.moment.parts):
        if chosen.num_rows:
            break
        names = tables.read(DECISIONS, parts=[part], columns=["decision_id", "key"])
        if _named(names, names, subject).num_rows:
            chosen = _named(tables.read(DECISIONS, parts=[part]), names, subject)
    return chosen.slice(chosen.num_rows - 1) if chosen.num_rows else None


def _latest(records: Records) -> pa.Table:
    """The newest stored part of the decision log, or what is newer where none is stored."""
    parts = records.moment.parts
    return records.tables.read(DECISIONS, parts=[parts[-1]]) if parts else records.moment.newer


def _newest(records: Records) -> pa.Table:
    """The newest decisions of the log, about as many as changes are looked for among."""
    found = [records.moment.newer]
    for part in reversed(records.moment.parts):
        if sum(rows.num_rows for rows in found) >= SEEN:
            break
        found.append(records.tables.read(DECISIONS, parts=[part]))
    return pa.concat_tables(found, promote_options="permissive").combine_chunks()


def _named(rows: pa.Table, names: pa.Table, subject: str) -> pa.Table:
    same_key = pc.equal(pc.cast(names["key"], pa.string()), subject)
    return rows.filter(pc.or_(pc.equal(names["decision_id"], subject), same_key))


def _told(records: Records, log: pa.Table) -> dict[str, Any]:
    plan, metadata, row = records.plan, records.metadata, log.to_pylist()[0]
    by = "the fallback rule" if row["model"] == RULE else f"model {row['model'][:12]}"
    shares = {} if row["model"] == RULE else dict(models.get(metadata, row["model"])["importances"])
    seen, saw, wrong = seen_nearby(plan, records.rows, log), [], []
    versions = versions_recorded(metadata)
    for feature in plan.inputs:
        name, evidence = feature.name, seen.evidence(feature.name, most=1)
        logged, events = _null(row.get(FEATURE + name)), [part.newest for part in evidence.folds if part.newest]
        if of_version(plan, log, name, versions)[0] and not same(logged, evidence.value):
            wrong.append(name)
        newest = max((event.at for event in events), default=None)
        saw.append(
            {
                "feature": name,
                "value": logged,
                "importance": shares.get(name),
                "events": sum(part.counted for part in evidence.folds) if evidence.folds else None,
                "newest event": _moment(newest),
            }
        )
    why = None
    if records.scorer_of is not None:
        why = explain_score(log, records.scorer_of, others=lambda: _latest(records), form=plan.prediction)
    return {
        "subject": row["decision_id"],
        "kind": f"decision on {row['key']}",
        "story": [
            *_told_verdict(plan, row, by),
            *_told_set(plan, row),
            *([] if why is None else story_of(why)),
            _truth(records.tables, row),
            "worked out again, every feature is what it was: `--feature` shows the events behind one"
            if not wrong
            else f"worked out again, {', '.join(wrong)} would be another: `setpoint verify` says why",
        ],
        "tables": {
            "Request": [{"field": name, "value": str(row.get(FIELD + name))} for name in plan.fields],
            **({} if why is None else tables_of(why)),
            "What it saw": sorted(saw, key=lambda each: -(each["importance"] or 0.0)),
            "Made from": [link.to_dict() for link in lineage.trace_decision(metadata, row, stored=records.stored)],
            **_said_by_hand(records, str(row["key"])),
        },
    }


def _told_verdict(plan: Plan, row: dict[str, Any], by: str) -> list[str]:
    """When what was decided by whom, and by which numbers."""
    form, degraded = plan.prediction, f"; degraded: {row['degraded']}" if row["degraded"] else ""
    if form.acts:
        action = plan.system.goal.act.name if row["acted"] else f"not {plan.system.goal.act.name}"
        told = f"score {row['score']:.4f} against the threshold {row['threshold']:.4f}"
        return [f"at {iso(row['at'])}: {action}, by {by}", told + degraded]
    numbers = row.get(PREDICTION) or ({} if math.isnan(row["score"]) else {"": row["score"]})
    words = ", ".join(f"{name} {value:.4g}".strip() for name, value in numbers.items()) or "nothing: nobody could say"
    answer = row.get(ANSWER)
    answered = answer if isinstance(answer, str) else ", ".join(answer or []) or "no label"
    said = "predicted" if answer is None else f"answered {answered}"
    return [f"at {iso(row['at'])}: {said}, by {by}", f"predicted {words}{degraded}"]


def _told_set(plan: Plan, row: dict[str, Any]) -> list[str]:
    """What the label is promised to be, and whether the decision was handed over."""
    asked, told = plan.system.goal.confidence, []
    if asked is not None and row.get(PREDICTION_SET) is not None:
        named = " or ".join(str(row[PREDICTION_SET]).split())
        told.append(f"its label is promised to be {named}: {asked.level:.0%} of such sets hold it")
    if row.get(ABSTAINED):
        who = "the fallback rule decided" if row["model"] == RULE else "a person was asked"
        told.append(f"deciding was expected to cost more than asking: {who}")
    return told


def _said_by_hand(records: Records, key: str) -> dict[str, list[dict[str, Any]]]:
    """The votes that a decision's label of hand rests on, and why people were asked, where they were."""
    if records.stored is None:
        return {}
    name, tables = records.plan.system.name, dict[str, list[dict[str, Any]]]()
    label = hand_label(name, records.stored, key)
    if label is not None:
        became = f"{label.value or 'none'} ({label.method}, version {label.version})"
        tables["Label of hand"] = [
            {"annotator": vote["annotator"], "said": vote["value"], "at": iso(vote["at"]), "label": became}
            for vote in label.votes
        ]
    asked = why_asked(name, records.stored, key)
    if asked:
        tables["Asked about"] = [
            {
                "at": iso(each["at"]),
                "strategy": each["strategy"],
                "reason": each["reason"],
                "at random": "yes" if each["random"] else "no",
            }
            for each in asked
        ]
    return tables


def _told_feature(records: Records, log: pa.Table, feature: str) -> dict[str, Any]:
    """The events behind the value of one feature in one decision, and what each part of its expression gives."""
    plan, row = records.plan, log.select(["decision_id", "key", "at"]).to_pylist()[0]
    seen = seen_by(plan, records.rows, log, 0)
    evidence = seen.evidence(feature)
    column = log[FEATURE + feature] if FEATURE + feature in log.column_names else None
    versions = versions_recorded(records.metadata)
    declared_then = versions.get(log["definitions"][0].as_py()) if "definitions" in log.column_names else None
    if declared_then is None:
        there = column is not None and bool(is_logged(column, plan.features[feature])[0])
    else:
        there = feature in declared_then
    logged = _null(column[0].as_py()) if column is not None else None
    declared = next(one for one in plan.inputs if one.name == feature)
    again = f"worked out again {_shown(evidence.value)}"
    if not there:
        verdict = f"not logged: the decision was taken before there was this feature; {again}"
    elif not of_version(plan, log, feature, versions)[0]:
        verdict = f"logged {_shown(logged)}; {again}: logged by another version of this feature"
    else:
        found = "the same bits" if same(logged, evidence.value) else "NOT the same: `setpoint verify` says why"
        verdict = f"logged {_shown(logged)}; {again}: {found}"
    tables: dict[str, Any] = {
        "Expression": [
            {"part": "  " * part.depth + part.title, "value": shown_value(part.value, part.kind)}
            for part in evidence.parts
        ]
    }
    for part in evidence.folds:
        if part.events:
            tables[f"Events behind {part.title}"] = told_events(part)
    circles = circles_of(seen, feature)
    for circle in circles:
        if circle.neighbours:
            tables[f"Neighbours in {circle.title}"] = [_told_neighbour(each, circle.kind) for each in circle.neighbours]
    return {
        "subject": row["decision_id"],
        "kind": f"feature {feature} of the decision on {row['key']}",
        "story": [
            f"{feature} = {declared.expr}  (version {declared.version})",
            verdict,
            *[_window(part, row["at"]) for part in evidence.folds],
            *[_circle(circle) for circle in circles],
        ],
        "tables": tables,
    }


def _window(part: Part, at: int) -> str:
    """In words, which rows a fold looked at and how many count."""
    key = ", ".join(_shown(value) for value in part.key)
    since = "from the beginning" if part.since is None else f"from {iso(part.since)}"
    rest = f"; {part.rest:,} more are not listed" if part.rest else ""
    return f"{part.title}: key {key or 'of all rows'}, {since} to before {iso(at)}, {part.counted:,} rows count{rest}"


def _circle(circle: Circle) -> str:
    """In words, how many neighbours a fold looked at."""
    rest = f"; {circle.rest:,} more are not listed" if circle.rest else ""
    return f"{circle.title}: {circle.counted:,} neighbours count{rest}"


def _told_neighbour(each: Neighbour, kind: str) -> dict[str, Any]:
    return {
        "neighbour": each.name,
        "named by": each.rows,
        "value": shown_value(each.value, kind),
        "counts": each.verdict,
    }


def _shown(value: Any) -> str:
    return "NULL" if value is None else repr(value)


def _moment(at: int | None) -> str | None:
    return None if at is None else "always" if abs(at) >= abs(ALWAYS) else iso(at)


def _null(value: Any) -> Any:
    """A value as JSON has it: NULL where a number is NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _truth(tables: Tables, row: dict[str, Any]) -> str:
    for part in tables.parts(OUTCOMES):
        outcomes = tables.read(OUTCOMES, parts=[part], columns=["decision_id", "state", "value", "settled_at"])
        found = outcomes.filter(pc.equal(outcomes["decision_id"], row["decision_id"])).to_pylist()
        if found:
            state = STATES[found[0]["state"]]
            truth = f"{state}: {bool(found[0]['value'])}" if state == "known" else state
            return f"its label is {truth}, settled {iso(found[0]['settled_at'])}"
    return "its label is not mature yet"
