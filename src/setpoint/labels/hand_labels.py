"""Labels that votes make: one for each item, with its lineage; they reach decisions as told outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from setpoint.core.ids import new
from setpoint.core.ports import Clock, Metadata
from setpoint.core.times import MINUTE
from setpoint.declare.hand import Hand
from setpoint.labels.acquired import Asked
from setpoint.labels.consensus import dawid_skene, majority
from setpoint.labels.queue import Queue
from setpoint.labels.told import COLUMNS, HAND
from setpoint.labels.votes import DECIDING, SKIP, VOTE, Vote, vote_matrix

DECIDED = "decided"
"""The method of a label that somebody decided on."""


@dataclass(frozen=True)
class HandLabel:
    """The label that votes make of one item, as of a time.

    `value` is a class, None where there is none: a tie, or votes that were taken back. `votes` are those that it rests
    on: annotator, value, time and version of each. A later vote makes a new `version`; the ones before it stay.
    """

    item: str
    version: int
    value: str | None
    confidence: float | None
    method: str
    at: int
    known_at: int
    votes: tuple[Mapping[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """The label as JSON-like data."""
        return {**asdict(self), "votes": [dict(vote) for vote in self.votes]}


def judge_votes(labelled: Sequence[tuple[str, Sequence[Vote]]], hand: Hand, *, known_at: int) -> list[HandLabel]:
    """The label of each item from the votes that stand: what somebody decided on, else the consensus.

    >>> from setpoint.declare.hand import hand
    >>> votes = [Vote("a", "ann", "yes", 1), Vote("a", "bob", "yes", 2)]
    >>> judge_votes([("a", votes)], hand(["yes", "no"]), known_at=5)[0].value
    'yes'
    """
    matrix, items, _ = vote_matrix([vote for _, votes in labelled for vote in votes], hand.classes)
    if hand.consensus == "majority":
        found = majority(matrix, classes=len(hand.classes))
        value, confidence = found.value, found.confidence
    else:
        weighed = dawid_skene(matrix, classes=len(hand.classes))
        value, confidence = weighed.value, weighed.confidence
    place = {item: row for row, item in enumerate(items)}
    labels = []
    for item, votes in labelled:
        rests = [vote for vote in votes if vote.look == DECIDING and vote.kind == VOTE]
        if rests:
            last = max(rests, key=lambda vote: vote.at)
            said, sure, method = last.value, 1.0, DECIDED
        else:
            rests = [vote for vote in votes if vote.look == 0 and vote.kind in (VOTE, SKIP)]
            row = place[item]
            said = hand.classes[value[row]] if value[row] >= 0 else None
            sure, method = float(confidence[row]), hand.consensus
        lineage = tuple(
            {"annotator": vote.annotator, "value": vote.value, "at": vote.at, "version": vote.version}
            for vote in sorted(rests, key=lambda vote: vote.annotator)
        )
        at = max(vote.at for vote in rests)
        labels.append(HandLabel(item, 1, said, sure if said else None, method, at, known_at, lineage))
    return labels


def settle_votes(queue: Queue, metadata: Metadata, *, clock: Clock) -> list[HandLabel]:
    """Record what is new in the labels of a queue: each label once, and another version where its votes changed.

    What was recorded stays. Of several processes that do so at once one does.
    """
    noun, owner, now = f"label of hand/{queue.name}", new("settle"), clock.now()
    if not metadata.lease(noun, owner, now, now + MINUTE):
        return []
    try:
        changes, method = queue.changes(), queue.hand.consensus
        settled = metadata.get("label settled", queue.name)
        if settled == {"changes": changes, "consensus": method}:
            return []
        stand = {label.item: label for label in hand_labels(queue.name, metadata)}
        found = {label.item: label for label in judge_votes(queue.labelled(), queue.hand, known_at=now)}
        fresh = []
        for item in {**stand, **found}:
            before, after = stand.get(item), found.get(item)
            if after is None and before is not None and before.value is not None:
                after = HandLabel(item, 1, None, None, method, now, now, ())
            if after is None or (before is None and after.value is None):
                continue
            if before is None or (before.value, before.votes) != (after.value, after.votes):
                version = 1 if before is None else before.version + 1
                fresh.append(HandLabel(**{**_parts(after), "version": version}))
        with metadata.transaction():
            metadata.append(noun, [label.to_dict() for label in fresh])
            metadata.put("label settled", queue.name, {"changes": changes, "consensus": method})
        return fresh
    finally:
        metadata.release(noun, owner)


def hand_labels(name: str, metadata: Metadata, *, every_version: bool = False) -> list[HandLabel]:
    """The labels of a queue that were recorded: the last version of each, or every version in order."""
    found = [_label(body) for body in metadata.find(f"label of hand/{name}")]
    return found if every_version else list({label.item: label for label in found}.values())


def hand_label(name: str, metadata: Metadata, item: str) -> HandLabel | None:
    """The label of one item of a queue, as recorded last; None where there is none.

    `hand_labels` gives those of all items.
    """
    found = metadata.find(f"label of hand/{name}", item=item)
    return _label(found[-1]) if found else None


def hand_rows(labels: Sequence[HandLabel], *, positive: str, asked: Asked | None = None) -> pa.Table:
    """Labels of hand as they are told of decisions: 1 for the class `positive`, 0 for any other.

    `key` is the item. A row for each version of a label, with NULL for one that takes it back, and for each chance with
    which it was `asked` for, as draws that come later raise that; `version` counts these rows. `before` is the value of
    the version before the label was said to be likely wrong.

    >>> label = HandLabel("7", 1, "fraud", 1.0, "majority", 3, 4, ())
    >>> hand_rows([label], positive="fraud").select(["id", "value", "chance", "known_at"]).to_pylist()
    [{'id': 'hand/7', 'value': 1.0, 'chance': None, 'known_at': 4}]
    """
    versions: dict[str, list[HandLabel]] = {}
    for label in labels:
        versions.setdefault(label.item, []).append(label)
    rows: list[dict[str, Any]] = []
    for item, each in versions.items():
        doubted = (asked or Asked()).doubted.get(item)
        steps: list[dict[str, Any]] = []
        for label, following in zip(each, [*each[1:], None], strict=True):
            ends = None if following is None else following.known_at
            value = None if label.value is None else float(label.value == positive)
            doubt = doubted is not None and label.known_at >= doubted
            said = {"id": f"{HAND}/{item}", "by": HAND, "key": item, "value": value, "at": label.at, "doubted": doubt}
            said |= {"settled_at": label.known_at, "before": steps[-1]["before"] if doubt and steps else None}
            said |= {} if doubt else {"before": value}
            steps += [
                {**said, "chance": chance, "known_at": known_at}
                for known_at, chance in (asked or Asked()).chances(item, label.known_at, ends)
            ]
        rows += [{**step, "version": number} for number, step in enumerate(steps, 1)]
    return pa.Table.from_pylist(rows, schema=_TOLD)


_TOLD = pa.schema([("id", pa.string()), ("at", pa.int64()), ("known_at", pa.int64()), *COLUMNS.items()])


def _parts(label: HandLabel) -> dict[str, Any]:
    return {name: getattr(label, name) for name in label.__dataclass_fields__}


def _label(body: Mapping[str, Any]) -> HandLabel:
    return HandLabel(**{**body, "votes": tuple(body["votes"])})
