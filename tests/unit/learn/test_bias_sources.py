"""Where bias enters: each planted bias is found at its source, and clean data have no finding."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME
from setpoint.data.labels import KNOWN, UNKNOWN, Labels
from setpoint.learn.bias_sources import BiasAudit, BiasFinding, Judged, audit_bias

ROWS = 6_000


@dataclass
class Town:
    """People of two groups who are alike in everything: what the tests plant their bias in."""

    group: np.ndarray
    columns: dict[str, np.ndarray]
    state: np.ndarray
    value: np.ndarray
    settled_at: np.ndarray
    at: np.ndarray
    costs: np.ndarray
    contested: np.ndarray

    def audit(self, **more: Any) -> BiasAudit:
        """What the audit says of the town."""
        features = pa.table(
            {
                name: pa.array(values, from_pandas=True) if values.dtype != object else pa.array(values, pa.string())
                for name, values in self.columns.items()
            }
        )
        mature = np.ones(self.at.size, dtype=bool)
        labels = Labels(self.state, self.value, self.settled_at, mature, {})
        judged = Judged(features, labels, self.at, self.costs, self.contested)
        return audit_bias(judged, {"group": pa.array(self.group)}, **more)


def town(seed: int = 0, *, small: float = 0.3) -> Town:
    """A town in which the groups "a" and "b" differ in nothing but their size."""
    rng = np.random.default_rng(seed)
    income = np.round(rng.lognormal(3, 0.5, ROWS), 1)
    age = rng.integers(18, 90, ROWS).astype(np.float64)
    chance = 1 / (1 + np.exp(-(income - 22) / 10 - (age - 50) / 40))
    at = np.sort(rng.integers(0, 200 * DAY, ROWS))
    return Town(
        group=np.where(rng.random(ROWS) < small, "a", "b"),
        columns={
            "income": income,
            "age": age,
            "street": rng.choice(np.array(["elm", "oak", "ash", "fir"], dtype=object), ROWS),
        },
        state=np.full(ROWS, KNOWN, dtype=np.int8),
        value=(rng.random(ROWS) < chance).astype(np.float64),
        settled_at=at + rng.integers(DAY, 20 * DAY, ROWS),
        at=at,
        costs=rng.gamma(2.0, 10.0, ROWS),
        contested=(rng.random(ROWS) < 0.2).astype(np.float64),
    )


def only(audit: BiasAudit) -> BiasFinding:
    """The one finding of an audit."""
    assert [f"{one.source}/{one.kind}" for one in audit.findings] == [
        f"{one.source}/{one.kind}" for one in audit.findings[:1]
    ]
    return audit.findings[0]


def test_a_clean_town_has_no_finding() -> None:
    """In 60 clean towns no test of any source calls out, though each audit makes dozens."""
    audits = [town(seed).audit(margins={"group": {"a": 0.3, "b": 0.7}}) for seed in range(60)]
    assert [one for audit in audits for one in audit.findings] == []
    assert min(audit.tests for audit in audits) >= 20


def test_a_group_that_is_left_out_is_found_at_the_sampling() -> None:
    """Against the margins that somebody knows: 20 % of the decisions, 30 % of the population."""
    found = town(1, small=0.2).audit(margins={"group": {"a": 0.3, "b": 0.7}}).findings
    assert {(one.source, one.category, one.kind) for one in found} == {("sampling", "statistical", "share")}
    (missed,) = [one for one in found if one.group == "a"]
    assert missed.effect == pytest.approx(-0.1, abs=0.02)
    assert "30.0% of the population" in missed.evidence


def test_a_group_that_stops_coming_is_found_at_the_sampling() -> None:
    """The newer half of the decisions has fewer of it."""
    planted = town(2)
    gone = (planted.group == "a") & (np.arange(ROWS) > ROWS // 2) & (np.random.default_rng(0).random(ROWS) < 0.6)
    planted.group[gone] = "b"
    found = only(planted.audit())
    assert (found.source, found.kind) == ("sampling", "share-over-time")


def test_truth_that_never_comes_is_found_at_the_label() -> None:
    """A tenth of the labels of one group is never told."""
    planted = town(3)
    silent = (planted.group == "a") & (np.random.default_rng(0).random(ROWS) < 0.1)
    planted.state[silent], planted.value[silent] = UNKNOWN, np.nan
    planted.settled_at[silent] = NULL_TIME
    found = only(planted.audit())
    assert (found.source, found.kind, found.group) == ("label", "truth-missing", "a")
    assert found.effect == pytest.approx(0.1, abs=0.02)


def test_truth_that_comes_late_is_found_at_the_label() -> None:
    """The labels of one group take ten days longer."""
    planted = town(4)
    planted.settled_at = planted.settled_at + 10 * DAY * (planted.group == "a")
    found = only(planted.audit())
    assert (found.source, found.kind, found.group) == ("label", "truth-late", "a")


def test_people_who_judge_a_group_otherwise_are_found_at_the_label() -> None:
    """A fifth of one group's positives was called negative, though they are alike in every feature."""
    planted = town(5)
    flipped = (planted.group == "a") & (planted.value == 1) & (np.random.default_rng(0).random(ROWS) < 0.2)
    planted.value[flipped] = 0.0
    found = only(planted.audit())
    assert (found.source, found.category, found.kind) == ("label", "human", "unexplained-gap")
    assert (found.group, found.effect > 0.05) == ("b", True)


