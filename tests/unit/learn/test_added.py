"""Rows added to those that fit a model: by label programs and made up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.declare.augment import augment, noise
from setpoint.declare.expr import feature, field
from setpoint.declare.programs import label_program, programs
from setpoint.features.training_set import TrainingSet
from setpoint.learn.added import with_added
from setpoint.learn.sides import Examples

ROWS = 4000


@label_program(field("a"))
def first(a: float) -> bool | None:
    """Votes for both."""
    return None if 0.3 < a < 0.5 else a >= 0.5


@label_program(feature("b"))
def second(b: float) -> bool | None:
    """Reads a feature."""
    return None if 0.4 < b < 0.6 else b >= 0.6


@label_program(feature("c"))
def third(c: float) -> bool | None:
    """Mostly right."""
    return c >= 0.5


PROGRAMS = (first, second, third)


def examples(seed: int = 0) -> tuple[TrainingSet, Examples, np.ndarray]:
    """Decisions of which each third has a truth; the real rows, and their places."""
    rng = np.random.default_rng(seed)
    y = rng.random(ROWS) < 0.4
    parts = {name: np.where(rng.random(ROWS) < 0.85, y, ~y) * 0.5 + rng.random(ROWS) * 0.5 for name in "abc"}
    state = np.where(np.arange(ROWS) % 3 == 0, KNOWN, UNKNOWN).astype(np.int8)
    at = np.arange(ROWS) * 1000
    value = np.where(state == KNOWN, y, np.nan).astype(np.float64)
    labels = Labels(state, value, at, np.ones(ROWS, dtype=bool), {})
    fields, features = pa.table({"a": parts["a"]}), pa.table({"b": parts["b"], "c": parts["c"]})
    keys = pa.array([str(i) for i in range(ROWS)])
    found = TrainingSet(keys, at, fields, features, labels, "0")
    places = np.flatnonzero(state == KNOWN)[:800]
    index = pa.array(places)
    return found, Examples(features.take(index), fields.take(index), value[places], at[places]), places


def declared(**parts: Any) -> Any:
    """As much of a system as is looked at."""
    return SimpleNamespace(**{"programs": None, "augment": None, **parts})


def test_what_declares_nothing_adds_nothing() -> None:
    """The very rows."""
    found, rows, places = examples()
    added = with_added(declared(), found, rows, places, seed=0)
    assert added.rows is rows
    assert added.nothing


def test_programs_label_older_decisions_without_a_truth() -> None:
    """None newer than the newest real row, none whose truth is known; the weights of a decision add up to one."""
    found, rows, places = examples()
    added = with_added(declared(programs=programs(PROGRAMS)), found, rows, places, seed=0)
    soft = added.rows.take(np.arange(rows.y.size, added.rows.y.size))
    assert added.rows.take(np.arange(rows.y.size)).features.equals(rows.features)
    assert soft.at.max() <= rows.at.max()
    assert set((soft.at // 1000) % 3) == {1, 2}
    assert added.labelled == len(set(soft.at.tolist()))
    _, place = np.unique(soft.at, return_inverse=True)
    assert np.bincount(place, soft.weight) == pytest.approx(1.0)
    assert added.programs is not None
    assert added.programs["worth"]["estimate"] < 0.5
    assert str(added) == "label programs"


def test_the_guesses_are_mostly_right() -> None:
    """Nine in ten of those that programs are sure of."""
    found, rows, places = examples()
    added = with_added(declared(programs=programs(PROGRAMS)), found, rows, places, seed=0)
    soft = added.rows.take(np.arange(rows.y.size, added.rows.y.size))
    truth = np.random.default_rng(0).random(ROWS) < 0.4
    sure = soft.weight > 0.8
    assert sure.sum() > 500
    assert (soft.y[sure] == truth[soft.at[sure] // 1000]).mean() > 0.9


def test_too_few_gold_rows_or_harm_add_nothing_and_say_why() -> None:
    """The training goes on with real rows alone."""
    found, rows, places = examples()
    few = rows.take(np.arange(100))
    added = with_added(declared(programs=programs(PROGRAMS)), found, few, places[:100], seed=0)
    assert (added.rows, added.any) == (few, False)
    assert added.programs is not None
    assert "100 of the 200 gold rows" in added.programs["refused"]

    @label_program(field("a"))
    def wrong(a: float) -> bool | None:
        return a < 0.5

    @label_program(feature("b"))
    def wrong_too(b: float) -> bool | None:
        return b < 0.5

    harmful = with_added(declared(programs=programs([wrong, wrong_too])), found, rows, places, seed=0)
    assert harmful.programs is not None
    assert harmful.any == (harmful.programs["refused"] is None)


def test_rows_are_made_up_from_both() -> None:
    """Once for each row with a truth and each guess."""
    found, rows, places = examples()
    changes = augment(noise("c", by=0.1))
    added = with_added(declared(programs=programs(PROGRAMS), augment=changes), found, rows, places, seed=0)
    before = with_added(declared(programs=programs(PROGRAMS)), found, rows, places, seed=0)
    assert added.made_up == before.rows.y.size
    assert added.rows.y.size == 2 * before.rows.y.size
    assert str(added) == "label programs and made-up rows"
    again = with_added(declared(programs=programs(PROGRAMS), augment=changes), found, rows, places, seed=0)
    assert again.rows.features.equals(added.rows.features)


def test_what_programs_say_of_newer_decisions_moves_nothing() -> None:
    """The label model is fitted on the votes of its own side: later ones change no row and no weight."""
    found, rows, places = examples()
    later = found.at > rows.at.max()
    assert later.sum() > 1000
    fields, features = (
        pa.table({name: np.where(later, 0.99, table[name].to_numpy()) for name in table.column_names})
        for table in (found.fields, found.features)
    )
    moved = replace(found, fields=fields, features=features)
    voting = declared(programs=programs(PROGRAMS))
    one, two = (with_added(voting, each, rows, places, seed=0) for each in (found, moved))
    assert np.array_equal(one.rows.y, two.rows.y)
    assert np.array_equal(one.rows.weight, two.rows.weight)
    assert one.to_dict() == two.to_dict()
