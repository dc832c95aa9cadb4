"""What goes together with each kind of goal, and what does not, or not yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.declare.confidence import BY_RULE
from setpoint.declare.error_cost import ClassCost, NumberCost
from setpoint.declare.goal import MEASURED, NO_COST, Goal, Metric
from setpoint.declare.goal_kind import (
    BINARY,
    COUNT,
    MULTICLASS,
    MULTILABEL,
    NUMBERS,
    QUANTILE,
    RANKING,
    REGRESSION,
    SURVIVAL,
    goal_kind,
)
from setpoint.declare.label import EXCLUDE, SET, TIME, Label
from setpoint.declare.metric_table import METRIC_TABLE
from setpoint.declare.mitigate import Reductions

if TYPE_CHECKING:
    from setpoint.declare.declaration import System

_OF_CLASSES = ("log_loss", "brier", "accuracy")
"""Metrics of two classes that are of several classes too."""
_MAY = {
    BINARY: (),
    MULTICLASS: (),
    MULTILABEL: ("labels",),
    REGRESSION: ("number",),
    QUANTILE: ("quantile",),
    COUNT: ("count", "number"),
    RANKING: ("ranking",),
    SURVIVAL: ("survival",),
}
"""Which metrics of the table judge each kind."""
_UNSEEN = {
    "integrated_brier": "the score is one probability, not a curve over time",
    "top": "metrics of the highest scores are not judged by the gate yet",
}
"""Metrics that the gate cannot give, and why."""
_SLICED = {
    BINARY: ("log_loss", "brier", "accuracy"),
    MULTICLASS: ("log_loss", "accuracy"),
    REGRESSION: ("mae",),
    QUANTILE: ("pinball",),
    COUNT: ("poisson_deviance", "mae"),
}
"""By which losses the slices of each kind can be told apart."""
_PROMISES = (BINARY, MULTICLASS, *NUMBERS)
"""The kinds whose sets or intervals can be promised to hold the outcome."""
_ONE_PER_ROW = {RANKING: "an order", MULTILABEL: "a set of labels", SURVIVAL: "a time"}


def label_of_kind(goal: Goal, label: Label) -> Label:
    """The label with what its number is for a goal: a time until the event, a set of classes, or its value."""
    gives = {SURVIVAL: TIME, MULTILABEL: SET}.get(goal_kind(goal, label).name)
    return label if gives is None else replace(label, gives=gives)


def check_said(system: System, verb: str) -> None:
    """Raises DeclarationError for a promise of a goal that decisions of its kind do not say yet."""
    goal = system.goal
    told = {"confidence=": goal.confidence is not None, "abstain=": goal.abstain is not None}
    asked = [name for name, given in told.items() if given]
    if asked and not goal.acts:
        raise DeclarationError(
            f"{verb} takes decisions, and those of a goal of kind {system.kind!r} "
            f"do not say {' and '.join(asked)} yet.",
            expected=f"a goal of two classes, or no {' and no '.join(asked)}",
            hint="`setpoint train` judges the promise of every kind at the gate.",
        )


def check_kind(system: System) -> None:
    """Raises DeclarationError where the parts of a system do not go together for its kind of goal."""
    goal, label = system.goal, system.label
    kind = goal_kind(goal, label)
    _check_metrics(goal, kind.name)
    _check_confidence(goal, kind.name)
    _check_label(label, kind.name)
    if kind.name == BINARY:
        _need_action(goal, ruled=system.release.fallback.stated)
        _check_reductions(system)
    else:
        _refuse_two(system, kind.name)
        _check_errors(goal, label, kind.name)
    _check_query(system, kind.name)
    _check_running(goal, kind.name)
    if kind.name not in (RANKING, MULTILABEL) and not system.release.fallback.stated:
        raise DeclarationError(
            f"The release of a goal of kind {kind.name!r} has no fallback.", expected="fallback=sp.rule(...)"
        )


def _check_metrics(goal: Goal, kind: str) -> None:
    for each in (goal.metric, *(guardrail.metric for guardrail in goal.must)):
        if each.name in MEASURED:
            continue
        if each.name == "worst_slice":
            _check_worst(each, kind)
            continue
        row = METRIC_TABLE.get(each.name)
        why = _UNSEEN.get(each.name) or (_UNSEEN.get(row.kind) if row is not None else None)
        if why is not None:
            raise DeclarationError(f"A goal of kind {kind!r} is not judged by {each}: {why}.", expected=_instead(kind))
        if each.name == "coverage" and goal.confidence is not None:
            fits = True
        elif row is not None:
            fits = row.kind in _MAY[kind]
        else:
            fits = kind == BINARY or (kind == MULTICLASS and each.name in _OF_CLASSES) or _is_value(each, goal, kind)
        if not fits:
            of = "metric of two classes" if row is None else f"metric of kind {row.kind!r}"
            raise DeclarationError(f"A goal of kind {kind!r} is not judged by {each}, a {of}.", expected=_instead(kind))
    if goal.metric.name == "coverage":
        raise DeclarationError(
            "coverage() cannot be optimised: the widest interval has the most.",
            expected="sp.pinball(quantile=...) or sp.interval_score(level=...)",
        )
    if kind == QUANTILE:
        _check_quantiles(goal)


def _check_worst(metric: Metric, kind: str) -> None:
    known = _SLICED.get(kind, ())
    if metric.of not in known:
        names = " or ".join(f"sp.{name}()" for name in known)
        expected = f"worst_slice of {names}" if known else "slices= instead: no single decision has a loss of its own"
        raise DeclarationError(f"A goal of kind {kind!r} is not judged by {metric}.", expected=expected)
    if kind != BINARY and metric.against is None:
        raise DeclarationError(
            f"{metric} compares with what the model expected to lose, and a goal of kind {kind!r} does not say that.",
            expected='against="others"',
        )


def _check_confidence(goal: Goal, kind: str) -> None:
    """What is promised, and handed over, is there for the kind."""
    if goal.confidence is not None and kind not in _PROMISES:
        raise DeclarationError(
            f"The goal is of kind {kind!r} and has confidence=: nothing is promised of {_ONE_PER_ROW[kind]}.",
            expected=f"a goal of kind {', '.join(_PROMISES)}",
        )
    if goal.abstain is None:
        return
    if not goal.acts and not isinstance(goal.errors, ClassCost):
        raise DeclarationError(
            f"The goal is of kind {kind!r} and has abstain=: no cost says when a person is worth asking.",
            expected="two classes with their costs, or several with cost=sp.cost(wrong=...)",
        )
    if goal.abstain.to == BY_RULE and kind != BINARY:
        raise DeclarationError(
            f"abstain(to={BY_RULE!r}) hands decisions to the fallback rule, and a goal of kind {kind!r} takes none.",
            expected="a goal of two classes",
        )


def _is_value(metric: Metric, goal: Goal, kind: str) -> bool:
    """Whether it is the business value of a goal that has one; raises DeclarationError where nothing says it."""
    if metric.name != "business":
        return False
    if goal.errors is None:
        raise DeclarationError(
            f"{metric} has no value for a goal of kind {kind!r} without costs.",
            expected="cost=sp.cost(over=..., under=...) for numbers, sp.cost(wrong=...) for classes"
            if kind in (*NUMBERS, MULTICLASS)
            else "a guardrail on a metric of its kind",
        )
    return True


def _check_quantiles(goal: Goal) -> None:
    """One goal, one quantile or one interval: guardrails judge what is predicted."""
    asked = goal.metric
    for each in (rail.metric for rail in goal.must):
        named = str(replace(each, by=None))
        if each.name in (asked.name, "pinball", "interval_score") and named != str(asked):
            raise DeclarationError(
                f"The goal predicts for {asked} and must keep {each}.", expected=f"guardrails on {asked} or coverage()"
            )


def _instead(kind: str) -> str:
    known = [name for name, row in METRIC_TABLE.items() if row.kind in _MAY[kind] and name not in _UNSEEN]
    return f"a metric such as {', '.join(f'sp.{name}(...)' for name in known[:3] or _OF_CLASSES)}"


def _check_label(label: Label, kind: str) -> None:
    classes = kind in (MULTICLASS, MULTILABEL)
    if classes != bool(label.classes):
        raise DeclarationError(
            f"The label has {'no ' if classes else ''}classes= and the goal is of kind {kind!r}.",
            expected='classes=["a", "b", ...] on a text column' if classes else "a label without classes=",
        )
    if kind == MULTICLASS and label.absent != "void":
        raise DeclarationError(
            "A decision without a row would be of no class.",
            expected='absent="void"',
            hint="Or let the source bring a row that names a class such as 'none'.",
        )
    if kind != BINARY and label.immature != EXCLUDE:
        raise DeclarationError(
            f"The label has immature={label.immature!r} and the goal is of kind {kind!r}.",
            expected="two classes, for which the delay of labels is known",
        )
    if kind == SURVIVAL and (label.folds or label.by is not None or label.absent != "negative"):
        raise DeclarationError(
            "A time until an event is that of one event, followed for one time.",
            expected='a condition on the columns of one source, one within=, and absent="negative"',
        )


def _need_action(goal: Goal, *, ruled: bool) -> None:
    missing = [name for name, given in (("act", goal.acts), ("business", bool(goal.business))) if not given]
    missing += ["cost"] if goal.errors is not None or not goal.acts else []
    missing += [] if ruled else ["fallback"]
    if missing:
        raise DeclarationError(
            f"The goal {goal.metric} is of two classes and has no {' and no '.join(missing)} of two classes.",
            expected='business="eur", act=sp.act("block"), cost=sp.cost(false_positive=..., false_negative=...) and a '
            "fallback that is a condition",
        )


def _check_reductions(system: System) -> None:
    """A reduction weighs rows and turns labels round, which nothing else may do in the same training."""
    if not isinstance(system.goal.mitigate, Reductions):
        return
    others = {
        "imbalance=": system.goal.imbalance is not None,
        "immature=": system.label.immature != EXCLUDE,
        "update=": system.release.update is not None,
        "ensemble=": system.ensemble is not None,
    }
    for name, given in others.items():
        if given:
            raise DeclarationError(
                f"The goal has {system.goal.mitigate} and the system has {name}, and both say how a model is fitted.",
                expected="one of the two",
                hint="sp.group_thresholds(...) changes nothing in how a model is fitted.",
            )


def _refuse_two(system: System, kind: str) -> None:
    """What exists for two classes only."""
    goal = system.goal
    asked = {
        "act=": goal.acts,
        "imbalance=": goal.imbalance is not None,
        "protect=": bool(goal.protect),
        "behaves=": bool(goal.behaves),
        "mitigate=": goal.mitigate is not None,
        "hand=": system.hand is not None,
        "programs=": system.programs is not None,
        "unlabelled=": system.unlabelled is not None,
        "augment= with mixup": system.augment is not None
        and any(change.to_dict()["change"] == "mixup" for change in system.augment.changes),
        "sample=": kind == RANKING and system.sample is not None,
    }
    for name, given in asked.items():
        if given:
            raise DeclarationError(
                f"The goal is of kind {kind!r} and the system has {name}.",
                expected=f"no {name.split()[0]}: it exists for goals of two classes"
                if name != "sample="
                else "no sample=: the items of a query belong together",
            )


def _check_errors(goal: Goal, label: Label, kind: str) -> None:
    errors = goal.errors
    if goal.cost is not NO_COST and goal.cost.to_dict() != NO_COST.to_dict():
        raise DeclarationError(
            f"The goal is of kind {kind!r} and its cost is of two classes.",
            expected="cost=sp.cost(over=..., under=...) for numbers, sp.cost(wrong=...) for classes",
        )
    if errors is None:
        return
    if not goal.business:
        raise DeclarationError("The goal has costs and no unit.", expected='business="eur"')
    if isinstance(errors, NumberCost) and kind in NUMBERS and goal.metric.name != "interval_score":
        return
    if isinstance(errors, ClassCost) and kind == MULTICLASS:
        if isinstance(errors.wrong, tuple) and {name for name, _ in errors.wrong} != set(label.classes):
            raise DeclarationError(
                f"cost(wrong=...) names {sorted(name for name, _ in errors.wrong)}.",
                expected=f"a cost for each of {list(label.classes)}",
            )
        return
    of = _ONE_PER_ROW.get(kind, "what this goal predicts")
    raise DeclarationError(
        f"The goal is of kind {kind!r} and has cost={errors.to_dict()}: nobody has said what an error of {of} costs.",
        expected="sp.cost(over=..., under=...) for numbers, sp.cost(wrong=...) for classes, no cost= for others",
    )


def _check_running(goal: Goal, kind: str) -> None:
    """Costs of running are held against a value, so there has to be one."""
    if goal.running is not None and not goal.acts and goal.errors is None:
        raise DeclarationError(
            f"The goal is of kind {kind!r} and has {goal.running}, and nothing says what its decisions are worth.",
            expected="cost=sp.cost(over=..., under=...) for numbers, sp.cost(wrong=...) for classes, no running= for "
            "others",
        )


def _check_query(system: System, kind: str) -> None:
    query = system.goal.query
    if (query is not None) != (kind == RANKING):
        raise DeclarationError(
            f"The goal is of kind {kind!r} and has query={query!r}.",
            expected='query="search_id", the request field that the items of one ranking share'
            if kind == RANKING
            else "no query=: it is of rankings",
        )
    if query is not None and query not in system.decide.fields:
        raise NameUnknown("request field", query, system.decide.fields, where="query= of the goal: the request")
