"""The leak audit, check by check."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.times import DAY, HOUR
from setpoint.data.rows import AT
from setpoint.features.training_set import TrainingSet
from setpoint.learn.audit import (
    check_outcomes,
    check_procedure,
    check_recomputed,
    check_single_features,
    check_skill,
    check_times,
)
from setpoint.learn.duplicates import find_copies, row_codes
from setpoint.learn.encode import fit_encoder
from setpoint.learn.findings import LEAK, SUSPICION, Finding
from setpoint.learn.scorer import Scorer
from setpoint.learn.sides import Sides, divide, encode
from setpoint.learn.train import probe_of, trainer_of
from tests.unit.learn.world import logistic, make_examples, make_world_plan, with_features


def single(examples: TrainingSet) -> tuple[Finding, ...]:
    """What the check of single features finds."""
    plan = make_world_plan()
    sides = divide(plan, examples)
    return check_single_features(sides, encode(plan, sides))


def outcome(examples: TrainingSet) -> np.ndarray:
    """The labels, with a 0 where there is none."""
    return np.nan_to_num(examples.labels.value)


@pytest.mark.parametrize("disguise", ["copy", "mirror", "scaled", "null", "text", "number among noise"])
def test_a_label_in_any_disguise_is_found(disguise: str) -> None:
    """Copied, turned around, hidden in which values are NULL or in the levels of a text."""
    examples = make_examples(seed=1)
    y, rng = outcome(examples), np.random.default_rng(0)
    columns: dict[str, object] = {
        "copy": {"total": y},
        "mirror": {"total": 1 - y},
        "scaled": {"total": 40 + 17 * y + rng.normal(0, 0.5, y.size)},
        "null": {"total": np.where(y > 0, np.nan, rng.normal(size=y.size))},
        "text": {"country": pa.array(np.where(y > 0, rng.choice(["a", "b"], y.size), rng.choice(["c", "d"], y.size)))},
        "number among noise": {"total": np.where(y > 0, 3.0, rng.integers(4, 9, y.size))},
    }
    found = single(with_features(examples, columns[disguise]))  # type: ignore[arg-type]
    assert [(each.kind, each.level) for each in found] == [("label-copied", LEAK)]
    assert found[0].feature == ("country" if disguise == "text" else "total")


def test_a_feature_far_ahead_of_all_others_is_a_suspicion() -> None:
    """Such as the departure delay of the flight itself, which is not the label but knows it well."""
    examples = make_examples(seed=1, skill=0.3)
    noisy = outcome(examples) + np.random.default_rng(0).normal(0, 0.6, examples.at.size)
    found = single(with_features(examples, {"total": noisy}))
    assert [(each.level, each.feature) for each in found] == [(SUSPICION, "total")]


def test_two_leaking_features_do_not_hide_each_other() -> None:
    """The widest gap is looked for behind all strong ones."""
    examples = make_examples(seed=1)
    y = outcome(examples)
    found = single(with_features(examples, {"total": y, "n_3d": 1 - y}))
    assert {each.feature for each in found} == {"total", "n_3d"}


def test_strong_honest_features_are_no_finding() -> None:
    """Neither one good feature among good ones nor a clear lead below suspicion."""
    assert single(make_examples(seed=1, skill=3.0)) == ()


def test_times_before_their_decision_are_found() -> None:
    """A label that was settled before the decision was taken tells that a time belongs to another row."""
    examples, plan = make_examples(), make_world_plan()
    rng = np.random.default_rng(0)
    shuffled = replace(examples, at=rng.permutation(examples.at))
    found = check_times(plan, shuffled, divide(plan, shuffled))
    assert [(each.kind, each.level) for each in found] == [("time-disagrees", LEAK)] * 2
    assert "settled before" in found[0].evidence
    assert "checkouts.ts" in found[1].evidence
    assert check_times(plan, examples, divide(plan, examples)) == ()


def outcomes(examples: TrainingSet, *, shift: int, loss: float = 9.0) -> dict[str, pa.Table]:
    """The rows of the label's source: one for every tenth decision, this long after it."""
    which = np.arange(0, examples.at.size, 10)
    return {
        "frauds": pa.table(
            {
                "checkout_id": examples.keys.take(pa.array(which)),
                "loss": np.full(which.size, loss),
                AT: examples.at[which] + shift,
            }
        )
    }


def test_outcomes_from_before_their_decision_are_found() -> None:
    """A fraud that was reported before the order was placed belongs to another time; all of them are a leak."""
    examples, plan = make_examples(), make_world_plan()
    found = check_outcomes(plan, examples.keys, examples.at, outcomes(examples, shift=-HOUR))
    assert [(each.kind, each.level) for each in found] == [("time-disagrees", LEAK)]
    assert "400 of 400" in found[0].evidence
    assert check_outcomes(plan, examples.keys, examples.at, outcomes(examples, shift=HOUR)) == ()


