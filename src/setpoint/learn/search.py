"""The search: recipes of every learner, fitted on older rows and compared on newer ones, within a budget of trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from setpoint.core.clock import cpu_seconds
from setpoint.core.ports import Sampling
from setpoint.declare.plan import Plan
from setpoint.learn.budget import GUESSED, Budget, buy, seconds_of
from setpoint.learn.folds import Encode, Folds, folds_of
from setpoint.learn.propose import Proposals, portfolio
from setpoint.learn.recipe import Fitted, Recipe, Trial
from setpoint.learn.sides import Matrices, Sides, encode
from setpoint.learn.spaces import Spaces, spaces_of
from setpoint.learn.trial_log import Outcome, SearchLog, TrialLog, search_key
from setpoint.learn.trial_pool import Asked, Fits, Run, trials_run_by

KNOWN = 4
"""A trial is cut on a fold only where so many before it came to it."""
Trying = Callable[[int, int, Trial, Trial], None]
"""Is told how many trials are done, of how many at most, the last of them, and the one that stands."""


def silent(done: int, of: int, last: Trial, stands: Trial) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Hands:
    """With what a search is done: what proposes recipes, where trials are kept, by how many processes, who watches."""

    sampling: Sampling | None = None
    log: TrialLog | None = None
    processes: int = 1
    progress: Trying = silent


ALONE = Hands()
"""A search of the fixed recipes, of which nothing is kept."""


def search_plan(
    plan: Plan, fits: Fits, matrices: Matrices, sides: Sides, *, training_set: str, seed: int, hands: Hands = ALONE
) -> Fitted:
    """A model of the best recipe within the plan's budget; a search that was killed goes on where it was."""
    declared = plan.system.goal.search
    if declared is None:
        hands = replace(hands, sampling=None)
    told = {} if declared is None else declared.to_dict()
    key = search_key(plan=plan.digest, training_set=training_set, sides=sides, seed=seed, told=told)
    budget = budget_of(plan, fits, matrices, sides, key=key, log=hands.log)
    return search(
        fits,
        matrices,
        sides,
        encode=partial(encode, plan),
        budget=budget,
        seed=seed,
        hands=hands,
        spaces=spaces_of(declared, fits.able),
        key=key,
    )


def search(
    fits: Fits,
    matrices: Matrices,
    sides: Sides,
    *,
    encode: Encode,
    budget: Budget,
    seed: int,
    hands: Hands = ALONE,
    spaces: Spaces | None = None,
    key: str = "",
) -> Fitted:
    """A model of the best recipe that the budget finds, by the goal's metric on rows newer than those that fit it.

    Recipes come best guess first. Of a few fixed ones, one replaces another only when it is better by more than a
    standard error, clustered by day: the luck of a few days must not choose a recipe that is kept for a year (the rule
    of one standard error of Breiman et al. 1984, "Classification and Regression Trees", section 3.4.3). Where a search
    is declared, the fixed recipes are followed by what a sampler proposes, and the best of all wins; a proposed one
    that is worse than the median on an older fold is cut (Golovin et al. 2017, "Google Vizier", section 3.5.2). The
    budget is in trials and rounds, never in time, so the same rows and seed give the same answer everywhere, by however
    many processes.
    """
    log = None if hands.log is None else SearchLog(hands.log, key)
    sampling = hands.sampling
    proposals = Proposals(
        fits.able,
        trials=budget.trials,
        rounds=budget.rounds,
        sampling=sampling,
        spaces=spaces_of(None, fits.able) if spaces is None else spaces,
        seed=seed,
    )
    folds = folds_of(matrices, sides, encode, count=budget.folds, cutting=budget.cutting)
    contest, late = Contest(fits, folds, budget.by_error), False
    with trials_run_by(hands.processes, fits, folds) as run:
        while not late:
            limits = contest.limits() if proposals.tuning else ()
            if proposals.tuning and budget.seconds is not None:
                budget = budget.corrected(
                    tried=len(contest.tried), spent=contest.spent, cost=contest.cost_of(proposals.leaders)
                )
                proposals.allow(budget.trials - len(contest.tried))
                if log is not None:
                    log.bought(budget.told or {})
            recipes = proposals.ask()
            if not recipes:
                break
            asked = [Asked(recipe, limits) for recipe in recipes]
            outcomes = _outcomes(asked, len(contest.tried), run, log)
            for recipe, outcome in zip(recipes, outcomes, strict=True):
                proposals.tell(recipe, contest.enter(recipe, outcome), cut=outcome.cut)
                hands.progress(len(contest.tried), budget.trials, contest.tried[-1], contest.tried[contest.stands])
            late = budget.deadline is not None and contest.spent > budget.deadline
    found = contest.winner(matrices, sides)
    ended = None
    if budget.told is not None:
        ended = {**budget.told, "folds": sum(fold.counted for fold in folds.every), "tried": len(contest.tried)}
        ended |= {"ended_by_deadline": True} if late and len(contest.tried) < budget.trials else {}
    if log is not None and ended is not None and "ended_by_deadline" in ended:
        log.bought(ended)
    return replace(found, trials=tuple(contest.tried), searched=ended)


