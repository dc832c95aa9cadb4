"""What is done about a rare class while a model is fitted: nothing, unless it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, NameUnknown

METHODS: Mapping[str, Mapping[str, float]] = {
    "class_weight": {"share": 0.5},
    "class_balanced": {"beta": 0.999, "gamma": 0.0},
    "oversample": {"share": 0.5},
    "undersample": {"share": 0.5},
    "smote": {"share": 0.5, "neighbours": 5},
    "focal": {"gamma": 2.0},
}
"""The methods, with their options and what holds where nothing is said."""
_RANGES = {"share": (0.0, 0.9), "beta": (0.0, 1.0), "gamma": (0.0, 10.0), "neighbours": (1, 100)}
_OPEN = ("share", "beta")
"""Options that may not be at the ends of their range."""


@dataclass(frozen=True)
class Imbalance:
    """A method against a rare class, with its options."""

    method: str
    options: tuple[tuple[str, float], ...]

    def option(self, name: str) -> float:
        """An option's value; 0 where the method has none of that name."""
        return dict(self.options).get(name, 0.0)

    def __str__(self) -> str:
        return f"{self.method}({', '.join(f'{name}={value:g}' for name, value in self.options)})"

    def to_dict(self) -> dict[str, Any]:
        """The method as JSON-like data."""
        return {"method": self.method, **dict(self.options)}


def imbalance(
    method: str,
    *,
    share: float | None = None,
    beta: float | None = None,
    gamma: float | None = None,
    neighbours: int | None = None,
) -> Imbalance:
    """What the rows that fit a model undergo because one class is rare; those that judge it are never touched.

    class_weight    the rare class counts more, until it holds `share` of the weight
    class_balanced  each class counts one over its effective number, (1 - beta^n) / (1 - beta) (Cui et al. 2019, "Class-
                    Balanced Loss Based on Effective Number of Samples"); with a `gamma` above 0 the loss is focal
    oversample      rows of the rare class are repeated until they are `share` of all
    undersample     rows of the common class are left out at random until the rare class is `share` of all
    smote           rows are made up between a rare row and one of its `neighbours` nearest (Chawla et al. 2002)
    focal           the loss of easy rows shrinks by (1 - p)^gamma (Lin et al. 2017); for learners that have it

    Whatever it is, the scores are calibrated again on rows that it did not touch, and the gate says whether it helped
    against the same recipe without it. Mostly it does not: without it the ranking is as good and the scores are right.

    >>> str(imbalance("undersample", share=0.2))
    'undersample(share=0.2)'
    """
    if method not in METHODS:
        raise NameUnknown("method", method, METHODS, where="imbalance()")
    given = {"share": share, "beta": beta, "gamma": gamma, "neighbours": neighbours}
    options = dict(METHODS[method])
    for name, value in given.items():
        if value is None:
            continue
        if name not in options:
            raise DeclarationError(
                f"imbalance({method!r}, {name}={value!r}): {method} has no {name}.", expected=" or ".join(options)
            )
        low, high = _RANGES[name]
        if not isinstance(value, (int, float)) or not (low < value < high if name in _OPEN else low <= value <= high):
            words = f"above {low:g} and below {high:g}" if name in _OPEN else f"from {low:g} to {high:g}"
            raise DeclarationError(f"imbalance({method!r}, {name}={value!r}).", expected=f"a number {words}")
        options[name] = value
    return Imbalance(method, tuple(options.items()))
