"""The learners that a training tries: those that the declaration names, with what it pins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.ports import DirectedLearner, Learner, Model, Span, TunableLearner
from setpoint.declare.learners import DEFAULT, Tried
from setpoint.learn.ensemble import EnsembleLearner


class Pinned:
    """A learner whose recipes all say what was pinned: one recipe for each time that it is named."""

    def __init__(self, learner: Learner, variants: tuple[Mapping[str, Any], ...]) -> None:
        self.learner, self.variants = learner, variants
        self.name, self.losses, self.kinds = learner.name, learner.losses, learner.kinds

    def directed(self, directions: Mapping[str, int]) -> Pinned:
        """The learner that keeps to these directions, where it can."""
        if not isinstance(self.learner, DirectedLearner):
            return self
        return Pinned(self.learner.directed(directions), self.variants)

    def recipes(self, *, rounds: int) -> list[dict[str, Any]]:
        """The learner's best guess with what is pinned, as often as it was named."""
        usual = (self.learner.recipes(rounds=rounds) or [{}])[0]
        return [{**usual, **variant} for variant in self.variants]

    def space(self) -> dict[str, Span]:
        """What the learner would try of the parameters that are not pinned."""
        if not isinstance(self.learner, TunableLearner):
            return {}
        pinned = {name for variant in self.variants for name in variant}
        return {name: span for name, span in self.learner.space().items() if name not in pinned}

    def fit(self, recipe: Mapping[str, Any], rows: np.ndarray, labels: np.ndarray, **more: Any) -> tuple[Model, Any]:
        """A model of the learner."""
        return self.learner.fit(recipe, rows, labels, **more)

    def load(self, folder: Path) -> Model:
        """The model saved in a folder."""
        return self.learner.load(folder)


def tried_learners(declared: Sequence[Tried], learners: Mapping[str, Learner]) -> dict[str, Learner]:
    """The learners that are tried, by name, in the order in which they are first named.

    Raises NameUnknown for one that is not there.
    """
    asked = declared or tuple(Tried(name) for name in DEFAULT if name in learners)
    found: dict[str, Learner] = {}
    for one in asked:
        if one.name == EnsembleLearner.name:
            raise DeclarationError("learners= names an ensemble.", expected='ensemble=sp.ensemble("bagging")')
        if one.name not in learners:
            raise NameUnknown("learner", one.name, learners, where="This installation")
        if one.name in found:
            continue
        own = learners[one.name]
        variants = tuple(each.recipe for each in asked if each.name == one.name)
        if any(variants):
            found[one.name] = Pinned(own, variants)
        else:
            found[one.name] = own
    return found