def budget_of(
    plan: Plan, fits: Fits, matrices: Matrices, sides: Sides, *, key: str = "", log: TrialLog | None = None
) -> Budget:
    """The plan's budget; seconds are translated into trials by fits that are measured, unless that was done before."""
    declared = plan.system.goal.search
    if declared is None:
        return Budget(plan.trials, plan.rounds, plan.folds)
    told, deadline = declared.to_dict(), seconds_of(declared.deadline)
    before = None if log is None else log.bought(key)
    if before is not None:
        stopped = before.get("ended_by_deadline", False)
        trials = before["tried"] if stopped else before["trials"]
        return Budget(
            trials,
            plan.rounds,
            before["folds"],
            None if stopped else deadline,
            before,
            declared.seconds if before.get(GUESSED) else None,
            before["cutting"],
            by_error=False,
        )
    trials, count = plan.trials, plan.folds
    if declared.seconds is not None:
        trials, count, cost = buy(declared.seconds, lambda: _cost(fits, matrices, sides, plan.rounds), folds=plan.folds)
        told["cpu_seconds_of_a_fit"] = round(cost, 4)
    cutting = trials > sum(1 for _ in portfolio(fits.able, plan.rounds))
    found = {**told, "trials": trials, "folds": count, "cutting": cutting}
    seconds = declared.seconds if cutting else None
    if seconds is not None:
        found[GUESSED] = True
    if log is not None:
        log.buy(key, found)
    return Budget(trials, plan.rounds, count, deadline, found, seconds, cutting, by_error=False)


def _cost(fits: Fits, matrices: Matrices, sides: Sides, rounds: int) -> float:
    """What the best guess of the dearest learner costs to fit, in CPU seconds, once the learner is loaded."""
    costs = []
    for name, learner in fits.able.items():
        for most in (1, rounds):
            before = cpu_seconds()
            fits.fit(matrices, sides, recipe=Recipe(name, learner.recipes(rounds=most)[0]))
        costs.append(cpu_seconds() - before)
    return max(costs)


@dataclass
class Contest:
    """The trials so far, and which of them stands."""

    fits: Fits
    folds: Folds
    by_error: bool = True
    tried: list[Trial] = field(default_factory=list)
    badness: list[list[float]] = field(init=False)
    best: tuple[Recipe, Outcome, np.ndarray] | None = None
    stands: int = 0
    least: float = field(default=float("inf"))
    costs: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.badness = [[] for _ in self.folds.every[:-1]]

    def enter(self, recipe: Recipe, outcome: Outcome) -> float | None:
        """Let a trial in; gives how bad it is, or was when it was cut, None where that is not known."""
        rows = self.folds.rows
        self.costs.setdefault(recipe.learner, []).append(outcome.cpu_seconds)
        inside = self._inside(outcome)
        if outcome.cut:
            name = self.tried[0].metric
            self.tried.append(Trial(recipe, name, float("nan"), float("nan"), cut=True))
            return inside[-1] if np.isfinite(inside[-1]) else None
        scores = self.folds.scores(outcome.scores)
        found = self.fits.measured(rows, scores)
        self.tried.append(Trial(recipe, found.metric, found.value, found.log_loss))
        if self.best is None or self._replaces(found.badness, scores):
            self.best, self.stands = (recipe, outcome, scores), len(self.tried) - 1
            self.least = found.badness
        return found.badness if np.isfinite(found.value) else None

    def _replaces(self, badness: float, scores: np.ndarray) -> bool:
        """Whether a trial takes the place of the one that stands."""
        if self.by_error and self.best is not None:
            return self.fits.better(self.folds.rows, self.best[2], scores)
        return badness < self.least or not np.isfinite(self.least)

    @property
    def spent(self) -> float:
        """The CPU seconds of all trials."""
        return sum(map(sum, self.costs.values()))

    def cost_of(self, learners: Sequence[str]) -> float:
        """What a trial of the dearest of these learners cost on average."""
        return max(float(np.mean(self.costs[name])) for name in learners) if learners else 0.0

    def _inside(self, outcome: Outcome) -> list[float]:
        """How bad a trial is on each fold but the last that it came to; kept for those that follow."""
        seen = zip(self.folds.every[:-1], self.badness, outcome.scores, strict=False)
        found = []
        for fold, known, part in seen:
            found.append(self.fits.measured(fold.sides.validation, part).badness)
            known.append(found[-1])
        return found

    def limits(self) -> tuple[float | None, ...]:
        """How bad the next trials may be on each fold but the last: as the median of all that came to it."""
        finite = [[each for each in known if np.isfinite(each)] for known in self.badness]
        return tuple(float(np.median(known)) if len(known) >= KNOWN else None for known in finite)

    def winner(self, matrices: Matrices, sides: Sides) -> Fitted:
        """The model of the trial that stands; fitted once more where it was fitted elsewhere or before."""
        assert self.best is not None
        recipe, outcome, _ = self.best
        return outcome.fitted or self.fits.fit(matrices, sides, recipe=recipe)


def _outcomes(asked: Sequence[Asked], first: int, run: Run, log: SearchLog | None) -> Iterator[Outcome]:
    """What trials gave, in their order: as it is in the log, or found now and put there as soon as it is."""
    known = [None if log is None else log.get(first + place, each.recipe) for place, each in enumerate(asked)]
    fresh = run([each for each, outcome in zip(asked, known, strict=True) if outcome is None])
    for place, (each, outcome) in enumerate(zip(asked, known, strict=True)):
        if outcome is not None:
            yield outcome
            continue
        found = next(fresh)
        if log is not None:
            log.put(first + place, each.recipe, found)
        yield found
