"""Trials as they finish, so that a search that is killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.core.digest import digest
from setpoint.core.ports import Metadata, Tables
from setpoint.learn.recipe import Fitted, Recipe
from setpoint.learn.sides import Sides
from setpoint.registry.steps import code_digest

BUDGET = "search_budget"
"""The noun of what seconds were found to buy."""
SET, KEPT = "trials", 16
"""The set of tables that trials are kept in, and how much of a digest names them."""


@dataclass(frozen=True)
class Outcome:
    """What a trial gave: the recipe that it settled, and its scores of each fold that it came to.

    `fitted` is the model of the last fold, where it was fitted here and now; `cpu_seconds` is what it took.
    """

    settled: Recipe
    scores: tuple[np.ndarray, ...]
    cut: bool = False
    cpu_seconds: float = 0.0
    fitted: Fitted | None = None

    def to_table(self) -> pa.Table:
        """The outcome without its model, as one row."""
        told = {"settled": self.settled.to_dict(), "shapes": [each.shape for each in self.scores], "cut": self.cut}
        told["cpu_seconds"] = self.cpu_seconds
        flat = [np.ravel(each) for each in self.scores]
        return pa.table({"told": [json.dumps(told)], "scores": pa.array([flat], pa.list_(pa.list_(pa.float64())))})

    @staticmethod
    def from_table(table: pa.Table) -> Outcome:
        """The outcome that `to_table` wrote."""
        told = json.loads(table["told"][0].as_py())
        parts = table["scores"].combine_chunks().flatten()
        scores = (
            np.asarray(part.values.to_numpy(zero_copy_only=False)).reshape(shape)
            for part, shape in zip(parts, told["shapes"], strict=True)
        )
        return Outcome(Recipe.from_dict(told["settled"]), tuple(scores), told["cut"], told["cpu_seconds"])


def search_key(*, plan: str, training_set: str, sides: Sides, seed: int, told: Mapping[str, Any]) -> str:
    """The identity of a search: the digests of plan and training set, the sides, the seed, the budget, and the code."""
    split = sides.split
    places = [split.train.size, split.validation.size, split.validation_start, split.held_out_start, sides.given.y.size]
    given = {"plan": plan, "training_set": training_set, "sides": places, "seed": seed, "budget": dict(told)}
    return digest({**given, "code": code_digest()})


@dataclass(frozen=True)
class TrialLog:
    """Where trials are kept until the next search, and for good what seconds were found to buy."""

    tables: Tables
    metadata: Metadata

    def bought(self, key: str) -> dict[str, Any] | None:
        """What was found of a budget, if it was."""
        return self.metadata.get(BUDGET, key)

    def buy(self, key: str, found: Mapping[str, Any]) -> None:
        """Record what was found of a budget."""
        self.metadata.put(BUDGET, key, found)


class SearchLog:
    """The trials of one search in a log; those of any search before it are dropped."""

    def __init__(self, log: TrialLog, key: str) -> None:
        self._log, self._key = log, key
        self._there = set()
        for part in log.tables.parts(SET):
            if part.startswith(key[:KEPT]):
                self._there.add(part)
            else:
                log.tables.delete(SET, part)

    def get(self, number: int, recipe: Recipe) -> Outcome | None:
        """What a trial gave, if it finished before."""
        part = self._part(number, recipe)
        return Outcome.from_table(self._log.tables.read(SET, parts=[part])) if part in self._there else None

    def put(self, number: int, recipe: Recipe, outcome: Outcome) -> None:
        """Keep what a trial gave: whole or not at all."""
        self._log.tables.write(SET, self._part(number, recipe), outcome.to_table())

    def bought(self, ended: Mapping[str, Any]) -> None:
        """Record how far a search came that was ended early, so that whoever searches again comes as far."""
        self._log.buy(self._key, ended)

    def _part(self, number: int, recipe: Recipe) -> str:
        return f"{self._key[:KEPT]}-{number:04d}-{recipe.digest[:KEPT]}"