def test_other_events_of_a_key_may_come_before() -> None:
    """Where absence means negative, only an event that makes the label true is an outcome."""
    examples, plan = make_examples(), make_world_plan()
    harmless = outcomes(examples, shift=-HOUR, loss=0.0)
    assert check_outcomes(plan, examples.keys, examples.at, harmless) == ()
    both = pa.concat_tables([outcomes(examples, shift=at)["frauds"] for at in (-HOUR, HOUR)])
    assert check_outcomes(plan, examples.keys, examples.at, {"frauds": both}) == ()


def test_a_few_odd_times_are_a_suspicion() -> None:
    """One mended clock in four thousand rows blocks nothing."""
    examples, plan = make_examples(), make_world_plan()
    settled = examples.labels.settled_at.copy()
    settled[np.flatnonzero(examples.usable)[7]] = examples.at[0] - HOUR
    labels = replace(examples.labels, settled_at=settled)
    found = check_times(plan, replace(examples, labels=labels), divide(plan, examples))
    assert [each.level for each in found] == [SUSPICION]


def test_without_the_time_among_the_fields_only_labels_can_contradict() -> None:
    """What cannot be checked is not guessed."""
    examples, plan = make_examples(), make_world_plan()
    late = replace(examples, at=examples.at - HOUR, fields=examples.fields.drop_columns(["ts"]))
    assert check_times(plan, late, divide(plan, late)) == ()


def copy_across(examples: TrainingSet, count: int, seed: int) -> TrainingSet:
    """The examples with old rows repeated in the newest time under new keys."""
    rng = np.random.default_rng(seed)
    n = examples.at.size
    old = rng.choice(np.flatnonzero(examples.at < np.quantile(examples.at, 0.6)), count, replace=False)
    more = examples.take(np.concatenate([np.arange(n), old]))
    at = more.at.copy()
    at[n:] = rng.choice(examples.at[examples.at > np.quantile(examples.at, 0.8)], count)
    settled = more.labels.settled_at + (at - more.at)
    keys = pa.array([*examples.keys.to_pylist(), *[f"copy{i}" for i in range(count)]])
    ts = pa.array(at, pa.timestamp("us", tz="UTC"))
    fields = more.fields.set_column(0, "checkout_id", keys).set_column(more.fields.column_names.index("ts"), "ts", ts)
    return replace(more, at=at, keys=keys, fields=fields, labels=replace(more.labels, settled_at=settled))


@pytest.mark.parametrize("count", [100, 400, 1200])
def test_copies_of_rows_across_the_split_are_found(count: int) -> None:
    """Under new keys and at new times; from a few dozen on, whatever their share."""
    plan = make_world_plan()
    for seed in range(3):
        examples = copy_across(make_examples(seed=seed), count, seed)
        found = find_copies(divide(plan, examples), key="checkout_id", seed=0)
        assert found is not None
        assert found.rows >= 0.5 * count


