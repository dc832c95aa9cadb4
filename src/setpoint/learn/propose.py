"""Which recipes a search tries: fixed ones of every learner by turns, then what a sampler makes of their results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from setpoint.core.ports import Learner, Sampler, Sampling, Span
from setpoint.core.rng import seed_for
from setpoint.learn.recipe import Recipe
from setpoint.learn.spaces import Spaces

BATCH = 4
"""Recipes that are asked for at once, however many processes try them: so their number changes no result."""
LEADER = 3
"""So many of each batch are of the learner that leads, the others of the one after it."""
POINTS = 8
"""So many points for each parameter of a learner are enough."""


def portfolio(learners: Mapping[str, Learner], rounds: int) -> Iterator[Recipe]:
    """The recipes of all learners by turns, so that a small budget still tries each learner."""
    waiting = {name: iter(learner.recipes(rounds=rounds)) for name, learner in learners.items()}
    while waiting:
        for name in list(waiting):
            parameters = next(waiting[name], None)
            if parameters is None:
                del waiting[name]
            else:
                yield Recipe(name, parameters)


class Proposals:
    """The recipes of a search, in batches; each batch is told before the next is asked for.

    Lower is better. Once the fixed recipes are over, a sampler for each of the two learners that did best proposes
    changes of its best recipe, having learned what all its recipes gave.
    """

    def __init__(
        self,
        learners: Mapping[str, Learner],
        *,
        trials: int,
        rounds: int,
        sampling: Sampling | None,
        spaces: Spaces,
        seed: int,
    ) -> None:
        self._spaces, self._left, self._sampling, self._seed = spaces, trials, sampling, seed
        self._fixed = list(islice(portfolio(learners, rounds), trials))
        self._known: list[tuple[Recipe, float]] = []
        self._open: list[Sampler | None] = []
        self._tuned: list[_Tuned] | None = None

    @property
    def tuning(self) -> bool:
        """Whether all fixed recipes were asked for."""
        return not self._fixed

    @property
    def leaders(self) -> list[str]:
        """The learners whose recipes will be changed, the best first; after the fixed recipes."""
        return [each.base.learner for each in self._ready()]

    def allow(self, more: int) -> None:
        """So many more recipes may be asked for."""
        self._left = more

    def ask(self) -> list[Recipe]:
        """The next recipes; none when the budget is spent or nothing is left to try."""
        batch = [(recipe, None) for recipe in self._fixed[:BATCH]] or self._changed(min(BATCH, self._left))
        self._fixed = self._fixed[BATCH:]
        self._left -= len(batch)
        self._open += [sampler for _, sampler in batch]
        return [recipe for recipe, _ in batch]

    def tell(self, recipe: Recipe, value: float | None, *, cut: bool) -> None:
        """What the oldest recipe that was asked for gave, or had given when it was cut; None where that is unknown."""
        sampler = self._open.pop(0)
        if sampler is not None:
            sampler.tell(value, early=cut)
        elif value is not None:
            self._known.append((recipe, value))

    def _changed(self, count: int) -> list[tuple[Recipe, Sampler | None]]:
        found: list[tuple[Recipe, Sampler | None]] = []
        for turn in range(count):
            able = [each for each in self._ready() if each.left]
            if not able:
                break
            each = able[0 if turn < LEADER else -1]
            found.append((each.ask(), each.sampler))
        return found

    def _ready(self) -> list[_Tuned]:
        """The samplers, opened when they are first needed."""
        if self._tuned is None:
            self._tuned = [] if self._sampling is None else self._open_samplers(self._sampling)
        return self._tuned

    def _open_samplers(self, sampling: Sampling) -> list[_Tuned]:
        """The samplers of the two best learners that state a space, the best first."""
        ranked = list(dict.fromkeys(recipe.learner for recipe, _ in sorted(self._known, key=lambda each: each[1])))
        found = []
        for name in ranked:
            if name in self._spaces:
                mine = [(recipe, value) for recipe, value in self._known if recipe.learner == name]
                found.append(_Tuned(self._spaces[name], mine, sampling, seed_for(self._seed, "search", name)))
        return found[:2]


class _Tuned:
    """One learner with its sampler, and how many points are left to it."""

    def __init__(
        self, space: Mapping[str, Span], known: list[tuple[Recipe, float]], sampling: Sampling, seed: int
    ) -> None:
        self.base = min(known, key=lambda each: each[1])[0]
        self.left = POINTS * len(space)
        self.sampler = sampling(space, seed)
        for recipe, value in known:
            self.sampler.learn({name: recipe.parameters[name] for name in space}, value)

    def ask(self) -> Recipe:
        self.left -= 1
        return Recipe(self.base.learner, {**self.base.parameters, **self.sampler.ask()})
