"""Which features a model needs, and how sure that is: chosen anew on many halves of the days, and told by their shares.

On each half of the days a model is fitted, and a feature is chosen when the other half's rows are shown to be predicted
worse with its values shuffled. Features that only some of the halves choose are not what another year would choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from setpoint.core.rng import seed_for
from setpoint.core.times import DAY
from setpoint.data.splits import Split
from setpoint.declare.plan import Plan
from setpoint.learn.encode import encoder_of
from setpoint.learn.generalise import KEEPS, Generalised, generalise
from setpoint.learn.origins import judging, scores_of, trial_metric, worse_by
from setpoint.learn.preflight_rows import firsts, same_everywhere
from setpoint.learn.recipe import Recipe
from setpoint.learn.scored import ONE_SIDED
from setpoint.learn.sides import Examples, Sides, encode
from setpoint.learn.trainer import Trainer
from setpoint.measure.proportions import wilson
from setpoint.measure.stability import Stability, selection_stability

PAIRS = 8
"""Times that the days are cut in two halves, each of which fits a model that the other judges."""
BLOCKS = 40
"""About how many blocks of days there are; a block is never shorter than labels take."""
FITTED, JUDGED = 20_000, 3_000
"""Rows that fit a model and that judge it, drawn at random from a half where it has more."""
STABLE, RARELY = 0.6, 0.2
"""Shares of the halves from which a feature is chosen for good, and up to which it is not needed."""

KEEP, UNSURE, SPARE, DEAD, CHANGES = "keep", "unsure", "could be left out", "dead", "does not generalise"


@dataclass(frozen=True)
class Chosen:
    """A feature, the share of the halves that chose it with its 95 % interval, and what follows.

    keep                 chosen by most halves
    unsure               chosen by some
    could be left out    chosen by few
    dead                 has one value, or those of another feature; `because` says which
    does not generalise  what it says turns around, or differs, from time to time or segment to segment
    """

    feature: str
    share: float
    low: float
    high: float
    verdict: str
    because: str
    generalised: Generalised

    def to_dict(self) -> dict[str, Any]:
        """The feature as JSON-like data."""
        return {
            "feature": self.feature,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "verdict": self.verdict,
            "because": self.because,
            **self.generalised.to_dict(),
        }


@dataclass(frozen=True)
class Selection:
    """Every feature with how often it was chosen, and how stable the choices are together."""

    metric: str
    stability: Stability
    features: tuple[Chosen, ...]
    rows: int
    days: int

    @property
    def spare(self) -> tuple[str, ...]:
        """The features that could be left out."""
        return tuple(each.feature for each in self.features if each.verdict in (SPARE, DEAD))

    def to_dict(self) -> dict[str, Any]:
        """The selection as JSON-like data."""
        return {
            "metric": self.metric,
            "stability": self.stability.to_dict(),
            "rows": self.rows,
            "days": self.days,
            "features": [each.to_dict() for each in self.features],
            "spare": list(self.spare),
        }


def select_features(
    plan: Plan, trainer: Trainer, sides: Sides, *, recipe: Recipe, seed: int, pairs: int = PAIRS
) -> Selection:
    """How often each feature is chosen by models of a recipe, on halves of the rows before what is held out.

    Pairs of halves that have no day in common: Shah and Samworth (2013), "Variable Selection with Error Control:
    Another Look at Stability Selection", Journal of the Royal Statistical Society B 75(1). A feature's values are
    shuffled (Breiman 2001, "Random Forests"), so that of two features that say the same each seems to matter little:
    what could be left out is judged together by `ablate`.
    """
    known = np.sort(np.concatenate([sides.split.train, sides.split.validation]))
    rows, may = sides.rows.take(known), judging(sides, known)
    names = [feature.name for feature in plan.inputs]
    rng, chosen = np.random.default_rng(seed_for(seed, "selection")), []
    block = _blocks(plan, rows)
    for _ in range(pairs):
        first = np.isin(block, rng.permutation(np.unique(block))[::2])
        for half in (first, ~first):
            part = _halves(plan, sides, rows, fits=half, judges=~half & may, rng=rng)
            chosen.append(_chosen(plan, trainer, part, recipe, rng=rng))
    stability = selection_stability(chosen, threshold=STABLE)
    found = generalise(plan, sides)
    dead = _dead(plan, rows)
    told = []
    for name, share, general in zip(names, stability.shares.tolist(), found, strict=True):
        low, high = (float(bound) for bound in wilson(share, len(chosen)))
        verdict, because = _verdict(name, share, general, dead)
        told.append(Chosen(name, share, low, high, verdict, because, general))
    order = sorted(told, key=lambda each: (-each.share, each.feature))
    metric = str(trial_metric(plan, trainer.bench(rows)))
    return Selection(metric, stability, tuple(order), rows.y.size, int(np.unique(rows.days).size))


def _verdict(name: str, share: float, general: Generalised, dead: dict[str, str]) -> tuple[str, str]:
    if name in dead:
        return DEAD, dead[name]
    if general.verdict != KEEPS and share > RARELY:
        return CHANGES, general.because
    if share >= STABLE:
        return KEEP, ""
    return (UNSURE, "") if share > RARELY else (SPARE, "")


def _dead(plan: Plan, rows: Examples) -> dict[str, str]:
    """Features that have one value in all rows, or those of another."""
    matrix = encoder_of(plan, rows.features).matrix(rows.features)
    names = [feature.name for feature in plan.inputs]
    constant, first = same_everywhere(matrix), firsts(matrix)
    found = {name: "it has one value in all rows" for name, same in zip(names, constant, strict=True) if same}
    for name, other in zip(names, first.tolist(), strict=True):
        if names[other] != name and name not in found:
            found[name] = f"it equals {names[other]} in all rows"
    return found


def _blocks(plan: Plan, rows: Examples) -> np.ndarray:
    """The block of days that each row is in."""
    days = rows.days - rows.days.min()
    length = max(1, -(-plan.embargo // DAY), int(days.max() + 1) // BLOCKS)
    return np.asarray(days // length)


def _halves(
    plan: Plan, sides: Sides, rows: Examples, *, fits: np.ndarray, judges: np.ndarray, rng: np.random.Generator
) -> Sides:
    """The rows of one half as a training, with those of the other as what is held out."""
    fitting, judging_ = _some(np.flatnonzero(fits), FITTED, rng), _some(np.flatnonzero(judges), JUDGED, rng)
    newest = max(1, int(fitting.size * plan.validation))
    split = Split(fitting[:-newest], fitting[-newest:], judging_, 0, 0, 0)
    return Sides(rows, np.arange(rows.y.size), split, kind=sides.kind)


def _some(places: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    return places if places.size <= most else np.sort(rng.choice(places, most, replace=False))


def _chosen(plan: Plan, trainer: Trainer, part: Sides, recipe: Recipe, *, rng: np.random.Generator) -> np.ndarray:
    """Whether the model of one half is shown to need each feature on the rows of the other."""
    matrices = encode(plan, part)
    fitted, matrix = trainer.fit(matrices, part, recipe=recipe), matrices.held_out
    bench = trainer.bench(part.held_out)
    metric, before = trial_metric(plan, bench), scores_of(fitted, matrix)
    found = np.zeros(matrix.shape[1], dtype=bool)
    for j in range(matrix.shape[1]):
        shuffled = matrix.copy()
        shuffled[:, j] = matrix[rng.permutation(len(matrix)), j]
        after = scores_of(fitted, shuffled)
        if not np.array_equal(before, after):
            found[j] = worse_by(bench, metric, before, after, level=ONE_SIDED).low > 0
    return found
