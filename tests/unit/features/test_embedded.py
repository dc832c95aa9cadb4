"""Embeddings as features: the same bits in training, batch, stream and online, and each text computed once."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

import setpoint as sp
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.wordllama import open_wordllama
from setpoint.core.ports import TextBase
from setpoint.data.log.feed import RowsFeed
from setpoint.declare.expr import Family
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.by_range import read_by_range
from setpoint.features.online import OnlineFeatures
from setpoint.features.parity import compare
from setpoint.features.reader import FeatureReader
from setpoint.features.stream import Stream, log_of
from tests.text_bases import Letters

KINDS = {"mail": "text", "subject": "text", "sender": "text", "at": "time"}
SENT = {"note": "text", "sender": "text", "words": "text", "at": "time"}
SUBJECTS = ["cheap loans", None, "the patch", "", "Grüße aus Köln", "cheap loans", "x" * 3000, None, "the patch"]
FOUND = {4: "grey hair", 9: "a kernel bug", 12: None, 20: "free credit"}


def planned(base: TextBase, size: int) -> Plan:
    """Mails with their subject embedded, and the newest note on their sender."""
    notes = sp.events("notes", "notes.parquet", id="note", at="at", delay="0s")
    ends = sp.events("ends", "ends.parquet", at="at", delay="0s")
    subject = sp.embedding(sp.field("subject").lower(), base="base", size=size)
    note = sp.embedding(sp.last(notes.words, by="sender", last="1d"), base="base", size=size)
    system = sp.System(
        "mail",
        decide=sp.decide(sp.events("mails", "mails.parquet", key="mail", at="at"), fields=["sender", "subject"]),
        features={"subject": subject, "note": note, "first": subject["0"] * 2, "length": sp.field("subject").length()},
        label=sp.label(ends.bad > 0, on="mail", within="1d"),
        goal=sp.goal(sp.auc(), business="eur", act=sp.act("stop"), cost=sp.cost(false_positive=1, false_negative=2)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(sp.feature("subject_0") > 0)),
    )
    schemas = {"mails": KINDS, "notes": SENT, "ends": {"mail": "text", "bad": "number", "at": "time"}}
    return make_plan(system, schemas, Profile({}, 1.0), bases={"base": base})


def notes() -> pa.Table:
    """What was noted of sender s, and when."""
    at = list(FOUND)
    return pa.table(
        {
            "sender": ["s"] * len(at),
            "words": pa.array(list(FOUND.values()), pa.string()),
            "__at": at,
            "__known_at": at,
            "__id": [f"n{one}" for one in at],
            "__position": list(range(len(at))),
        }
    )


def mails() -> tuple[pa.Table, np.ndarray]:
    """Mails of s and of t, whom nobody noted anything of, and their times."""
    count = len(SUBJECTS)
    table = {"mail": [f"m{n}" for n in range(count)], "sender": ["s", "s", "t"] * 3, "subject": SUBJECTS}
    return pa.table(table), np.arange(count, dtype=np.int64) * 3


def test_training_batch_stream_and_online_have_the_same_bits(tmp_path: Path) -> None:
    """Of WordLlama, in two sizes, with texts that are NULL, empty or long.

    Online, events are streamed in up to each mail; a batch is asked of the online state at once; notes come in pieces;
    and each decision is read alone as training reads it.
    """
    for size in (64, 128):
        plan, (requests, at), rows = planned(open_wordllama(), size), mails(), {"notes": notes()}
        offline = FeatureReader(plan, rows).read(requests, at)
        online = OnlineFeatures(plan, MemoryState(), history=log_of(RowsFeed(rows)))
        stream, seen = Stream(online, RowsFeed(rows)), []
        fields = requests.to_pylist()
        for place, moment in enumerate(at.tolist()):
            stream.advance(moment)
            seen.append(online.see(fields[place], moment).values)
        assert compare(offline, seen) == []
        last = int(at[-1])
        batch = online.see_many(fields, last)
        together = FeatureReader(plan, rows).read(requests, np.full(len(fields), last))
        assert compare(together, [batch[place].values for place in range(len(fields))]) == []
        pieces = {"notes": lambda columns: [notes().select([name for name in columns if name in notes().column_names])]}
        in_ranges = read_by_range(plan, pieces, requests, at, folder=tmp_path, ranges=3)
        assert compare(offline, in_ranges.to_pylist()) == []
        alone = [FeatureReader(plan, rows).read(requests.slice(n, 1), at[n : n + 1]) for n in range(len(fields))]
        assert compare(offline, [one.to_pylist()[0] for one in alone]) == []


def test_a_missing_text_has_no_numbers() -> None:
    """Nor has an empty one, or one that nobody noted yet; the others have all of them."""
    plan, (requests, at) = planned(open_wordllama(), 64), mails()
    found = FeatureReader(plan, {"notes": notes()}).read(requests, at)
    for name, there in (
        ("subject_63", [bool(subject) for subject in SUBJECTS]),
        ("note_0", [False, False, False, True, True, False, True, True, False]),
    ):
        assert (~np.isnan(found[name].to_numpy())).tolist() == there


@dataclass(frozen=True)
class Counting(Letters):
    """Letters that say which texts they were asked for."""

    asked: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str], size: int) -> np.ndarray:
        """The letters' rows."""
        self.asked.extend(texts)
        return super().embed(texts, size)


def test_each_different_text_of_a_batch_is_computed_once() -> None:
    """However many numbers are read of it, and however many features compute with them."""
    base = Counting()
    plan, (requests, at) = planned(base, 8), mails()
    FeatureReader(plan, {"notes": notes()}).read(requests, at)
    subjects = {subject.lower() for subject in SUBJECTS if subject is not None}
    assert sorted(base.asked) == sorted([*subjects, "grey hair", "a kernel bug", "free credit"])


def test_one_request_asks_for_each_of_its_texts_once() -> None:
    """Online too."""
    base = Counting()
    online = OnlineFeatures(planned(base, 8), MemoryState())
    online.feed("notes", notes())
    online.read({"mail": "m", "sender": "s", "subject": "The Patch"}, at=99)
    assert sorted(base.asked) == ["free credit", "the patch"]


def test_a_plan_goes_to_another_process_without_the_weights() -> None:
    """Pickled features open their base there, and give the same bits."""
    plan, (requests, at) = planned(open_wordllama(), 64), mails()
    exprs = [feature.expr for feature in plan.inputs]
    sent = pickle.dumps(exprs[0])
    assert len(sent) < 2000
    assert str(pickle.loads(sent)) == str(exprs[0])
    assert not any(isinstance(expr, Family) for expr in exprs)
    assert FeatureReader(plan, {"notes": notes()}).read(requests, at).num_rows == len(SUBJECTS)
