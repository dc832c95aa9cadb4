"""Reservoirs: uniform, the same however a stream is cut, merged as if read as one, and alive after a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import chi2, chisquare

from setpoint.core.errors import DataError
from setpoint.data.samples.stream import Reservoir, WeightedReservoir, reservoir, weighted_reservoir
from setpoint.data.samples.weighted import weighted

ROWS = pa.table({"id": np.arange(3000), "name": [f"row {place}" for place in range(3000)]})
WEIGHTS = np.random.default_rng(1).random(3000) * (np.arange(3000) % 7 > 0)
CUTS = [[3000], [1] * 60 + [2940], [10, 0, 490, 1500, 1000], [999, 2001]]


def cut(pieces: list[int]) -> list[slice]:
    """The slices of a stream in pieces of these lengths."""
    ends = np.cumsum(pieces)
    return [slice(int(end) - size, int(end)) for size, end in zip(pieces, ends, strict=True)]


def plain(pieces: list[int], *, size: int = 40, seed: int = 1) -> Reservoir:
    """A reservoir after the stream in these pieces."""
    held = reservoir(size, seed=seed)
    for part in cut(pieces):
        held = held.offer(ROWS.slice(part.start, part.stop - part.start))
    return held


def heavy(pieces: list[int], *, size: int = 40, seed: int = 1) -> WeightedReservoir:
    """A weighted reservoir after the stream in these pieces."""
    held = weighted_reservoir(size, seed=seed)
    for part in cut(pieces):
        held = held.offer(ROWS.slice(part.start, part.stop - part.start), WEIGHTS[part])
    return held


def uniform_p_value(counts: np.ndarray, size: int) -> float:
    """How likely such counts are if every set of `size` rows is as likely.

    Rows of one sample are drawn without replacement, which makes the statistic smaller by (N - k) / (N - 1).
    """
    rows = counts.size
    return float(chi2.sf(chisquare(counts).statistic * (rows - 1) / (rows - size), rows - 1))


@pytest.mark.parametrize("pieces", CUTS)
def test_the_same_seed_gives_the_same_sample_whatever_the_batches(pieces: list[int]) -> None:
    """Rows, positions and weights are the same to the bit however the stream is cut."""
    whole, parts = plain([3000]), plain(pieces)
    assert whole.rows == parts.rows
    assert whole.sample().digest == parts.sample().digest
    whole_heavy, parts_heavy = heavy([3000]), heavy(pieces)
    assert whole_heavy.rows == parts_heavy.rows
    assert whole_heavy.sample().digest == parts_heavy.sample().digest


def test_the_rows_held_are_those_at_the_positions() -> None:
    """Position and row stay together through every replacement."""
    for held in (plain([700, 2300]), heavy([700, 2300])):
        assert held.rows is not None
        assert held.rows["id"].to_pylist() == held.position.tolist()
        assert held.rows.column_names == ["id", "name"]


def test_a_reservoir_is_uniform() -> None:
    """Over 2,000 seeds every one of 30 rows is held as often as every other (chi-squared)."""
    counts = np.zeros(30)
    for seed in range(2000):
        counts[reservoir(5, seed=seed).offer(ROWS.slice(0, 30)).position] += 1
    assert 0.001 < uniform_p_value(counts, 5) < 0.999


def test_pairs_are_uniform_too() -> None:
    """Every set of two of six rows is as likely as every other, over 3,000 seeds."""
    pairs = np.zeros(36)
    for seed in range(3000):
        first, second = np.sort(reservoir(2, seed=seed).offer(ROWS.slice(0, 6)).position)
        pairs[first * 6 + second] += 1
    assert chisquare(pairs[pairs > 0]).pvalue > 0.001
    assert (pairs > 0).sum() == 15


@pytest.mark.parametrize(("left", "right"), [(20, 10), (3, 27), (2, 3)])
def test_merged_reservoirs_are_uniform(left: int, right: int) -> None:
    """Merging two shards, full or not, and going on with a third part takes every row as often."""
    total = left + right + 10
    counts = np.zeros(total)
    seeds = 1000
    for seed in range(seeds):
        one = reservoir(4, seed=seed, stream="a").offer(ROWS.slice(0, left))
        two = reservoir(4, seed=seed, stream="b").offer(ROWS.slice(left, right))
        held = one.merge(two).offer(ROWS.slice(left + right, 10))
        assert held.seen == total
        counts[held.rows["id"].to_numpy()] += 1  # type: ignore[index]
    assert counts.sum() == 4 * seeds
    assert 0.001 < uniform_p_value(counts, 4) < 0.999


def test_merging_counts_positions_on() -> None:
    """The second stream's positions follow those of the first."""
    one = reservoir(3, seed=1, stream="a").offer(ROWS.slice(0, 2))
    two = reservoir(3, seed=1, stream="b").offer(ROWS.slice(0, 1))
    merged = one.merge(two)
    assert merged.position.tolist() == [0, 1, 2]
    assert merged.sample().frame.details == {"streams": ["a", "b"]}


