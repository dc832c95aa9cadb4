"""The laws of the Sampler port, and of the spaces that learners state, as tests to inherit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

import numpy as np

from setpoint.conformance.learner import CATEGORIES, make_data
from setpoint.core.ports import Sampler, Span, TunableLearner

SPACE = {"rate": Span(0.001, 1.0, log=True), "leaves": Span(2, 64, log=True, whole=True), "share": Span(0.2, 0.9)}
ROUNDS = 3


def bowl(point: Mapping[str, float | int]) -> float:
    """Least at a rate of 0.05, eight leaves and a share of a half."""
    return float(
        np.log10(point["rate"] / 0.05) ** 2 + np.log2(point["leaves"] / 8) ** 2 / 4 + 9 * (point["share"] - 0.5) ** 2
    )


def given_up(_: Mapping[str, float | int]) -> None:
    """No value."""


def steps(sampler: Sampler, count: int, *, at_once: int = 1, value: Callable[..., float | None] = bowl) -> list[float]:
    """What points gave, asked for some at once."""
    found: list[float] = []
    for _ in range(count):
        points = [sampler.ask() for _ in range(at_once)]
        for point in points:
            sampler.tell(value(point))
            found.append(bowl(point))
    return found


class SamplerLaws:
    """Inherit, say how to open a sampler, and pytest runs every law against it."""

    @abstractmethod
    def open(self, space: Mapping[str, Span], seed: int) -> Sampler:
        """A sampler of a space."""

    def test_points_lie_inside_their_spans(self) -> None:
        """Whole numbers where a span says so."""
        sampler = self.open(SPACE, 1)
        for number in range(25):
            point = sampler.ask()
            assert set(point) == set(SPACE)
            assert all(span.low <= point[name] <= span.high for name, span in SPACE.items())
            assert isinstance(point["leaves"], int)
            sampler.tell(None if number % 5 == 4 else bowl(point))

    def test_the_same_seed_and_calls_give_the_same_points(self) -> None:
        """And another seed gives others."""
        first, second, other = (steps(self.open(SPACE, seed), 6, at_once=4) for seed in (3, 3, 4))
        assert first == second != other

    def test_what_is_told_makes_later_points_better(self) -> None:
        """In most of eight searches the last of forty points are better on average than the first."""
        runs = [steps(self.open(SPACE, seed), 10, at_once=4) for seed in range(8)]
        assert sum(np.median(run[-12:]) < np.median(run[:12]) for run in runs) >= 7

    def test_a_search_goes_on_where_all_points_are_given_up(self) -> None:
        """There is always a next point."""
        assert len(steps(self.open(SPACE, 1), 15, value=given_up)) == 15

    def test_it_learns_of_points_that_were_not_asked_for(self) -> None:
        """Points outside a span, too; what it learned shows in what it asks for."""
        with_more, without = self.open(SPACE, 5), self.open(SPACE, 5)
        for rate in (0.04, 0.05, 0.06, 5.0):
            for leaves in (6, 8, 10, 500):
                point = {"rate": rate, "leaves": leaves, "share": 0.5}
                with_more.learn(point, bowl(point))
        near, far = np.median(steps(with_more, 12)), np.median(steps(without, 12))
        assert near < far


class SpaceLaws:
    """Inherit beside LearnerLaws, say how to make a learner, and pytest runs every law against its space."""

    @abstractmethod
    def make(self, *, threads: int = 1) -> TunableLearner:
        """The learner."""

    def test_a_recipe_at_the_ends_of_its_space_can_be_fitted(self) -> None:
        """Each parameter at its lowest, then at its highest, then all of them at once."""
        learner, data = self.make(), make_data(400, 0)
        space, usual = learner.space(), learner.recipes(rounds=ROUNDS)[0]
        assert space
        lows, highs = ({name: _at(span, end) for name, span in space.items()} for end in ("low", "high"))
        changes = [lows, highs, *({name: ends[name]} for ends in (lows, highs) for name in space)]
        for change in changes:
            model, _ = learner.fit({**usual, **change}, data.rows, data.labels, categories=CATEGORIES, seed=1)
            assert np.isfinite(model.predict(data.rows)).all(), change

    def test_a_space_changes_parameters_that_recipes_have(self) -> None:
        """So that what fixed recipes gave can be learned from."""
        space = self.make().space()
        for recipe in self.make().recipes(rounds=ROUNDS):
            assert set(space) <= set(recipe)
        assert all(span.low < span.high for span in space.values())


def _at(span: Span, end: str) -> float | int:
    value: float = getattr(span, end)
    return int(value) if span.whole else value
