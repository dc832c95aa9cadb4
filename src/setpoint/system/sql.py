"""A query over what was recorded."""

from __future__ import annotations

import re
from contextlib import ExitStack

import pyarrow as pa

from setpoint.data.log.decisions import DECISIONS, SCORES
from setpoint.data.rows import AT, KNOWN_AT
from setpoint.rollout.outcomes import BASE
from setpoint.serve.asked import labels_of, shown_rows, take_moment
from setpoint.system.backends import Relation, ask, relation
from setpoint.system.opened import Opened
from setpoint.system.told import told_labels
from setpoint.system.workspaces import reading

LABELS, OUTCOMES = "labels of decisions", 'SELECT * FROM decisions JOIN "labels of decisions" USING (decision_id)'
"""What the labels are called that a query's `outcomes` are joined from, a name that no source has; and the join."""


def sql(opened: Opened, query: str) -> pa.Table:
    """The answer to one SELECT over `decisions`, `outcomes`, `scores` and the sources by name, as of this moment."""
    plan, folders = opened.plan, opened.workspaces.newest()[0]
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack() as stack:
        sources = opened.events.rows_of(metadata, tables)
        moment = take_moment(plan, metadata, tables, reading(stack, folders.log))
        there = set(tables.parts(SCORES))
        scores = [part for part in moment.parts if part in there]
        relations = {
            "decisions": relation(tables, DECISIONS, moment.parts, moment.newer),
            "scores": relation(tables, SCORES, scores, moment.newer.select(BASE).slice(0, 0)),
        }
        views = {}
        if re.search(r"\boutcomes\b", query, re.IGNORECASE):
            told, decided = told_labels(opened), moment.joined_by(plan, tables)
            labels = labels_of(plan, decided, sources, told=told, as_of=opened.clock.now())
            relations[LABELS] = Relation(rows=[labels], times={"settled_at": "settled_at"})
            views["outcomes"] = OUTCOMES
        known = ["decisions", "outcomes", "scores"]
        for name, rows in sources.items():
            free = f"source_{name}" if name.lower() in known[:3] else name
            relations[free] = Relation(rows=[shown_rows(rows)], times={AT: AT, KNOWN_AT: KNOWN_AT})
            known.append(free)
        return ask(query, relations, views=views, known=known, threads=opened.settings.threads)
