"""Models ready to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from setpoint.core.ports import Learner
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.registry import models


@dataclass(frozen=True)
class Scorers:
    """Models ready to score, each loaded once."""

    folder: Path
    learners: Mapping[str, Learner]
    loaded: dict[str, Scorer] = field(default_factory=dict)

    def of(self, model: str) -> Scorer:
        """The model of this digest."""
        if model not in self.loaded:
            self.loaded[model] = load_scorer(models.folder_of(self.folder, model), self.learners, expected=model)
        return self.loaded[model]