def test_a_gap_that_features_explain_is_none() -> None:
    """One group earns more, and more of it pays back: nothing is left once income is known."""
    planted = town(6)
    rng = np.random.default_rng(0)
    planted.columns["income"] = planted.columns["income"] + 6.0 * (planted.group == "b")
    chance = 1 / (1 + np.exp(-(planted.columns["income"] - 25) / 10))
    planted.value = (rng.random(ROWS) < chance).astype(np.float64)
    plain = planted.value[planted.group == "b"].mean() - planted.value[planted.group == "a"].mean()
    assert plain > 0.08
    assert "unexplained-gap" not in {one.kind for one in planted.audit().findings}


def test_items_that_annotators_disagree_on_are_found_at_the_label() -> None:
    """Twice as often on one group."""
    planted = town(7)
    planted.contested = np.where(
        planted.group == "a", (np.random.default_rng(0).random(ROWS) < 0.4) * 1.0, planted.contested
    )
    found = only(planted.audit())
    assert (found.source, found.category, found.kind, found.group) == ("label", "human", "contested", "a")


@pytest.mark.parametrize("feature", ["income", "street"])
def test_a_feature_that_tells_the_group_is_found_as_a_proxy(feature: str) -> None:
    """By its rank, or by the group's share in its levels."""
    planted = town(8)
    inside, rng = planted.group == "a", np.random.default_rng(0)
    if feature == "income":
        planted.columns["income"] = rng.normal(20, 5, ROWS) - 8.0 * inside
        planted.value = (rng.random(ROWS) < 0.3).astype(np.float64)
    else:
        planted.columns["street"] = np.where(inside & (rng.random(ROWS) < 0.8), "elm", planted.columns["street"])
    found = only(planted.audit())
    assert (found.source, found.category, found.feature) == ("proxy", "systemic", feature)


def test_values_that_are_missing_for_a_group_are_found_at_the_measurement() -> None:
    """A tenth of one group's incomes."""
    planted = town(9)
    lost = (planted.group == "a") & (np.random.default_rng(0).random(ROWS) < 0.1)
    planted.columns["income"] = np.where(lost, np.nan, planted.columns["income"])
    found = only(planted.audit())
    assert (found.source, found.kind, found.group, found.feature) == ("measurement", "missing", "a", "income")


def test_ages_that_are_told_in_round_numbers_are_found_at_the_measurement() -> None:
    """Half of one group gives its age to the nearest five years: Whipple's index."""
    planted = town(10)
    rounded = (planted.group == "a") & (np.random.default_rng(0).random(ROWS) < 0.5)
    planted.columns["age"] = np.where(rounded, np.rint(planted.columns["age"] / 5) * 5, planted.columns["age"])
    found = only(planted.audit())
    assert (found.source, found.kind, found.group, found.feature) == ("measurement", "rounded", "a", "age")


def test_a_group_whose_errors_cost_nothing_is_found_at_the_objective() -> None:
    """A threshold by cost hardly asks for being right about it."""
    planted = town(11)
    planted.costs = np.where(planted.group == "a", planted.costs / 10, planted.costs)
    found = only(planted.audit())
    assert (found.source, found.kind, found.group) == ("objective", "hardly-counts", "a")


def test_of_two_groups_the_one_that_has_more_of_it_is_told() -> None:
    """And with three each is told by itself."""
    planted = town(12)
    planted.columns["income"] = np.where(planted.group == "a", np.nan, planted.columns["income"])
    assert {one.group for one in planted.audit().findings if one.kind == "missing"} == {"a"}
    third = planted.group.copy()
    third[::3] = "c"
    found = replace(planted, group=third).audit().findings
    assert {one.group for one in found if one.kind == "missing"} >= {"a", "b"}


def test_rows_and_margins_that_do_not_fit_are_refused() -> None:
    """With the values."""
    planted = town(13)
    with pytest.raises(DataError, match="Margins are given of 'sex'"):
        planted.audit(margins={"sex": {"f": 1.0}})
    with pytest.raises(DataError, match="add up to 1"):
        planted.audit(margins={"group": {"a": 0.3, "b": 0.3}})
    planted.group = planted.group[1:]
    with pytest.raises(DataError, match="one for each decision"):
        planted.audit()


def test_an_attribute_that_is_the_only_feature_is_audited_too() -> None:
    """Then decisions are alike in every feature, and the gap is the plain one."""
    planted = town(14)
    planted.columns = {}
    flipped = (planted.group == "a") & (planted.value == 1) & (np.random.default_rng(0).random(ROWS) < 0.3)
    planted.value[flipped] = 0.0
    mature = np.ones(ROWS, dtype=bool)
    labels = Labels(planted.state, planted.value, planted.settled_at, mature, {})
    features = pa.table({"group": planted.group.astype(str).tolist()}).select([])
    found = audit_bias(Judged(features, labels, planted.at), {"group": pa.array(planted.group)}).findings
    assert [one.kind for one in found] == ["unexplained-gap"]
    plain = planted.value[planted.group == "b"].mean() - planted.value[planted.group == "a"].mean()
    assert found[0].effect == pytest.approx(plain, abs=1e-3)
