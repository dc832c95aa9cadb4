"""The search for slices, against scoring every slice one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.bins import Levels
from setpoint.measure.rows import Array
from setpoint.measure.slice_search import Score, search_slices, sliceline_score, surprise_score

GROUPS = (3, 4, 2, 5, 6)
Scored = list[tuple[float, tuple[tuple[int, int], ...]]]


def make_table(rows: int = 2000, *, seed: int = 0, groups: Sequence[int] = GROUPS) -> tuple[Levels, Array]:
    """Groups and losses, larger in a slice of two and in one of three conditions."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, most, rows) for most in groups]).astype(np.uint8)
    loss = rng.exponential(size=rows)
    loss[(codes[0] == 1) & (codes[3] == 2)] *= 3
    loss[(codes[1] == 1) & (codes[2] == 0) & (codes[4] == 2)] *= 4
    return codes, loss


def score_all(codes: Levels, loss: Array, weight: Array, score: Score, *, depth: int, least: float) -> Scored:
    """Every slice of the least size, scored by itself, best first."""
    found = []
    for many in range(1, depth + 1):
        for columns in combinations(range(len(codes)), many):
            for groups in product(*[range(int(codes[column].max()) + 1) for column in columns]):
                conditions = tuple(zip(columns, groups, strict=True))
                inside = np.all([codes[column] == group for column, group in conditions], axis=0)
                size = weight[inside].sum()
                if size >= least:
                    value = score(np.array([size]), np.array([(weight * loss)[inside].sum()]))
                    found.append((float(value[0]), conditions))
    return sorted(found, key=lambda each: (-each[0], len(each[1]), each[1]))


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("kind", ["sliceline", "surprise"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("groups", [GROUPS, (*GROUPS, 3)])
def test_the_best_slices_are_those_of_scoring_each(
    depth: int, kind: str, weighted: bool, groups: tuple[int, ...]
) -> None:
    """Whatever the score, the depth, the weights and the number of columns; no bound loses a slice."""
    codes, loss = make_table(1000 if depth == 3 else 2000, groups=groups)
    weight = np.random.default_rng(9).uniform(0.2, 2, loss.size) if weighted else np.ones(loss.size)
    weight /= weight.mean()
    lost = float((weight * loss).sum())
    score = (
        sliceline_score(loss.size, lost, alpha=0.9)
        if kind == "sliceline"
        else surprise_score(loss.size, lost, spread=1.3)
    )
    wanted = score_all(codes, loss, weight, score, depth=depth, least=20)
    found = search_slices(codes, loss, weight=weight, score=score, depth=depth, least=20, top=8)
    assert [each.conditions for each in found.slices] == [conditions for value, conditions in wanted[:8] if value > 0]
    assert [each.score for each in found.slices] == pytest.approx([value for value, _ in wanted[:8] if value > 0])
    assert found.looked_at <= len(wanted)
    if depth < 3:
        assert found.looked_at == len(wanted)


def test_bounds_rule_out_columns_that_cannot_win() -> None:
    """With the score of SliceLine few of the slices of three conditions are looked at."""
    codes, loss = make_table(3000)
    score = sliceline_score(loss.size, float(loss.sum()), alpha=0.9)
    found = search_slices(codes, loss, score=score, depth=3, least=20, top=1)
    assert found.slices[0].conditions == ((0, 1), (3, 2))
    every = score_all(codes, loss, np.ones(loss.size), score, depth=3, least=20)
    assert found.looked_at < len(every) / 2


def test_a_slice_tells_its_size_and_loss() -> None:
    """They are those of its rows."""
    codes, loss = make_table()
    best = search_slices(codes, loss).slices[0]
    inside = best.mask(codes)
    assert best.size == inside.sum()
    assert best.loss == pytest.approx(loss[inside].sum())


def test_weights_count_as_rows() -> None:
    """A row of weight 2 is the row twice, beside as many rows."""
    codes, loss = make_table()
    twice = np.concatenate([codes, codes[:, :1000]], axis=1)
    weight = np.where(np.arange(2000) < 1000, 2.0, 1.0)
    whole = search_slices(twice, np.concatenate([loss, loss[:1000]]), least=30)
    weighted = search_slices(codes, loss, weight=weight, least=20)
    assert [each.conditions for each in weighted.slices[:3]] == [each.conditions for each in whole.slices[:3]]


@pytest.mark.parametrize("loss", [0.0, 1.0])
def test_equal_losses_have_no_slice(loss: float) -> None:
    """Where every row loses the same nothing stands out."""
    codes, _ = make_table(200)
    assert search_slices(codes, np.full(200, loss)).slices == ()


def test_a_table_without_columns_has_no_slice() -> None:
    """There is nothing to look at."""
    assert search_slices(np.zeros((0, 5), dtype=np.uint8), np.ones(5)).looked_at == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"depth": 4}, "depth=4"),
        ({"top": 0}, "top=0"),
        ({"least": 0}, "least=0"),
        ({"loss": [1.0]}, "shape"),
        ({"loss": np.full(200, -1.0)}, "negative"),
        ({"loss": np.full(200, np.nan)}, "not finite"),
        ({"weight": np.full(200, -1.0)}, "negative"),
        ({"codes": np.full((2, 200), 40, dtype=np.uint8)}, "41 groups"),
    ],
)
def test_what_cannot_be_searched_is_refused(options: dict[str, object], told: str) -> None:
    """The message states the value."""
    codes, loss = make_table(200)
    with pytest.raises(DataError, match=told):
        search_slices(**{"codes": codes, "loss": loss, **options})  # type: ignore[arg-type]


def test_a_share_of_the_score_is_refused() -> None:
    """The weight of the loss in SliceLine's score is above 0 and at most 1."""
    with pytest.raises(DataError, match="alpha=0"):
        sliceline_score(10, 1, alpha=0)
