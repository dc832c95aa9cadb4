"""The frame of a sample: how its rows were chosen, from what, by whom, and so what may be said from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Scheme = Literal["fixed", "independent", "replaced", "chosen"]

FIXED: Scheme = "fixed"
"""A known number of units is drawn without replacement."""
INDEPENDENT: Scheme = "independent"
"""Every unit is kept or left out by a draw of its own."""
REPLACED: Scheme = "replaced"
"""Units are drawn with replacement, or counted as if they were, which is never too sure."""
CHOSEN: Scheme = "chosen"
"""Rows came, or somebody picked them: no row has a known chance, so nothing bounds the error."""


@dataclass(frozen=True)
class Frame:
    """How a sample was drawn; part of the lineage of everything that is made from it.

    `population` counts the rows that the sample stands for, `source` names them; `judged_by` says who chose, where
    somebody did. `details` is what the kind adds: its strata, its quotas, its effective size.
    """

    kind: str
    scheme: Scheme
    population: int
    size: int
    seed: int | None = None
    source: str = ""
    judged_by: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def probability(self) -> bool:
        """Whether every row had a known chance, so that an interval can follow from the design.

        >>> Frame("quota", CHOSEN, 1000, 50, judged_by="the field team").probability
        False
        """
        return self.scheme != CHOSEN

    def to_dict(self) -> dict[str, Any]:
        """The frame as JSON-like data."""
        return {
            "kind": self.kind,
            "scheme": self.scheme,
            "probability": self.probability,
            "population": self.population,
            "size": self.size,
            "seed": self.seed,
            "source": self.source,
            "judged_by": self.judged_by,
            "details": dict(self.details),
        }
