"""How labels of hand were acquired, and which of them stand for decisions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.data.labels import AT_RANDOM, KNOWN, NATURAL, PICKED, UNKNOWN, Labels
from setpoint.declare.label import label
from setpoint.declare.source import events
from setpoint.labels.acquired import Asked, Draw, lots
from setpoint.labels.hand_labels import HandLabel, hand_rows
from setpoint.labels.told import told_rows, with_told

KEYS = [f"c{i}" for i in range(2000)]
LABEL = label(events("sales", "sales.parquet", at="ts", delay="0s").price > 5, on="id", within="1d")


def said(item: str, value: str | None, known_at: int, version: int = 1) -> HandLabel:
    """What votes made of an item."""
    return HandLabel(item, version, value, 1.0, "majority", known_at, known_at, ())


def after(asked: Asked, *labels: HandLabel, as_of: int = 99, known: dict[str, float] | None = None) -> Labels:
    """The labels of decisions a, b and c, of which a source knows some."""
    keys, natural = ["a", "b", "c"], known or {}
    state = np.array([KNOWN if key in natural else UNKNOWN for key in keys], dtype=np.int8)
    value = np.array([natural.get(key, np.nan) for key in keys])
    before = Labels(state, value, np.full(3, -1), np.ones(3, dtype=bool), {})
    told = told_rows(hand_rows(labels, positive="yes", asked=asked))
    return with_told(before, pa.array(keys), np.zeros(3, np.int64), told, label=LABEL, as_of=as_of)


def ways(labels: Labels) -> tuple[list[int], list[float]]:
    """How each label was acquired, and with which chance."""
    assert labels.acquired is not None
    return labels.acquired.how.tolist(), labels.acquired.chance.tolist()


def test_a_lot_is_a_keys_for_good() -> None:
    """It does not depend on the other keys, is even from 0 to 1, and another seed gives another."""
    found = lots(KEYS, seed=1)
    assert lots(KEYS[::-1], seed=1).tolist() == found[::-1].tolist()
    assert np.all(np.abs(np.quantile(found, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]) < 0.03)
    assert abs(np.corrcoef(found, lots(KEYS, seed=2))[0, 1]) < 0.1


def test_labels_that_no_strategy_asked_for_are_natural() -> None:
    """Nothing is told of how labels were acquired where all are natural."""
    assert after(Asked(), said("a", "yes", 10)).acquired is None


def test_a_picked_label_trains_and_judges_nothing() -> None:
    """What is judged by is what was known before anybody was asked."""
    found = after(Asked({"a": (5, 3)}, draws=[Draw(5, 0, 4, 0.0)]), said("a", "yes", 10), said("b", "no", 10))
    assert ways(found) == ([PICKED, NATURAL, NATURAL], [0.0, 1.0, 1.0])
    assert found.state.tolist() == [KNOWN, KNOWN, UNKNOWN]
    assert found.judging.state.tolist() == [UNKNOWN, KNOWN, UNKNOWN]
    assert np.isnan(found.judging.value[0])


def test_a_label_asked_for_by_lot_has_the_chance_of_its_draws() -> None:
    """A later draw raises it from then on, in no earlier training set, and takes in what a strategy had picked."""
    lot = float(lots(["a"], seed=0)[0])
    draws = [Draw(5, 0, 4, lot / 2), Draw(20, 0, 4, lot * 1.1), Draw(30, 0, 2, 1.0), Draw(40, 0, 9, lot * 1.2)]
    asked = Asked({"a": (5, 3)}, draws=draws)
    seen = [ways(after(asked, said("a", "yes", 10), as_of=as_of)) for as_of in (10, 19, 20, 35, 40)]
    assert [how[0] for how, _ in seen] == [PICKED, PICKED, AT_RANDOM, AT_RANDOM, AT_RANDOM]
    assert [chance[0] for _, chance in seen] == pytest.approx([0.0, 0.0, lot * 1.1, lot * 1.1, lot * 1.2])
    assert after(asked, said("a", "yes", 10)).settled_at.tolist() == [10, -1, -1]


def test_a_later_version_of_a_label_keeps_its_chance() -> None:
    """Votes that change change the value alone."""
    asked = Asked({"a": (5, 3)}, draws=[Draw(5, 0, 4, 1.0), Draw(15, 0, 4, 0.5)])
    found = after(asked, said("a", "yes", 10), said("a", "no", 20, 2))
    assert (found.value[0], found.judging.value[0], ways(found)[1][0]) == (0.0, 0.0, 1.0)
    assert after(asked, said("a", "yes", 10), said("a", None, 20, 2)).state[0] == UNKNOWN


def test_a_decision_whose_label_a_source_brings_is_judged_by_that() -> None:
    """Leaving it out, or judging it by what people said because a model doubted it, would flatter the model."""
    asked = Asked({"a": (5, 3)}, doubted={"b": 5})
    found = after(asked, said("a", "yes", 10), said("b", "yes", 10), known={"a": 0.0, "b": 0.0, "c": 1.0})
    assert found.value.tolist() == [1.0, 1.0, 1.0]
    assert found.judging.value.tolist() == [0.0, 0.0, 1.0]
    assert ways(found) == ([NATURAL] * 3, [1.0] * 3)


def test_a_label_that_was_doubted_is_judged_by_what_it_was() -> None:
    """Correcting just what a model contradicts makes any model look better."""
    asked = Asked(doubted={"a": 15, "b": 5})
    found = after(asked, said("a", "yes", 10), said("a", "no", 20, 2), said("b", "no", 10))
    assert found.value.tolist()[:2] == [0.0, 0.0]
    assert found.judging.value[0] == 1.0
    assert found.judging.state.tolist() == [KNOWN, UNKNOWN, UNKNOWN]
