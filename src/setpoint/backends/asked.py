"""What a learner is asked for: parameters and a target that it knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from setpoint.core.errors import NameUnknown


def check_asked(
    learner: str, recipe: Mapping[str, Any], *, known: Collection[str], target: str, targets: Collection[str]
) -> None:
    """Raises NameUnknown for a parameter or a target that the learner does not know.

    >>> check_asked("mlp", {"epochs": 3}, known=["epochs"], target="binary", targets=["binary"])
    """
    for name in recipe:
        if name not in known:
            raise NameUnknown("parameter", name, known, where=f"The learner {learner!r}")
    if target not in targets:
        raise NameUnknown("target", target, targets, where=f"The learner {learner!r}")