def test_shards_with_one_name_are_refused() -> None:
    """Two reservoirs that drew the same numbers would not be independent."""
    with pytest.raises(DataError, match="names of their own"):
        plain([3000]).merge(plain([3000]))
    with pytest.raises(DataError, match="two of one size"):
        reservoir(3, seed=1, stream="a").merge(reservoir(4, seed=1, stream="b"))


@pytest.mark.parametrize("at", [5, 41, 1000])
def test_a_reservoir_goes_on_after_a_restart(at: int, tmp_path: Path) -> None:
    """Written as Parquet in the middle of a stream and read back, it ends where it would have ended."""
    pq.write_table(plain([at]).to_table(), tmp_path / "plain.parquet")
    pq.write_table(heavy([at]).to_table(), tmp_path / "heavy.parquet")
    again = Reservoir.from_table(pq.read_table(tmp_path / "plain.parquet")).offer(ROWS.slice(at))
    again_heavy = WeightedReservoir.from_table(pq.read_table(tmp_path / "heavy.parquet"))
    again_heavy = again_heavy.offer(ROWS.slice(at), WEIGHTS[at:])
    assert again.sample().digest == plain([3000]).sample().digest
    assert again.rows == plain([3000]).rows
    assert again_heavy.sample().digest == heavy([3000]).sample().digest
    assert again_heavy.rows == heavy([3000]).rows


def test_an_empty_reservoir_is_written_too() -> None:
    """A restart before the first row loses nothing."""
    again = Reservoir.from_table(reservoir(40, seed=1).to_table())
    assert again.offer(ROWS).sample().digest == plain([3000]).sample().digest


def test_a_table_of_another_kind_is_no_reservoir() -> None:
    """The state is in the table's metadata, and says of which reservoir."""
    for table in (ROWS, heavy([3000]).to_table()):
        with pytest.raises(DataError, match="without the state"):
            Reservoir.from_table(table)


def test_a_batch_with_other_columns_is_refused() -> None:
    """Rows of one stream have the same columns."""
    with pytest.raises(DataError, match="the same columns"):
        plain([3000], size=5000).offer(pa.table({"id": [1]}))


def test_a_weighted_reservoir_takes_rows_as_a_weighted_sample_does() -> None:
    """Over 1,200 seeds, one pass and the sample of an array take every row equally often (two-sample chi-squared)."""
    size, seeds = np.array([1.0, 2.0, 3.0, 6.0, 12.0, 0.5, 4.0, 4.0]), 1200
    counts = np.zeros((3, 8))
    for seed in range(seeds):
        whole = weighted_reservoir(3, seed=seed).offer(ROWS.slice(0, 8), size)
        one = weighted_reservoir(3, seed=seed, stream="a").offer(ROWS.slice(0, 5), size[:5])
        two = weighted_reservoir(3, seed=seed, stream="b").offer(ROWS.slice(5, 2), size[5:7])
        merged = one.merge(two).offer(ROWS.slice(7, 1), size[7:])
        counts[0, whole.sample().index] += 1
        counts[1, merged.sample().index] += 1
        counts[2, weighted(size, 3, seed=seed).index] += 1
    shares = counts / seeds
    spread = np.sqrt(2 * shares[2] * (1 - shares[2]) / seeds)
    assert np.abs(shares[0] - shares[2]).max() < 4 * spread.max()
    assert np.abs(shares[1] - shares[2]).max() < 4 * spread.max()


def test_a_weighted_reservoir_estimates_without_bias() -> None:
    """Its weights bring back the number of rows and a total over seeds."""
    values = np.arange(200.0)
    size = 0.2 + np.random.default_rng(4).random(200)
    found = []
    for seed in range(800):
        sample = weighted_reservoir(20, seed=seed).offer(ROWS.slice(0, 200), size).sample()
        found.append([sample.weight.sum(), (sample.weight * values[sample.index]).sum()])
    error = np.std(found, axis=0) / np.sqrt(800)
    assert (np.abs(np.mean(found, axis=0) - [200, values.sum()]) < 4 * error).all()


def test_rows_without_weight_are_seen_but_never_taken() -> None:
    """A weight of zero keeps a row out of what the sample stands for."""
    held = weighted_reservoir(5, seed=1).offer(ROWS.slice(0, 4), [0.0, 1.0, 0.0, 2.0])
    assert (held.seen, held.sample().frame.population, held.sample().index.tolist()) == (4, 2, [1, 3])
    with pytest.raises(DataError, match="one weight per row"):
        held.offer(ROWS.slice(0, 4), [1.0])


def test_an_empty_reservoir_has_no_sample() -> None:
    """Nothing was offered, so nothing can be estimated."""
    for held in (reservoir(3, seed=1), weighted_reservoir(3, seed=1)):
        with pytest.raises(DataError, match="a population with rows"):
            held.sample()
    with pytest.raises(DataError, match="at least 1"):
        reservoir(0, seed=1)