def natural(kind: str, seed: int, n: int = 6000) -> TrainingSet:
    """Rows that repeat because their features are coarse, or because the same customers come again."""
    rng = np.random.default_rng(seed)
    still = np.zeros(n)
    columns: dict[str, dict[str, np.ndarray]] = {
        "few levels": {"total": rng.integers(0, 10, n) * 1.0, "n_3d": rng.integers(0, 5, n) * 1.0},
        "some levels": {"total": rng.integers(0, 300, n) * 1.0, "n_3d": rng.integers(0, 30, n) * 1.0},
        "many levels": {"total": rng.integers(0, 3000, n) * 1.0, "n_3d": rng.integers(0, 30, n) * 1.0},
        "heavy tail": {"total": np.minimum(rng.zipf(1.3, n), 1e9) * 1.0, "n_3d": still},
        "drifting": {"total": np.floor(rng.random(n) * np.linspace(2000, 100, n)), "n_3d": still},
    }
    if kind == "customers":
        who = rng.integers(0, n // 4, n)
        columns["customers"] = {"total": np.random.default_rng(9).normal(size=n)[who], "n_3d": who * 1.0}
    rest = {"avg_30d": still, "hour": still, "big": still, "country": pa.array(["at"] * n)}
    examples = with_features(make_examples(n, seed=seed), {**columns[kind], **rest})
    fields = {"checkout_id": examples.keys, "country": pa.array(["at"] * n), "total": columns[kind]["total"]}
    return replace(examples, fields=pa.table({**fields, "ts": examples.fields["ts"]}))


@pytest.mark.parametrize("kind", ["few levels", "some levels", "many levels", "heavy tail", "drifting", "customers"])
def test_rows_that_repeat_by_nature_are_no_copies(kind: str) -> None:
    """Coarse features, long tails, drift and returning customers make equal rows without any leak."""
    for seed in range(5):
        assert find_copies(divide(make_world_plan(), natural(kind, seed)), key="checkout_id", seed=0) is None


def test_row_codes_tell_every_difference() -> None:
    """A value, a NULL, a label or a text that differs gives another code; zeros and NaNs are one each."""
    table = pa.table({"x": [1.0, 1.0, 2.0, None, 1.0], "s": ["a", "a", "a", "a", "b"]})
    y = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    codes = row_codes(table, pa.table({}), y)
    assert [int((codes == code).sum()) for code in codes] == [2, 2, 1, 1, 1]
    assert (row_codes(table, pa.table({}), 1 - y) != codes).all()
    zeros = row_codes(pa.table({"x": [0.0, -0.0]}), pa.table({}), np.zeros(2))
    assert zeros[0] == zeros[1]


def test_a_sound_procedure_is_blind_to_the_held_out_rows() -> None:
    """Not one bit changes when all of them change."""
    plan = make_world_plan()
    probe = probe_of(plan, trainer_of(plan, logistic(), seed=0))
    assert check_procedure(divide(plan, make_examples()), probe, seed=0) == ()


def test_a_scaler_fitted_on_all_rows_is_found() -> None:
    """A statistic from the test side changes when the test side does."""
    plan = make_world_plan()
    probe = probe_of(plan, trainer_of(plan, logistic(), seed=0))

    def tainted(sides: Sides) -> Scorer:
        total = sides.rows.features["total"].to_numpy()
        scaled = pa.array((total - total.mean()) / total.std())
        place = sides.rows.features.column_names.index("total")
        rows = replace(sides.rows, features=sides.rows.features.set_column(place, "total", scaled))
        return probe(Sides(rows, sides.index, sides.split))

    found = check_procedure(divide(plan, make_examples()), tainted, seed=0)
    assert [(each.kind, each.level) for each in found] == [("fitted-on-held-out", LEAK)]


def test_levels_fitted_on_all_rows_are_found() -> None:
    """An encoder that knows the held-out levels is fitted on them."""
    plan = make_world_plan()
    probe = probe_of(plan, trainer_of(plan, logistic(), seed=0))

    def tainted(sides: Sides) -> Scorer:
        return replace(probe(sides), encoder=fit_encoder(sides.rows.features, plan.features))

    found = check_procedure(divide(plan, make_examples()), tainted, seed=0)
    assert [each.kind for each in found] == ["fitted-on-held-out"]


def test_skill_on_shuffled_labels_is_found() -> None:
    """A procedure that remembers the held-out labels, and hides it from its files, betrays itself by its scores."""
    plan = make_world_plan()
    probe = probe_of(plan, trainer_of(plan, logistic(), seed=0))

    class Remembering(Scorer):
        def score(self, features: pa.Table) -> np.ndarray:
            return np.where(remembered[-1] > 0, 0.9, 0.1)

    remembered: list[np.ndarray] = []

    def tainted(sides: Sides) -> Scorer:
        remembered.append(sides.held_out.y)
        honest = probe(sides)
        return Remembering(**{name: getattr(honest, name) for name in Scorer.__dataclass_fields__})

    found = check_procedure(divide(plan, make_examples()), tainted, seed=0)
    assert [(each.kind, each.level) for each in found] == [("label-skill", LEAK)]


def test_features_that_cannot_be_computed_again_are_found() -> None:
    """Values that need rows from after the decision differ from those computed as of it."""
    plan, examples = make_world_plan(), make_examples()
    asked: list[int] = []

    def recompute(places: np.ndarray, as_of: int) -> pa.Table:
        asked.append(as_of)
        assert (examples.at[places] <= as_of).all()
        assert (examples.at[places] > as_of - 10 * DAY).all()
        return examples.features.take(pa.array(places))

    assert check_recomputed(examples, divide(plan, examples), recompute) == ()
    assert len(asked) == 4
    ahead = with_features(examples, {"n_3d": examples.features["n_3d"].to_numpy() + 1})
    found = check_recomputed(ahead, divide(plan, ahead), recompute)
    assert [(each.kind, each.feature) for each in found] == [("future-event", "n_3d")]


def test_a_model_that_is_right_nearly_always_is_a_suspicion() -> None:
    """The leak may be spread over several features, none of which tells alone."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500).astype(float)
    assert check_skill(y, np.clip(y * 0.8 + rng.normal(0, 0.05, 500), 0, 1))[0].level == SUSPICION
    assert check_skill(y, np.clip(0.5 + (y - 0.5) * 0.3 + rng.normal(0, 0.2, 500), 0, 1)) == ()
