"""Laws of training that hold for any rows: encodings, thresholds, sides, digests, and what was live when."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.core.records import RULE
from setpoint.core.times import DAY
from setpoint.learn.baselines import fit_rates
from setpoint.learn.duplicates import row_codes
from setpoint.learn.encode import Encoder, fit_encoder
from setpoint.learn.groups import groups_of
from setpoint.learn.sides import Examples, divide
from setpoint.learn.threshold import NEVER, Costs, Price, Threshold, break_even
from setpoint.learn.train import train
from setpoint.registry.audit import live_at
from tests.unit.learn.world import START, logistic, make_examples, make_world_plan

numbers = st.one_of(st.none(), st.floats(-1e9, 1e9), st.just(float("nan")))
texts = st.one_of(st.none(), st.sampled_from(["a", "b", "", "ü", "a\x00", "long " * 9]))
rows = st.lists(st.fixed_dictionaries({"x": numbers, "s": texts}), min_size=1, max_size=30)
KINDS = {"s": "text", "x": "number"}


def table(values: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table of features."""
    return pa.Table.from_pylist(values, schema=pa.schema([("x", pa.float64()), ("s", pa.string())]))


@given(rows, rows)
def test_a_row_is_encoded_as_in_any_batch(seen: list[dict[str, Any]], asked: list[dict[str, Any]]) -> None:
    """Whatever a training saw and whatever is asked, one by one equals all at once, also after a trip through JSON."""
    encoder = fit_encoder(table(seen), KINDS)
    back = Encoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    batch = encoder.matrix(table(asked))
    alone = np.concatenate([back.row(values) for values in asked])
    assert np.array_equal(batch, alone, equal_nan=True)


@given(rows, st.randoms(use_true_random=False))
def test_an_encoding_does_not_hang_on_the_order_of_rows(values: list[dict[str, Any]], random: Any) -> None:
    """The same rows in another order give the same codes."""
    mixed = random.sample(values, len(values))
    assert fit_encoder(table(values), KINDS) == fit_encoder(table(mixed), KINDS)


@given(rows)
def test_codes_are_whole_numbers_from_zero_and_only_for_known_levels(values: list[dict[str, Any]]) -> None:
    """A text is coded iff it is not NULL, and two texts share a code iff they are equal."""
    encoder = fit_encoder(table(values), KINDS)
    codes = encoder.matrix(table(values))[:, 0]
    told = [each["s"] for each in values]
    assert [bool(np.isnan(code)) for code in codes] == [text is None for text in told]
    pairs = {(text, code) for text, code in zip(told, codes.tolist(), strict=True) if text is not None}
    assert len({text for text, _ in pairs}) == len({code for _, code in pairs}) == len(pairs)
    assert {code for _, code in pairs} == set(range(len(pairs)))


costs = st.floats(0, 1e6, allow_subnormal=False)


@given(costs, costs, st.floats(0, 1))
def test_acting_is_right_iff_it_costs_less_on_average(wrong: float, missed: float, p: float) -> None:
    """The chance times the miss avoided against (1 - p) times the false alarm, away from the break-even point."""
    limit = float(break_even(np.array([wrong]), np.array([missed]))[0])
    gain = p * missed - (1 - p) * wrong
    if abs(gain) > 1e-6 * max(wrong, missed, 1e-9):
        assert (p >= limit) == (gain > 0)
    assert 0 <= limit <= NEVER


@given(st.lists(st.one_of(st.none(), costs), min_size=1, max_size=20), costs, costs)
def test_one_request_has_the_threshold_of_its_row(totals: list[float | None], wrong: float, mean: float) -> None:
    """Online and in a batch, with and without the cost in the request."""
    threshold = Threshold(Price(wrong), Price(mean, "total"))
    fields = pa.table({"total": pa.array(totals, pa.float64())})
    assert threshold.of(fields, len(totals)).tolist() == [threshold.of_one({"total": total}) for total in totals]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), costs, costs), min_size=1, max_size=30))
def test_never_acting_is_worth_nothing_and_values_add_up(decisions: list[tuple[bool, bool, float, float]]) -> None:
    """The value of a batch is the sum over its rows; doing nothing gains and loses nothing."""
    acted, y = (np.array([each[i] for each in decisions]) for i in (0, 1))
    given_costs = Costs(np.array([each[2] for each in decisions]), np.array([each[3] for each in decisions]))
    value = given_costs.value(acted, y.astype(float))
    assert not given_costs.value(np.zeros_like(acted), y.astype(float)).any()
    expected = [(missed if true else -wrong) if act else 0.0 for act, true, wrong, missed in decisions]
    assert value.tolist() == expected


