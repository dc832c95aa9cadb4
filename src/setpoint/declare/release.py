"""The release: how a model that passed the gate comes to decide, and what decides when no model can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import Action, Aggregate, Column, Expr, Literal, as_expr, to_dict, walk
from setpoint.declare.update import update_of


@dataclass(frozen=True)
class Rule:
    """What decides without a model: a condition on request fields and features, or what stands in for a prediction."""

    condition: Expr

    @property
    def stated(self) -> bool:
        """Whether there is a rule at all."""
        return not (isinstance(self.condition, Literal) and self.condition.value is None)

    def to_dict(self) -> dict[str, Any]:
        """The rule as JSON-like data."""
        return to_dict(self.condition)


def rule(condition: Expr | float | str) -> Rule:
    """A rule that acts when the condition holds; NULL counts as not.

    For goals that take no action it gives what stands in for the prediction: a number, or a class.

    >>> from setpoint.declare.expr import field
    >>> rule(field("total") > 5000).condition
    (field('total') > 5000)
    >>> rule(0).condition
    0
    """
    if not isinstance(condition, (Expr, int, float, str)):
        raise WrongType(f"The rule is {condition!r}.", expected="a condition such as sp.field('total') > 5000")
    given = as_expr(condition)
    for node in walk(given):
        if isinstance(node, (Column, Aggregate, Action)):
            raise DeclarationError(
                f"The rule reads {node}.",
                expected="request fields and features: sp.field(...), sp.feature(...)",
            )
    return Rule(given)


NO_RULE = Rule(Literal(None))
"""Of goals that need none."""


@dataclass(frozen=True)
class Shadow:
    """A stage in which the challenger scores every decision and the champion's answer is served; microseconds."""

    lasting: int

    def to_dict(self) -> dict[str, Any]:
        """The stage as JSON-like data."""
        return {"stage": "shadow", "lasting": self.lasting}


def shadow(lasting: str | timedelta) -> Shadow:
    """A shadow stage of this length; its paired test waits for the labels of its decisions to mature.

    >>> shadow("7d").lasting // times.DAY
    7
    """
    length = times.duration(lasting)
    if length <= 0:
        raise DeclarationError(f"shadow({lasting!r}).", expected="a positive duration")
    return Shadow(length)


@dataclass(frozen=True)
class Approval:
    """That a person says yes before a candidate that passed the gate goes on.

    A replay cannot ask: it takes the answer to be yes so many microseconds `in_replay` after the gate; None: never.
    """

    in_replay: int | None

    def to_dict(self) -> dict[str, Any]:
        """The approval as JSON-like data."""
        return {"in_replay": self.in_replay}


def approval(*, in_replay: str | timedelta | None = "0s") -> Approval:
    """That a candidate that passed the gate waits until a person says yes: `setpoint approve`.

    A replay has nobody to ask. It takes each candidate as approved `in_replay` after the gate, and says so; with None
    none is ever approved there, and the rule decides all along.

    >>> approval(in_replay="2d").in_replay // times.DAY
    2
    """
    if in_replay is None:
        return Approval(None)
    length = times.duration(in_replay)
    if length < 0:
        raise DeclarationError(f"approval(in_replay={in_replay!r}).", expected="a duration from zero, or None")
    return Approval(length)


@dataclass(frozen=True)
class Release:
    """How models are replaced.

    `refresh` is microseconds between scheduled retrainings (0: none), `margin` the most of the goal's metric that a
    newer model may be shown to lose and still replace the champion, `rollback` how long the previous champion keeps
    shadowing its successor. With an `approval` a candidate that passed the gate waits until a person says yes. `update`
    says in which way a retraining also goes on from the champion.
    """

    stages: tuple[Shadow, ...]
    fallback: Rule
    refresh: int
    rollback: int
    margin: float
    on_alarm: bool
    approval: Approval | None = None
    update: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The release as JSON-like data."""
        return {
            "stages": [stage.to_dict() for stage in self.stages],
            "fallback": self.fallback.to_dict(),
            "refresh": self.refresh,
            "rollback": self.rollback,
            "margin": self.margin,
            "on_alarm": self.on_alarm,
            **({} if self.approval is None else {"approval": self.approval.to_dict()}),
            **({} if self.update is None else {"update": self.update}),
        }


def release(
    *stages: Shadow,
    fallback: Rule | None = None,
    refresh: str | timedelta | None = "30d",
    rollback: str | timedelta = "14d",
    margin: float = 0.005,
    on_alarm: bool = True,
    approve: bool | Approval = False,
    update: bool | str = False,
) -> Release:
    """The release of a system: its stages in order, the rule that decides when no model can, and when to retrain.

    Goals of rankings and of sets of labels need no rule.
    `refresh=None` retrains only on an alarm or on request; `on_alarm=False` never retrains on one. With `approve=True`
    a candidate that passed the gate waits until a person says yes; `approve=sp.approval(in_replay="2d")` also says when
    a replay takes the answer to be yes, which is at once otherwise. With `update=True` a retraining makes two models,
    one anew and one that goes on from the champion with newer rows alone, and the better on newer rows is the
    candidate; "refit" (leaves are moved) or "continue" (trees or steps are added) says how.

    >>> from setpoint.declare.expr import field
    >>> release(shadow("7d"), fallback=rule(field("total") > 5000)).refresh // times.DAY
    30
    """
    if not stages or not all(isinstance(stage, Shadow) for stage in stages):
        raise WrongType(
            f"The release has the stages {stages!r}.", expected='at least one stage, such as sp.shadow("7d")'
        )
    if fallback is not None and not isinstance(fallback, Rule):
        raise WrongType(f"The fallback is {fallback!r}.", expected="sp.rule(...)")
    every = 0 if refresh is None else times.duration(refresh)
    if refresh is not None and every <= 0:
        raise DeclarationError(f"release(refresh={refresh!r}).", expected="a positive duration or None")
    if margin < 0:
        raise DeclarationError(f"release(margin={margin!r}).", expected="zero or more")
    if not isinstance(approve, (bool, Approval)):
        raise WrongType(f"release(approve={approve!r}).", expected="True, False or sp.approval(...)")
    asked = approve if isinstance(approve, Approval) else approval() if approve else None
    length = times.duration(rollback)
    goes_on = update_of(update)
    return Release(tuple(stages), fallback or NO_RULE, every, length, float(margin), on_alarm, asked, goes_on)
