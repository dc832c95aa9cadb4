"""From votes of label programs to probabilities of labels: several models, of which gold rows choose and judge one.

No model wins everywhere: Dawid and Skene's is close to perfect for programs that err independently, and worse than
counting votes where some repeat each other and nothing is done about it. So the choice is by gold rows, it is judged
on gold rows that had no part in it, and labels that do harm are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import DataError, GateRefused
from setpoint.labels.label_model_dependence import Dependence, dependence_of
from setpoint.labels.label_model_em import Rates, fit_rates, vote_share
from setpoint.labels.label_model_gold import (
    Choice,
    Gold,
    GoldRates,
    Scored,
    always,
    check_gold,
    choose,
    majority_scores,
)
from setpoint.labels.label_model_table import LabelModel
from setpoint.labels.vote_patterns import Floats, Patterns, Stretches, Votes, checked_votes, patterns_of
from setpoint.measure.class_metrics import ClassMetric, class_difference, class_interval, class_metric
from setpoint.measure.intervals import Interval

COUNTED = "votes counted"
COUNTED_ONCE = "votes counted, repeats once"
INDEPENDENT = "Dawid-Skene"
ONCE = "Dawid-Skene, repeats once"
ANCHORED = "Dawid-Skene, repeats once, with gold"
MEASURED = "rates measured on gold"
MAJORITY = "majority vote"
GOLD_ONLY = "gold rows only"

ANCHOR = 25.0
"""For how many gold rows of each class the rates found without gold count."""

SURE = 0.975
"""The level of each interval that can refuse labels: there are two, which together err in 5 of 100."""

VIEWS = 3
"""How many programs that err independently tell how good each is (Kruskal 1977; Allman, Matias and Rhodes 2009)."""


@dataclass(frozen=True)
class LabelFit:
    """A label model with what gold rows say of it.

    `worth` is the metric of the choice on gold rows that had no part in it, `beside` that of majority vote and of what
    the gold rows alone teach, each with its 95 % interval; `gained` is the choice's metric less theirs, with 97.5 %
    intervals. `ways` has the metric of every model that could be chosen. `refused` says why its labels are not to be
    used; None where they are.
    """

    model: LabelModel
    metric: str
    worth: Interval
    beside: Mapping[str, Interval]
    gained: Mapping[str, Interval]
    ways: Mapping[str, float]
    balance: Floats
    dependence: Dependence
    refused: str | None
    notes: tuple[str, ...]

    def probabilities(self, votes: Votes) -> Floats:
        """The probability of each class for rows of votes.

        Raises GateRefused where the labels are shown to be worse than majority vote, or than the gold rows alone.
        """
        if self.refused is not None:
            raise GateRefused(
                self.refused,
                expected="labels that are not shown to do harm",
                hint="Mend the programs that the vote report names, or label by hand.",
            )
        return self.model.probabilities(votes)

    def to_dict(self) -> dict[str, Any]:
        """The fit as JSON-like data, the model included."""
        names = self.model.programs
        return {
            "model": self.model.to_dict(),
            "metric": self.metric,
            "worth": self.worth.to_dict(),
            "beside": {name: value.to_dict() for name, value in self.beside.items()},
            "gained": {name: value.to_dict() for name, value in self.gained.items()},
            "ways": dict(self.ways),
            "balance": self.balance.tolist(),
            "dependent": [[names[i], names[j], strength] for i, j, strength in self.dependence.pairs],
            "refused": self.refused,
            "notes": list(self.notes),
        }


def fit_label_model(
    votes: npt.ArrayLike,
    gold: Gold,
    *,
    classes: Sequence[str | int | bool] = (False, True),
    programs: Sequence[str] | None = None,
    versions: Sequence[str] = (),
    balance: npt.ArrayLike | None = None,
    metric: str | ClassMetric = "log_loss",
    weight: npt.ArrayLike | None = None,
    seed: int = 0,
) -> LabelFit:
    """The label model that gold rows choose by a metric, with what they say of it.

    `votes` has a line for each row and a column for each program: -1 where it abstains, else the number of a class.
    `balance` gives the share of each class where it is known; else it is estimated. `weight` weighs rows: 2 is the row
    twice. Raises DataError where no model can be told from the votes: all abstain, or none ever votes for some class.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 5000)
    >>> votes = np.where(rng.random((5, 5000)) < 0.8, truth, 1 - truth).T
    >>> fit = fit_label_model(votes, Gold.of(np.arange(200), truth[:200]))
    >>> fit.refused is None, bool((fit.probabilities(votes.astype(np.int8)).argmax(axis=1) == truth).mean() > 0.9)
    (True, True)
    """
    matrix = checked_votes(votes, len(classes))
    names = tuple(f"program {i}" for i in range(matrix.shape[1])) if programs is None else tuple(programs)
    chosen = class_metric(metric)
    check_votes(matrix, classes)
    check_gold(gold, rows=matrix.shape[0], classes=classes)
    shares = None if balance is None else checked_balance(balance, len(classes))
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    patterns = patterns_of(matrix, len(classes), weight=weights, seed=seed)
    dependence = dependence_of(patterns)
    tables, notes = _tables(patterns, dependence, shares)
    voted = matrix[gold.rows]
    anchor = tables.get(ONCE) or tables.get(INDEPENDENT)
    gold_only = _gold_rates(voted, gold, patterns, None, balance=shares, influence=np.ones(matrix.shape[1]))
    anchored = (
        None
        if anchor is None
        else _gold_rates(voted, gold, patterns, anchor.rates, balance=shares, influence=dependence.influence)
    )
    ways: dict[str, Scored] = {name: always(table.scores(voted)) for name, table in tables.items()}
    if anchored is not None:
        ways[ANCHORED] = anchored.scores
    ways[MEASURED] = gold_only.scores
    beside = {MAJORITY: always(majority_scores(voted, len(classes))), GOLD_ONLY: gold_only.scores}
    choice = choose(ways, beside, gold, metric=chosen, seed=seed)
    everything = np.ones(gold.y.size, dtype=bool)
    by_gold = {ANCHORED: anchored, MEASURED: gold_only}.get(choice.way)
    if by_gold is not None:
        base, points = np.log(by_gold.balance), by_gold.points(everything)
    else:
        base, points = tables[choice.way].base, tables[choice.way].points
    if choice.way == MEASURED:
        notes = (*notes, "what the votes have in common adds nothing to what the gold rows say of each program")
    lineage = {
        "programs": dict(zip(names, versions, strict=True)) if versions else {},
        "gold": gold.digest,
        "gold rows": int(gold.rows.size),
        "seed": seed,
        "metric": chosen.name,
    }
    model = LabelModel(choice.way, tuple(classes), names, base, points, choice.sharpness, choice.shift, lineage)
    return _judged(model, choice, gold, dependence, patterns, metric=chosen, notes=notes, seed=seed)


@dataclass(frozen=True)
class Table:
    """A model that no gold row has a part in: what each class has without votes and by each vote, and the rates."""

    base: Floats
    points: Floats
    rates: Floats | None = None

    def scores(self, votes: Votes) -> Floats:
        """The points of each class for rows of votes."""
        stretches = Stretches(self.points.shape[0], self.base.size)
        return np.asarray(self.base + stretches.add_up(self.points, stretches.codes(votes)))


def fit_dawid_skene(
    votes: npt.ArrayLike,
    *,
    classes: int,
    balance: npt.ArrayLike | None = None,
    weight: npt.ArrayLike | None = None,
    seed: int = 0,
) -> tuple[Rates, Dependence]:
    """Dawid and Skene's model without any gold, programs that repeat each other counted once.

    Raises DataError where the votes cannot tell how good programs are: fewer than three that err independently, and no
    `balance`.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 5000)
    >>> votes = np.where(rng.random((5, 5000)) < 0.8, truth, 1 - truth).T
    >>> rates, dependence = fit_dawid_skene(votes, classes=2)
    >>> rates.rates[0, 1:].round(1)
    array([[0.8, 0.2], [0.2, 0.8]])
    """
    matrix = checked_votes(votes, classes)
    check_votes(matrix, range(classes))
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    patterns = patterns_of(matrix, classes, weight=weights, seed=seed)
    dependence = dependence_of(patterns)
    shares = None if balance is None else checked_balance(balance, classes)
    there = dependence.groups(patterns.fired)
    if there < VIEWS and shares is None:
        raise DataError(
            f"Only {there} of {matrix.shape[1]} programs err independently, so votes cannot tell how good each is.",
            expected=f"{VIEWS}, or gold rows, or balance=",
            hint="Write programs that look at different things.",
        )
    influence = dependence.influence
    return fit_rates(patterns, vote_share(patterns, influence), influence=influence, balance=shares), dependence


def check_votes(votes: Votes, classes: Sequence[object]) -> None:
    """Refuses votes from which no model can tell the classes apart.

    >>> check_votes(np.array([[1], [-1]], dtype=np.int8), ("ham", "spam"))
    Traceback (most recent call last):
        ...
    setpoint.core.errors.DataError: No program ever votes for 'ham'. Expected: at least one program for each class. ...
    """
    there = np.bincount(votes.ravel() + 1, minlength=len(classes) + 1) if votes.size else np.zeros(len(classes) + 1)
    if not there[1:].any():
        raise DataError(
            f"All {votes.shape[1]} programs abstain on all {votes.shape[0]} rows.", expected="programs that vote"
        )
    never = [repr(name) for name, count in zip(classes, there[1:], strict=True) if not count]
    if never:
        raise DataError(
            f"No program ever votes for {', '.join(never)}.",
            expected="at least one program for each class",
            hint="A row without votes is not a vote for the other class: write a program that says when it is.",
        )


def checked_balance(balance: npt.ArrayLike, classes: int) -> Floats:
    """The share of each class, refused where they are no shares.

    >>> checked_balance([0.9, 0.1], 2)
    array([0.9, 0.1])
    """
    shares = np.asarray(balance, dtype=np.float64)
    if shares.shape != (classes,) or not (shares > 0).all() or abs(float(shares.sum()) - 1) > 1e-6:
        raise DataError(
            f"balance={shares.tolist()!r}.",
            expected=f"{classes} shares above zero that sum to 1, in the order of classes",
        )
    return np.asarray(shares / shares.sum())


def _tables(
    patterns: Patterns, dependence: Dependence, balance: Floats | None
) -> tuple[dict[str, Table], tuple[str, ...]]:
    """The models that no gold row has a part in, the simplest first; and what was left out, and why."""
    programs, classes = patterns.votes.shape[1], patterns.stretches.classes
    one, once = np.ones(programs), dependence.influence
    repeats = bool((once < 1).any())
    level = np.log(np.full(classes, 1 / classes) if balance is None else balance)

    def counted(influence: Floats) -> Table:
        points = np.zeros((programs, classes + 1, classes))
        points[:, 1:] = np.eye(classes) * influence[:, None, None]
        return Table(level, points)

    def fitted(influence: Floats) -> Table:
        found = fit_rates(patterns, vote_share(patterns, influence), influence=influence, balance=balance)
        return Table(np.log(found.balance), found.points(influence), found.rates)

    tables = {COUNTED: counted(one)}
    if repeats:
        tables[COUNTED_ONCE] = counted(once)
    there = dependence.groups(patterns.fired)
    if there < VIEWS and balance is None:
        said = f"only {there} of {programs} programs err independently, so how good each is cannot be told from votes"
        return tables, (said,)
    tables[INDEPENDENT] = fitted(one)
    if repeats:
        tables[ONCE] = fitted(once)
    return tables, ()


def _gold_rates(
    voted: Votes, gold: Gold, patterns: Patterns, rates: Floats | None, *, balance: Floats | None, influence: Floats
) -> GoldRates:
    """What gold rows say of each program, on top of the rates given or else of one row that votes as all rows do."""
    classes = patterns.stretches.classes
    if rates is None:
        marginal = patterns.counts(np.full((patterns.votes.shape[0], classes), 1 / classes))
        prior = marginal / marginal.sum(axis=1, keepdims=True) + 1e-3
        prior /= prior.sum(axis=1, keepdims=True)
    else:
        prior = rates * ANCHOR
    counts = gold.counts(classes) + 1.0
    shares = counts / counts.sum() if balance is None else balance
    return GoldRates(voted, gold.y, gold.weight, prior, shares, influence)


def _judged(
    model: LabelModel,
    choice: Choice,
    gold: Gold,
    dependence: Dependence,
    patterns: Patterns,
    *,
    metric: ClassMetric,
    notes: tuple[str, ...],
    seed: int,
) -> LabelFit:
    """The fit with the worth of its choice beside majority vote and the gold rows alone."""
    worth = class_interval(metric, gold.y, choice.chosen_p, weight=gold.weight, seed=seed)
    beside, gained, harm = {}, {}, []
    for name, p in choice.beside_p.items():
        beside[name] = class_interval(metric, gold.y, p, weight=gold.weight, seed=seed)
        gained[name] = gain = class_difference(
            metric, gold.y, p, choice.chosen_p, weight=gold.weight, level=SURE, seed=seed
        )
        worse = gain.high < 0 if metric.greater_is_better else gain.low > 0
        if worse and (name, model.method) != (GOLD_ONLY, MEASURED):  # which would be worse than itself
            harm.append(f"{name} ({gain.estimate:+.4f}, {gain.low:+.4f} to {gain.high:+.4f})")
    refused = None
    if harm:
        told = f"The {metric.name} of the label model is {worth.estimate:.4f} on gold rows"
        refused = f"{told}, worse than {' and '.join(harm)}."
    likely = model.probabilities(patterns.votes)
    balance = np.einsum("u,uc->c", patterns.count, likely) / patterns.count.sum()
    return LabelFit(model, metric.name, worth, beside, gained, choice.ways, balance, dependence, refused, notes)
