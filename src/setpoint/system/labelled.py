"""The decisions that the sources bring, with what is known of their labels now."""

from __future__ import annotations

from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.declare.source import info
from setpoint.features.training_set import TrainingSet, build_training_set
from setpoint.history import Requests, requests_of
from setpoint.labels.join import KNOWN, STATES, Labels, resolve
from setpoint.labels.told import beside_sources, with_told
from setpoint.system.features import read_features
from setpoint.system.opened import Opened
from setpoint.system.told import told_labels

EVER = 2**62
"""As of this time all is known that ever was."""


def all_decisions(opened: Opened, requests: Requests) -> TrainingSet:
    """Every decision that the sources bring, with what is known of its label now."""
    plan = opened.plan
    features = read_features(opened, opened.rows, requests.table, requests.at)
    labels, rows = labels_known(opened, requests), beside_sources(opened.rows, told_labels(opened), EVER)
    snapshot = take_snapshot(rows, EVER)
    return build_training_set(plan, requests.table, requests.at, features, labels, snapshot.digest)


def labels_known(opened: Opened, requests: Requests) -> Labels:
    """What is known of the labels of requests once the last of them is mature, and all that was told of them."""
    label, table = opened.plan.system.label, requests.table
    end = int(requests.at[-1]) + label.matures_after
    segments = None if label.by is None else table[label.by].combine_chunks()
    labels = resolve(label, table[label.on].combine_chunks(), requests.at, opened.rows, end, segments=segments)
    keys = table[opened.plan.system.decide.key].combine_chunks()
    return with_told(labels, keys, requests.at, told_labels(opened), label=label, as_of=EVER)


def label_states(opened: Opened, requests: Requests) -> dict[str, int]:
    """How many requests have a label in each state."""
    labels = labels_known(opened, requests)
    return {state: int((labels.state == number).sum()) for number, state in enumerate(STATES)}


def base_rate(opened: Opened) -> float | None:
    """The share of positives among the known labels of all decisions; None where none is known, or none is positive."""
    if not opened.declared.goal.acts or not opened.rows[info(opened.declared.decide.spine).name].num_rows:
        return None
    labels = labels_known(opened, requests_of(opened.plan, opened.rows, start=None, end=None))
    known = labels.value[labels.state == KNOWN]
    return float(known.mean()) if known.size else None
