"""The rows of a training and the sides of its split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from setpoint.core.errors import NothingYet
from setpoint.core.times import DAY
from setpoint.learn.sides import count_rows, divide, mature_rows
from tests.unit.learn.world import START, make_examples, make_world_plan


def test_only_mature_known_decisions_train_in_order_of_time() -> None:
    """Void, censored and unsettled ones are left out and counted, and every row keeps what belongs to it."""
    examples = make_examples(1000, as_of=START + 50 * DAY).take(np.random.default_rng(0).permutation(1000))
    rows, places = mature_rows(examples)
    assert np.array_equal(np.sort(places), np.flatnonzero(examples.usable))
    assert (np.diff(rows.at) >= 0).all()
    assert np.array_equal(rows.at, examples.at[places])
    assert np.array_equal(rows.y, examples.labels.value[places])
    assert rows.features["total"].to_pylist() == examples.features.take(places)["total"].to_pylist()
    assert rows.fields["checkout_id"].to_pylist() == examples.keys.take(places).to_pylist()


def test_rows_are_put_in_order_of_time_wherever_they_stand() -> None:
    """Also when only two neighbours have changed places."""
    examples = make_examples(1000)
    places = np.flatnonzero(examples.usable)
    swapped = np.arange(1000)
    swapped[[places[3], places[4]]] = places[[4, 3]]
    rows, _ = mature_rows(examples.take(swapped))
    assert rows.features["total"].to_pylist() == mature_rows(examples)[0].features["total"].to_pylist()
    picked = rows.take(np.array([0, 2, 1, 3]))
    assert picked.features["total"].to_pylist() == [rows.features["total"][i].as_py() for i in (0, 2, 1, 3)]


def test_every_decision_is_counted_once() -> None:
    """Used on one side, in the embargo, or left out for a reason."""
    examples, plan = make_examples(3000, as_of=START + 55 * DAY), make_world_plan()
    counts = count_rows(examples, divide(plan, examples))
    reasons = ("train", "validation", "held_out", "embargo", "void", "censored", "unknown", "not mature")
    assert sum(counts[name] for name in reasons) == counts["decisions"] == 3000
    assert counts["usable"] == counts["train"] + counts["validation"] + counts["held_out"] + counts["embargo"]
    assert min(counts[name] for name in reasons if name != "unknown") > 0


def test_sides_are_apart_by_the_embargo() -> None:
    """No label of an earlier side settles after the later one began."""
    plan = make_world_plan()
    sides = divide(plan, make_examples(3000))
    assert sides.train.at.max() + plan.embargo < sides.validation.at.min()
    assert sides.validation.at.max() + plan.embargo < sides.held_out.at.min()


def test_a_time_can_be_named_from_which_rows_are_held_out() -> None:
    """The rest of the split follows from it."""
    start = START + 45 * DAY
    sides = divide(make_world_plan(), make_examples(3000), held_out_from=start)
    assert sides.held_out.at.min() >= start > sides.validation.at.max()
    assert np.array_equal(sides.held_out.y, sides.rows.y[sides.rows.at >= start])


def test_too_few_rows_are_no_error_of_the_data() -> None:
    """Training waits: NothingYet says how many are needed."""
    with pytest.raises(NothingYet, match="at least 5000"):
        divide(make_world_plan(minimum_rows=5000), make_examples(3000))


def test_too_short_a_time_is_no_error_of_the_data() -> None:
    """Rows of a day or two cannot be split with an embargo of two days."""
    with pytest.raises(NothingYet, match="settled"):
        divide(make_world_plan(), make_examples(3000, days=3, as_of=START + 90 * DAY))


def test_a_side_of_one_class_is_no_error_of_the_data() -> None:
    """Nothing is learned or judged without a single positive."""
    examples = make_examples(3000)
    labels = replace(examples.labels, value=np.where(examples.at > START + 40 * DAY, 0.0, examples.labels.value))
    with pytest.raises(NothingYet, match="held-out side"):
        divide(make_world_plan(), replace(examples, labels=labels))