@given(rows, st.integers(0, 2**32))
def test_equal_rows_and_only_they_have_equal_codes(values: list[dict[str, Any]], seed: int) -> None:
    """Copies of rows are recognised wherever they stand; NaN and NULL are the same."""
    rng = np.random.default_rng(seed)
    copies = rng.integers(0, len(values), 10)
    both = values + [values[i] for i in copies]
    codes = row_codes(table(both), pa.table({}), np.zeros(len(both)))
    assert np.array_equal(codes[len(values) :], codes[copies])

    def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
        a, b = (float("nan") if each["x"] is None else each["x"] for each in (left, right))
        return left["s"] == right["s"] and (a == b or bool(np.isnan(a) and np.isnan(b)))

    for i in range(len(values)):
        assert [bool(code == codes[i]) for code in codes[: len(values)]] == [same(values[i], each) for each in values]


@given(st.lists(st.tuples(numbers, st.booleans()), min_size=1, max_size=60))
def test_rates_lie_between_the_extremes_and_keep_the_base_rate_nearby(pairs: list[tuple[Any, bool]]) -> None:
    """A smoothed rate is a probability, for values seen and unseen."""
    values = np.array([np.nan if value is None else value for value, _ in pairs])
    y = np.array([hit for _, hit in pairs], dtype=float)
    rates = fit_rates(values, y, coded=False)
    scores = rates.score(np.concatenate([values, [np.nan, 1e300, -1e300]]))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[: values.size].mean() == pytest.approx(y.mean(), abs=0.5)


@given(st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3)), min_size=1, max_size=60))
def test_groups_part_the_rows_in_order(values: list[float | None]) -> None:
    """Every row has one group; groups of numbers do not overlap."""
    n = len(values)
    column = pa.array(values, pa.float64())
    found = groups_of(Examples(pa.table({"x": column}), pa.table({}), np.zeros(n), np.zeros(n)), "x")
    spans: dict[str, list[float]] = {}
    for name, value in zip(found.tolist(), values, strict=True):
        assert (name == "(none)") == (value is None)
        if value is not None:
            spans.setdefault(name, []).append(value)
    ranges = sorted((min(part), max(part)) for part in spans.values())
    assert all(left[1] < right[0] for left, right in pairwise(ranges))


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.floats(0.1, 0.5), st.integers(0, 5))
def test_no_side_knows_an_outcome_of_a_later_one(seed: int, held_out: float, days: int) -> None:
    """Whatever the shares and the embargo: a label settles before the next side begins."""
    plan = replace(make_world_plan(minimum_rows=50), held_out=held_out, embargo=days * DAY)
    sides = divide(plan, make_examples(1500, seed=seed % 1000))
    for older, newer in ((sides.train, sides.validation), (sides.validation, sides.held_out)):
        assert older.at.max() + plan.embargo < newer.at.min()
    used = np.concatenate([sides.split.train, sides.split.validation, sides.split.held_out])
    assert np.unique(used).size == used.size


@settings(max_examples=6)
@given(st.integers(0, 2**32))
def test_a_model_does_not_hang_on_the_order_of_the_training_set(seed: int) -> None:
    """The same decisions in any order give the same model, to the last bit."""
    examples, plan = make_examples(1200), make_world_plan(trials=1)
    assert np.unique(examples.at).size == examples.at.size
    mixed = examples.take(np.random.default_rng(seed).permutation(examples.at.size))
    first, second = (train(plan, each, learners=logistic(), seed=0) for each in (examples, mixed))
    assert first.digest == second.digest
    assert first.report.to_dict() == second.report.to_dict()


acts = st.lists(
    st.tuples(st.sampled_from(["promote", "rollback", "train", "hold"]), st.sampled_from("abc")), max_size=12
)


@given(acts)
def test_what_is_live_is_the_newest_promotion_not_rolled_back(given_acts: list[tuple[str, str]]) -> None:
    """Against a reference that replays every prefix of the trail."""
    trail = [
        {"at": START + i, "act": act, "subject": subject, "reason": str(i)}
        for i, (act, subject) in enumerate(given_acts)
    ]
    stack = [RULE]
    for i, (act, subject) in enumerate(given_acts):
        if act == "promote":
            stack = [*stack, subject]
        if act == "rollback" and stack[-1] == subject:
            stack = stack[:-1]
        found = live_at(trail, START + i)
        assert found.model == stack[-1]
        assert found == live_at(trail[: i + 1], START + 10**6)
    assert live_at(trail, START - 1).model == RULE
