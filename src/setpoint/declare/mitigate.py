"""What is done against a gap between groups: another threshold for each, or other weights while a model is fitted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType

RATES = ("selection_rate", "recall", "false_positive_rate")
"""The rates that thresholds can make alike: demographic parity, equal opportunity, predictive equality."""
WITHIN = 0.02


@dataclass(frozen=True)
class GroupThresholds:
    """A threshold for each group `by` a request field, so that a rate of the groups is at most `within` apart."""

    rate: str
    by: str
    within: float

    def __str__(self) -> str:
        return f"group_thresholds({self.rate!r}, by={self.by!r}, within={self.within:g})"

    def to_dict(self) -> dict[str, Any]:
        """The mitigation as JSON-like data."""
        return {"method": "group_thresholds", "rate": self.rate, "by": self.by, "within": self.within}


@dataclass(frozen=True)
class Reweighing:
    """Weights with which group and outcome are independent in the rows that fit a model."""

    by: str

    def __str__(self) -> str:
        return f"reweighing(by={self.by!r})"

    def to_dict(self) -> dict[str, Any]:
        """The mitigation as JSON-like data."""
        return {"method": "reweighing", "by": self.by}


@dataclass(frozen=True)
class Reductions:
    """Weights, and labels turned round, with which a model keeps a rate of the groups at most `within` apart."""

    rate: str
    by: str
    within: float

    def __str__(self) -> str:
        return f"reductions({self.rate!r}, by={self.by!r}, within={self.within:g})"

    def to_dict(self) -> dict[str, Any]:
        """The mitigation as JSON-like data."""
        return {"method": "reductions", "rate": self.rate, "by": self.by, "within": self.within}


Mitigation = GroupThresholds | Reweighing | Reductions


def group_thresholds(rate: str, *, by: str, within: float = WITHIN) -> GroupThresholds:
    """A threshold of its own for each group, worth most of all with which a rate is at most `within` apart.

    The rate is "recall" (equal opportunity), "selection_rate" (demographic parity) or "false_positive_rate". The group
    decides about the action, so `by` is a request field, known when deciding: see docs/fairness.md on when the law
    allows that. Hardt, Price and Srebro (2016), without their lots.

    >>> str(group_thresholds("recall", by="sex"))
    "group_thresholds('recall', by='sex', within=0.02)"
    """
    _check_rate("group_thresholds", rate)
    _check_name("group_thresholds", by)
    return GroupThresholds(rate, by, _share("group_thresholds", within))


def reductions(rate: str, *, by: str, within: float = WITHIN) -> Reductions:
    """A model fitted so that a rate of the groups is at most `within` apart; nothing goes by groups when deciding.

    The rate is one of those of `group_thresholds`. Models are fitted anew with multipliers of groups, which weigh rows
    and turn some labels round, and the one that is worth most of those that keep the limit is taken: Agarwal,
    Beygelzimer, Dudik, Langford and Wallach (2018), "A Reductions Approach to Fair Classification", without their
    lottery. `by` is a request field or a feature.

    >>> str(reductions("selection_rate", by="sex"))
    "reductions('selection_rate', by='sex', within=0.02)"
    """
    _check_rate("reductions", rate)
    _check_name("reductions", by)
    return Reductions(rate, by, _share("reductions", within))


def _check_rate(what: str, rate: str) -> None:
    if rate not in RATES:
        raise DeclarationError(
            f"{what}({rate!r}).",
            expected=f"one of {', '.join(RATES)}",
            hint="Thresholds cannot make precision or losses alike, and both rates of equalised odds only by lots.",
        )


def _share(what: str, within: float) -> float:
    if isinstance(within, bool) or not isinstance(within, (int, float)) or not 0 <= within < 1:
        raise DeclarationError(f"{what}(within={within!r}).", expected="a share from 0 to below 1")
    return float(within)


def reweighing(*, by: str) -> Reweighing:
    """Weights of the training rows with which group and outcome are independent; nothing changes when deciding.

    A row weighs what its group and its outcome would have in common by chance, over what they have (Kamiran and Calders
    2012, "Data preprocessing techniques for classification without discrimination"). `by` is a request field or a
    feature.

    >>> str(reweighing(by="sex"))
    "reweighing(by='sex')"
    """
    _check_name("reweighing", by)
    return Reweighing(by)


def _check_name(what: str, by: object) -> None:
    if not isinstance(by, str) or not by:
        raise WrongType(f"{what}(by={by!r}).", expected="the name of a request field, such as 'sex'")


def check_mitigation(mitigation: Mitigation | None, *, fields: Collection[str], features: Collection[str]) -> None:
    """Raises DeclarationError where thresholds go by what is no request field, NameUnknown for a name there is not."""
    if mitigation is None:
        return
    if isinstance(mitigation, GroupThresholds) and mitigation.by in features and mitigation.by not in fields:
        raise DeclarationError(
            f"{mitigation}: {mitigation.by!r} is a feature, and no field of the request.",
            expected="a request field: the group has to be known when the threshold is chosen",
            hint="Name it in fields= of sp.decide(...), or reweigh the training rows: sp.reweighing(by=...).",
        )
    if mitigation.by not in fields and mitigation.by not in features:
        raise NameUnknown("field or feature", mitigation.by, [*fields, *features], where="mitigate= of the goal")
