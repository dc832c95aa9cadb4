"""Samples whose chances are known: which rows, with what weight, and the frame they carry."""

from __future__ import annotations

import json
from itertools import permutations
from math import sqrt

import numpy as np
import pyarrow as pa
import pytest

from setpoint.core.errors import DataError
from setpoint.core.times import DAY
from setpoint.data.arrays import NULL_TIME
from setpoint.data.samples.frame import CHOSEN, Frame
from setpoint.data.samples.groups import by_group
from setpoint.data.samples.sample import Sample, effective_size, everything, levels_of, simple
from setpoint.data.samples.strata import allocate, by_time, newest, stratified
from setpoint.data.samples.target import importance, rejection
from setpoint.data.samples.weighted import chances_of, poisson, pps, weighted

SIZES = np.array([1.0, 2.0, 3.0, 6.0, 12.0])
STRATA = np.repeat(["a", "b", "c"], [600, 300, 100])


def drawn(seed: int) -> list[Sample]:
    """One sample of each kind that draws from arrays."""
    rng = np.random.default_rng(7)
    size, at = rng.random(1000) + 0.1, rng.integers(0, 30 * DAY, 1000)
    return [
        simple(1000, 50, seed=seed),
        stratified(STRATA, 50, seed=seed),
        stratified(STRATA, 50, allocation="equal", seed=seed),
        stratified(STRATA, 50, allocation="neyman", spread=size, seed=seed),
        weighted(size, 50, seed=seed),
        pps(size, 50, seed=seed),
        poisson(chances_of(size, 50), seed=seed),
        by_time(at, 100, seed=seed),
        newest(at, 50, half_life="7d", seed=seed),
        by_group(np.arange(1000) // 10, 20, seed=seed),
        by_group(np.arange(1000) // 10, 20, rows_each=3, seed=seed),
        rejection(size, seed=seed),
        importance(size, 50, seed=seed),
    ]


def shares_taken(draw: object, size: int, seeds: int) -> np.ndarray:
    """How often each row was taken over some seeds."""
    counts = np.zeros(size)
    for seed in range(seeds):
        counts[draw(seed).index] += 1  # type: ignore[operator]
    return counts / seeds


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    """A sample is named by its digest, which the seed decides."""
    first, again, other = ([sample.digest for sample in drawn(seed)] for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


def test_weights_bring_back_the_population() -> None:
    """On average over draws the weights of each kind add up to the number of rows."""
    totals = np.array([[sample.weight.sum() for sample in drawn(seed)] for seed in range(60)])
    assert totals.mean(axis=0) == pytest.approx(np.full(totals.shape[1], 1000), rel=0.05)


def test_a_sample_takes_its_rows_from_a_table() -> None:
    """The rows of a sample come in the order of its index."""
    sample = simple(100, 5, seed=3)
    assert sample.take(pa.table({"id": np.arange(100)}))["id"].to_pylist() == sample.index.tolist()


def test_the_frame_is_lineage() -> None:
    """What a sample was drawn from, how, with what chances and under which digest can be written down."""
    told = stratified(["a"] * 6 + ["b"] * 4, 5, seed=9).drawn_from("shop@1f").lineage()
    assert {key: told[key] for key in ("kind", "population", "size", "seed", "source", "probability")} == {
        "kind": "stratified",
        "population": 10,
        "size": 5,
        "seed": 9,
        "source": "shop@1f",
        "probability": True,
    }
    assert told["details"] == {"allocation": "proportional", "strata": {"a": [6, 3], "b": [4, 2]}}
    assert told["inclusion"] == [0.5, 0.5]
    assert len(told["digest"]) == 32


def test_every_lineage_is_json() -> None:
    """Whatever the kind, and also where sizes and seeds come as numpy's whole numbers."""
    for sample in [*drawn(1), simple(np.int64(10), np.int64(2), seed=np.int64(3))]:
        assert json.loads(json.dumps(sample.lineage())) == sample.lineage()


def test_a_frame_that_differs_gives_another_digest() -> None:
    """Two samples of the same rows from different sources are different samples."""
    sample = simple(100, 5, seed=3)
    assert sample.drawn_from("a").digest != sample.drawn_from("b").digest


def test_all_rows_are_a_sample_too() -> None:
    """Everything is taken once."""
    sample = everything(4)
    assert (sample.index.tolist(), sample.weight.tolist()) == ([0, 1, 2, 3], [1, 1, 1, 1])


@pytest.mark.parametrize("n", [0, -1, 11])
def test_a_sample_of_more_than_there_is_or_of_nothing_is_refused(n: int) -> None:
    """The message says how many rows there are."""
    with pytest.raises(DataError, match="1 to 10"):
        simple(10, n, seed=1)


def test_levels_are_sorted_and_null_is_one() -> None:
    """Labels of any kind are coded, an empty text before others and NULL at the end."""
    names, codes = levels_of(np.array(["b", None, "", "b"], dtype=object))
    assert (names, codes.tolist()) == (["", "b", None], [1, 2, 0, 1])
    assert levels_of(pa.chunked_array([[2, 1], [2]]))[1].tolist() == [1, 0, 1]


def test_the_effective_size_of_equal_weights_is_their_number() -> None:
    """Kish: one row that outweighs the rest counts as about one."""
    assert effective_size(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_size([1e9, 1, 1]) == pytest.approx(1)
    assert effective_size([]) == 0


# Strata and time.


def test_neyman_allocates_as_cochran_computes() -> None:
    """Cochran (1977), section 5.5: n_h = n N_h S_h / sum(N_h S_h); here 400 x 4 and 600 x 20 / 3 share 56 rows."""
    assert allocate([400, 600], 56, allocation="neyman", spread=[4.0, 20 / 3]).tolist() == [16, 40]


def test_no_stratum_gives_more_than_it_has() -> None:
    """What a small stratum cannot give is given by the others."""
    assert allocate([3, 500, 500], 99, allocation="equal").tolist() == [3, 48, 48]


def test_every_stratum_gives_enough_for_an_interval() -> None:
    """Two rows of the rarest are taken, unless it has but one."""
    assert allocate([10_000, 5, 1], 100).tolist() == [97, 2, 1]


def test_an_allocation_takes_exactly_what_was_asked() -> None:
    """Whatever the sizes, the rows add up and stay within bounds."""
    rng = np.random.default_rng(3)
    for _ in range(50):
        sizes = rng.integers(1, 200, 12)
        n = int(rng.integers(24, sizes.sum() + 1))
        for kind in ("proportional", "equal", "neyman"):
            taken = allocate(sizes, n, allocation=kind, spread=rng.random(12))  # type: ignore[arg-type]
            assert taken.sum() == n
            assert (taken <= sizes).all()
            assert (taken >= np.minimum(sizes, 2)).all()


def test_too_few_rows_for_the_strata_are_refused_with_the_way_out() -> None:
    """Fewer than two rows of each stratum give no interval."""
    with pytest.raises(DataError, match="join rare strata"):
        stratified(np.arange(100), 50, seed=1)
    assert len(stratified(np.arange(100), 100, least=1, seed=1)) == 100


def test_neyman_without_a_spread_is_refused() -> None:
    """How far values spread is not known before somebody says so."""
    with pytest.raises(DataError, match="spread="):
        stratified(STRATA, 50, allocation="neyman", seed=1)
    with pytest.raises(DataError, match="'c'"):
        stratified(STRATA, 50, allocation="neyman", spread={"a": 1.0, "b": 2.0}, seed=1)


def test_strata_are_drawn_uniformly() -> None:
    """Every row of a stratum is as likely as every other."""
    shares = shares_taken(lambda seed: stratified(["a"] * 4 + ["b"] * 8, 6, seed=seed), 12, 600)
    assert shares == pytest.approx(np.full(12, 0.5), abs=0.08)


def test_every_day_is_taken_equally() -> None:
    """A day with 100 times the rows gives as many as every other, at a weight that says so."""
    at = np.concatenate([np.full(5000, 3 * DAY + 5), np.full(50, 4 * DAY)])
    sample = by_time(at, 40, seed=1)
    assert np.bincount(at[sample.index] // DAY).tolist() == [0, 0, 0, 20, 20]
    assert sorted(set(sample.weight.tolist())) == [2.5, 250]
    assert sample.frame.details == {"every": "1d", "spans": 2, "rows_per_span": [20, 20]}


def test_newest_rows_first() -> None:
    """Without a half-life the newest rows are taken, and the frame says that they stand for nothing older."""
    sample = newest(np.arange(100), 3)
    assert sample.index.tolist() == [97, 98, 99]
    assert sample.frame.scheme == CHOSEN


def test_rows_a_half_life_older_are_half_as_likely() -> None:
    """A small sample with a half-life takes new rows in proportion to 2^-age."""
    at = np.repeat([0, 10 * DAY], 500)
    fresh = np.mean([(newest(at, 30, half_life="10d", seed=seed).index >= 500).mean() for seed in range(200)])
    assert fresh == pytest.approx(2 / 3, abs=0.02)


def test_rows_without_a_time_are_refused() -> None:
    """A time that is NULL is neither new nor of any day."""
    with pytest.raises(DataError, match="1 rows have no time"):
        newest(np.array([5, NULL_TIME]), 1)


# Unequal chances.


def test_weighted_samples_follow_the_order_of_drawing() -> None:
    """Chances of being in a sample equal those of drawing one by one without replacement, summed over all orders."""
    expected = np.zeros(5)
    for order in permutations(range(5), 2):
        chance, left = 1.0, SIZES.sum()
        for row in order:
            chance, left = chance * SIZES[row] / left, left - SIZES[row]
        expected[list(order)] += chance
    seeds = 4000
    found = shares_taken(lambda seed: weighted(SIZES, 2, seed=seed), 5, seeds)
    assert found == pytest.approx(expected, abs=4 * sqrt(0.25 / seeds))


def test_weighted_samples_estimate_without_bias() -> None:
    """Weights from the first key that was left out bring back a total that has nothing to do with the weights."""
    values = np.array([10.0, -4.0, 7.0, 1.0, 3.0])
    totals = [
        (sample.weight * values[sample.index]).sum()
        for seed in range(4000)
        if (sample := weighted(SIZES, 3, seed=seed))
    ]
    assert np.mean(totals) == pytest.approx(values.sum(), abs=4 * np.std(totals) / sqrt(4000))


def test_many_rows_are_sampled_as_few_are() -> None:
    """Setting most rows aside by a guess takes the very rows that a full sort takes."""
    size = np.random.default_rng(5).random(40_000)
    small, large = weighted(size, 100, seed=2), weighted(size, 30_000, seed=2)
    assert set(small.index) < set(large.index)


def test_a_weight_of_zero_keeps_a_row_out() -> None:
    """A row that cannot be taken is not part of what the sample stands for."""
    for sample in (weighted([0.0, 1.0, 1.0], 2, seed=1), pps([0.0, 1.0, 1.0], 2, seed=1)):
        assert sample.index.tolist() == [1, 2]
        assert (sample.frame.population, sample.frame.details["never_taken"]) == (2, 1)


def test_chances_are_in_proportion_to_size() -> None:
    """Rows too large for their share are certain, and the others share the rest."""
    assert chances_of(SIZES, 2).tolist() == pytest.approx([1 / 12, 2 / 12, 3 / 12, 6 / 12, 1.0])
    assert chances_of(np.full(10, 3.0), 4) == pytest.approx(np.full(10, 0.4))
    assert chances_of(SIZES, 5).tolist() == [1, 1, 1, 1, 1]


def test_pps_takes_rows_with_exactly_their_chances() -> None:
    """Systematic sampling takes always as many rows, each as often as its size says."""
    size = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 5.0])
    seeds = 3000
    found = shares_taken(lambda seed: pps(size, 3, seed=seed), 6, seeds)
    assert found == pytest.approx(size * 3 / 20, abs=4 * sqrt(0.25 / seeds))
    assert {len(pps(size, 3, seed=seed)) for seed in range(200)} == {3}


def test_poisson_takes_rows_each_by_its_own_chance() -> None:
    """A certain row is always there; the number of rows is random."""
    seeds = 2000
    samples = [poisson([1.0, 0.5, 0.1], seed=seed) for seed in range(seeds)]
    shares = sum(np.bincount(sample.index, minlength=3) for sample in samples) / seeds
    assert shares == pytest.approx([1, 0.5, 0.1], abs=0.05)
    with pytest.raises(DataError, match=r"A chance is 1\.5"):
        poisson([1.5], seed=1)


@pytest.mark.parametrize("weight", [[], [0.0], [-1.0, 2.0], [np.nan, 1.0], [[1.0]]])
def test_weights_that_mean_nothing_are_refused(weight: list[float]) -> None:
    """Negative, missing or no weights at all are an error, not a sample."""
    with pytest.raises(DataError, match="cannot be sampled by"):
        weighted(weight, 1, seed=1)


# Groups.


def test_groups_are_taken_whole() -> None:
    """Every row of a chosen group is there, and none of another."""
    groups = np.random.default_rng(2).integers(0, 30, 400)
    sample = by_group(groups, 6, seed=1)
    assert np.unique(groups[sample.index]).size == 6
    assert len(sample) == np.isin(groups, groups[sample.index]).sum()
    assert (sample.weight == 5).all()


def test_at_most_so_many_rows_of_each_group() -> None:
    """A big group gives as many rows as a small one, each with the weight of those that were left."""
    groups = np.repeat(["big", "small"], [100, 4])
    sample = by_group(groups, 2, rows_each=5, seed=1)
    assert np.bincount(sample.unit).tolist() == [5, 4]
    assert sorted(set(sample.weight.tolist())) == [1, 20]


# Other distributions.


def test_rejection_leaves_the_target() -> None:
    """What is accepted is distributed as the ratio says, with equal weights."""
    ratio = np.repeat([1.0, 3.0], 20_000)
    sample = rejection(ratio, seed=4)
    assert (sample.index >= 20_000).mean() == pytest.approx(0.75, abs=0.01)
    assert np.unique(sample.weight).size == 1
    assert sample.frame.details["accepted"] == pytest.approx(2 / 3, abs=0.01)
    with pytest.raises(DataError, match="most=2"):
        rejection(ratio, most=2.0, seed=4)


def test_importance_weights_stand_for_the_target() -> None:
    """Draws by any proposal give the mean under the target, and the effective size tells what that cost."""
    values, ratio = np.arange(1000.0), np.linspace(0.1, 2, 1000)
    expected = np.average(values, weights=ratio)
    like_target = importance(ratio, 4000, proposal=ratio, seed=1)
    uniform = importance(ratio, 4000, seed=1)
    away = importance(ratio, 4000, proposal=1 / ratio, seed=1)
    for sample in (like_target, uniform, away):
        assert np.average(values[sample.index], weights=sample.weight) == pytest.approx(expected, rel=0.05)
    assert like_target.effective_size == pytest.approx(4000)
    assert away.effective_size < uniform.effective_size < 4000
    assert away.frame.details["effective_size"] == away.effective_size


def test_a_proposal_that_never_draws_the_target_is_refused() -> None:
    """A row of the target with no chance of being drawn would be missing for ever."""
    with pytest.raises(DataError, match="leaves out rows of the target"):
        importance([1.0, 1.0], 10, proposal=[1.0, 0.0], seed=1)


def test_a_chosen_frame_allows_no_interval() -> None:
    """Only a scheme with known chances is a probability sample."""
    assert not Frame("quota", CHOSEN, 10, 2).probability
    assert all(sample.frame.probability for sample in drawn(1))
