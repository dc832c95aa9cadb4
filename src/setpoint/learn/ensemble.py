"""Ensembles: a learner whose models are weighted sums of the models of other learners."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.digest import digest
from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.core.ports import AdditiveModel, Learner, Model
from setpoint.core.rng import seed_for
from setpoint.core.target import TARGETS, TWO_CLASSES, Target
from setpoint.learn.pooled import NUMBER, OF_TARGET, pool, scores_of

NAME, FILE = "ensemble", "ensemble.json"
MEMBERS, WEIGHTS, BIAS, BAG, SINGLE = "members", "weights", "bias", "bag", "single"
"""What a recipe says: recipes of members by learner, their weights, what is added, whether rows are drawn anew, and
the recipe of the single model that stood beside them."""
SAYS = (MEMBERS, WEIGHTS, BIAS, BAG, SINGLE)
BLOCKS = 100
"""About how many blocks of rows that are next to each other in time there are when rows are drawn anew."""


@dataclass(frozen=True)
class EnsembleModel:
    """Models that are added up by weight on the scale of their predictions."""

    members: tuple[Model, ...] = field(repr=False)
    learners: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    scale: str

    @property
    def row_exact(self) -> bool:
        """Whether every member gives a row the same bits in any batch."""
        return all(member.row_exact for member in self.members)

    @property
    def unkept(self) -> str:
        """Why it cannot be kept without pickle: the first reason of a member, empty where there is none."""
        return next(filter(None, (str(getattr(member, "unkept", "")) for member in self.members)), "")

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """What the members make of each row together."""
        scores = np.stack([scores_of(member.predict(rows), self.scale) for member in self.members])
        return pool(scores, np.array(self.weights), self.bias, self.scale)

    def importances(self) -> np.ndarray:
        """The mean share of each input in the members, by their weights."""
        shares = np.tensordot(np.array(self.weights), np.stack([each.importances() for each in self.members]), 1)
        total = float(shares.sum())
        return np.asarray(shares / total if total > 0 else shares)

    def save(self, folder: Path) -> None:
        """Write every member into a folder of its own, and how they are added up."""
        body = self._body()
        (folder / FILE).write_text(json.dumps({**body, "digest": digest(body)}, sort_keys=True, indent=1) + "\n")
        for place, member in enumerate(self.members):
            inside = folder / f"member{place}"
            inside.mkdir(exist_ok=True)
            member.save(inside)

    def _body(self) -> dict[str, Any]:
        told = {"learners": list(self.learners), "weights": list(self.weights)}
        return {**told, "bias": self.bias, "scale": self.scale}


@dataclass(frozen=True)
class AdditiveEnsemble(EnsembleModel):
    """An ensemble whose members all say what each input adds."""

    def contributions(self, rows: np.ndarray) -> np.ndarray:
        """What each input adds to the score of each row, and at the end the base: those of the members by weight."""
        told = [member.contributions(rows) for member in self.members if isinstance(member, AdditiveModel)]
        total = np.zeros_like(told[0])
        for weight, each in zip(self.weights, told, strict=True):
            total = total + weight * each
        total[..., -1] += self.bias
        return total


class EnsembleLearner:
    """A learner that trains the members that a recipe names, and adds them up by the recipe's weights.

    With `bag` each member is trained on rows drawn anew in blocks of time, as often as they come (Breiman 1996,
    "Bagging Predictors"; Kuensch 1989 for the blocks), each with a seed of its own.
    """

    name = NAME

    def __init__(self, learners: Mapping[str, Learner], *, recipes: Sequence[Mapping[str, Any]] = ()) -> None:
        self._learners, self._recipes = dict(learners), [dict(recipe) for recipe in recipes]
        able = list(self._learners.values())
        self.losses: tuple[str, ...] = tuple(dict.fromkeys(loss for each in able for loss in each.losses))
        self.kinds: tuple[str, ...] = tuple(kind for kind in TARGETS if any(kind in each.kinds for each in able))

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """Those that it was made with: none of its own."""
        del rounds
        return [dict(recipe) for recipe in self._recipes]

    def fit(
        self,
        recipe: Mapping[str, Any],
        rows: np.ndarray,
        labels: np.ndarray,
        *,
        categories: Sequence[int],
        seed: int,
        weight: np.ndarray | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        validation_weight: np.ndarray | None = None,
        names: Sequence[str] = (),
        target: Target = TWO_CLASSES,
    ) -> tuple[EnsembleModel, dict[str, Any]]:
        """Every member, trained as its learner does; the recipe says what that settled for each."""
        more = {name: value for name, value in recipe.items() if name not in SAYS}
        if target.kind not in self.kinds:
            raise NameUnknown("target", target.kind, self.kinds, where=f"The learner {self.name!r}")
        made, settled = [], []
        for place, member in enumerate(recipe[MEMBERS]):
            bag = bool(recipe.get(BAG))
            drawn = _drawn_anew(len(labels), weight, seed=seed_for(seed, NAME, str(place))) if bag else weight
            model, found = self._learner(member["learner"]).fit(
                {**member["parameters"], **more},
                rows,
                labels,
                categories=categories,
                seed=seed_for(seed, NAME, str(place)) if bag else seed,
                weight=drawn,
                validation=validation,
                validation_weight=validation_weight,
                names=names,
                target=target,
            )
            made.append(model)
            settled.append({"learner": member["learner"], "parameters": found})
        learners = tuple(member["learner"] for member in recipe[MEMBERS])
        weights = tuple(float(each) for each in recipe[WEIGHTS])
        scale = OF_TARGET.get(target.kind, NUMBER)
        model = put_together(made, learners, weights, float(recipe.get(BIAS, 0.0)), scale)
        return model, {**recipe, MEMBERS: settled}

    def load(self, folder: Path) -> EnsembleModel:
        """The model saved in a folder; raises ModelCorrupt when its files are not a saved model."""
        try:
            body = json.loads((folder / FILE).read_text())
            sealed = body.pop("digest")
            learners, weights = tuple(map(str, body["learners"])), tuple(map(float, body["weights"]))
            bias, scale = float(body["bias"]), str(body["scale"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelCorrupt(
                f"The model in {folder.name} cannot be read: {error}.", expected=f"{FILE} as it was saved"
            ) from error
        if digest(body) != sealed:
            raise ModelCorrupt(
                f"The model in {folder.name} has the digest {digest(body)}, not {sealed}.",
                expected=f"{FILE} as it was saved",
                hint="Restore the file or train again; a changed model never decides.",
            )
        members = [self._learner(name).load(folder / f"member{place}") for place, name in enumerate(learners)]
        return put_together(members, learners, weights, bias, scale)

    def _learner(self, name: str) -> Learner:
        if name not in self._learners:
            raise NameUnknown("learner", name, self._learners, where="This installation")
        return self._learners[name]


def put_together(
    members: Sequence[Model], learners: tuple[str, ...], weights: tuple[float, ...], bias: float, scale: str
) -> EnsembleModel:
    """The ensemble of these models, which says what inputs add where all of them do."""
    additive = all(isinstance(member, AdditiveModel) for member in members)
    return (AdditiveEnsemble if additive else EnsembleModel)(tuple(members), learners, weights, bias, scale)


def _drawn_anew(rows: int, weight: np.ndarray | None, *, seed: int) -> np.ndarray:
    """The weight of each row by how often the block of time that it is in was drawn; rows come in order of time."""
    given = np.ones(rows) if weight is None else np.asarray(weight, dtype=np.float64)
    there = np.flatnonzero(given > 0)
    blocks = min(BLOCKS, there.size)
    counts = np.random.default_rng(seed).multinomial(blocks, np.full(blocks, 1 / blocks))
    drawn = given.copy()
    drawn[there] *= counts[np.arange(there.size) * blocks // there.size]
    return drawn
