"""The goal: what is to be good, what it is worth, and what must hold before a model may decide."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from setpoint.core import times
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.declare.behaviour import Behaviour, MustDecide, NeverFalls, SameIfChanged, SteadyUnder, SteadyUnderAttack
from setpoint.declare.confidence import Abstain, Conformal, changes_allowed
from setpoint.declare.error_cost import ClassCost, NumberCost, class_cost, number_cost
from setpoint.declare.expr import Column, Expr, Field, Literal, as_expr, to_dict
from setpoint.declare.imbalance import Imbalance
from setpoint.declare.metric_table import METRIC_TABLE
from setpoint.declare.mitigate import GroupThresholds, Mitigation, Reductions, Reweighing
from setpoint.declare.running import Running
from setpoint.declare.search import Search
from setpoint.declare.source import info

# name: (lowest, highest, whether greater is better)
RANGES: dict[str, tuple[float, float, bool]] = {
    "auc": (0.0, 1.0, True),
    "average_precision": (0.0, 1.0, True),
    "accuracy": (0.0, 1.0, True),
    "precision": (0.0, 1.0, True),
    "recall": (0.0, 1.0, True),
    "selection_rate": (0.0, 1.0, False),
    "false_positive_rate": (0.0, 1.0, False),
    "log_loss": (0.0, float("inf"), False),
    "brier": (0.0, 1.0, False),
    "ece": (0.0, 1.0, False),
    "business": (float("-inf"), float("inf"), True),
    "worst_slice": (1.0, float("inf"), False),
    "latency": (0.0, float("inf"), False),
    "size": (0.0, float("inf"), False),
    "cpu_per_1000": (0.0, float("inf"), False),
    "memory": (0.0, float("inf"), False),
    "training_cost": (0.0, float("inf"), False),
    **{name: (row.lower, row.upper, row.greater_is_better) for name, row in METRIC_TABLE.items()},
}
TOLERANCE = 0.005
"""By how much shares of a population may miss 1, since they are told in round numbers."""

MEASURED = ("latency", "size", "cpu_per_1000", "memory", "training_cost")
"""Guardrails on the model itself rather than on its decisions; in replay those of time are reported, not judged."""
HELD = ("selection_rate", "false_positive_rate")
"""Metrics that a guardrail limits, but that nobody can want for themselves: never acting makes them least."""
SLICED = ("log_loss", "brier", "accuracy", "mae", "poisson_deviance", "pinball")
"""Metrics that are means over decisions, so that slices can be told apart by them."""


@dataclass(frozen=True)
class Metric:
    """A metric by name; `option` is its one parameter, `by` names the groups whose gap is meant.

    Of the worst slice, `of` names the loss and `against` what it is compared with, if not what the model expected.
    """

    name: str
    option: float | None = None
    by: str | None = None
    of: str | None = None
    against: str | None = None

    @property
    def greater_is_better(self) -> bool:
        """Whether more of it is better; a gap is always better small."""
        return RANGES[self.name][2] and self.by is None

    def __ge__(self, threshold: float | str) -> Guardrail:
        return _guardrail(self, ">=", threshold)

    def __le__(self, threshold: float | str) -> Guardrail:
        return _guardrail(self, "<=", threshold)

    def __gt__(self, threshold: object) -> Guardrail:
        raise WrongType(f"{self} > {threshold} is not a guardrail.", expected=f"{self} >= {threshold}")

    def __lt__(self, threshold: object) -> Guardrail:
        raise WrongType(f"{self} < {threshold} is not a guardrail.", expected=f"{self} <= {threshold}")

    def __str__(self) -> str:
        inner = "" if self.option is None else f"{self.option:g}"
        if self.of is not None:
            inner = f"{self.of}()" if self.option is None else f"{self.of}(), depth={inner}"
            inner += "" if self.against is None else f", against={self.against!r}"
        text = f"{self.name}({inner})"
        return text if self.by is None else f"gap({text}, by={self.by!r})"

    def to_dict(self) -> dict[str, Any]:
        """The metric as JSON-like data."""
        named = {"name": self.name, "option": self.option, "by": self.by}
        named |= {} if self.of is None else {"of": self.of}
        return named if self.against is None else {**named, "against": self.against}


@dataclass(frozen=True)
class Guardrail:
    """A metric that must stay on one side of a threshold; times are microseconds."""

    metric: Metric
    op: str
    threshold: float

    def __bool__(self) -> bool:
        raise WrongType(f"The guardrail {self} has no truth value yet.", expected="to stand alone in must=[...]")

    def __str__(self) -> str:
        shown = times.spell(int(self.threshold)) if self.metric.name == "latency" else f"{self.threshold:g}"
        return f"{self.metric} {self.op} {shown}"

    def to_dict(self) -> dict[str, Any]:
        """The guardrail as JSON-like data."""
        return {"metric": self.metric.to_dict(), "op": self.op, "threshold": self.threshold}


def _guardrail(metric: Metric, op: str, threshold: float | str) -> Guardrail:
    if isinstance(threshold, str):
        if metric.name != "latency":
            raise WrongType(f"{metric} {op} {threshold!r} compares with a text.", expected="a number")
        threshold = times.duration(threshold)
    if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or math.isnan(threshold):
        raise WrongType(f"{metric} {op} {threshold!r} is not a guardrail.", expected="a number")
    wanted = ">=" if metric.greater_is_better else "<="
    if op != wanted:
        raise DeclarationError(
            f"The guardrail {metric} {op} {threshold:g} holds a model back for being good.",
            expected=f"{metric} {wanted} a threshold",
        )
    low, high, _ = RANGES[metric.name]
    impossible = threshold > high if op == ">=" else threshold < low
    if impossible or (op == "<=" and threshold == low and metric.name in (*MEASURED, "log_loss")):
        raise DeclarationError(
            f"The guardrail {metric} {op} {threshold:g} cannot be met by any model.",
            expected=f"a threshold between {low:g} and {high:g}",
        )
    return Guardrail(metric, op, float(threshold))


def auc() -> Metric:
    """Area under the ROC curve: how often a positive scores above a negative.

    >>> str(auc() >= 0.7)
    'auc() >= 0.7'
    """
    return Metric("auc")


def average_precision() -> Metric:
    """Average precision, the area under the precision-recall curve."""
    return Metric("average_precision")


def log_loss() -> Metric:
    """Mean negative log likelihood, in nats."""
    return Metric("log_loss")


def brier() -> Metric:
    """Mean squared error of the probabilities."""
    return Metric("brier")


def ece() -> Metric:
    """Expected calibration error over 15 bins of equal mass."""
    return Metric("ece")


def accuracy() -> Metric:
    """Share of right actions."""
    return Metric("accuracy")


def precision() -> Metric:
    """Share of the decisions acted on that were positive."""
    return Metric("precision")


def recall(*, precision: float | None = None) -> Metric:
    """Share of positives that were acted on; with `precision=`, at the threshold that gives this precision."""
    if precision is not None and not 0 < precision <= 1:
        raise DeclarationError(f"recall(precision={precision!r}).", expected="a precision above 0 and at most 1")
    return Metric("recall", precision)


def selection_rate() -> Metric:
    """Share of the decisions acted on: a limit on how much is done, and in a gap demographic parity.

    >>> str(gap(selection_rate(), by="sex") <= 0.1)
    "gap(selection_rate(), by='sex') <= 0.1"
    """
    return Metric("selection_rate")


def false_positive_rate() -> Metric:
    """Share of the negatives that were acted on; the gaps of it and of recall are those of equalised odds."""
    return Metric("false_positive_rate")


def business() -> Metric:
    """The business value per 1000 decisions, against never acting, in the unit the goal names."""
    return Metric("business")


def latency(*, p: float = 99) -> Metric:
    """A percentile of the time of one online decision.

    >>> str(latency(p=99) <= "20ms")
    'latency(99) <= 20ms'
    """
    if not 0 < p < 100:
        raise DeclarationError(f"latency(p={p!r}).", expected="a percentile between 0 and 100")
    return Metric("latency", float(p))


def size() -> Metric:
    """The model's size on disk in megabytes."""
    return Metric("size")


def cpu_per_1000() -> Metric:
    """CPU seconds that scoring 1000 decisions costs."""
    return Metric("cpu_per_1000")


def memory() -> Metric:
    """The megabytes that a process which serves the model holds more for it, measured in a process of its own."""
    return Metric("memory")


def training_cost() -> Metric:
    """CPU seconds that the training took, up to the verdict of the gate."""
    return Metric("training_cost")


def gap(metric: Metric, *, by: str) -> Metric:
    """The difference between the highest and the lowest group of a metric.

    >>> str(gap(recall(), by="carrier") <= 0.1)
    "gap(recall(), by='carrier') <= 0.1"
    """
    if metric.name in (*MEASURED, "worst_slice") or metric.by is not None:
        raise DeclarationError(f"gap({metric}, by={by!r}).", expected="a metric of decisions")
    return replace(metric, by=by)


def worst_slice(metric: Metric, *, against: str = "expected", depth: int | None = None) -> Metric:
    """How many times what the model expected it loses in the worst slice.

    The loss of a decision is its log loss, its Brier score, or for accuracy whether the action was wrong; of numbers
    the absolute error, the Poisson deviance or the pinball loss, compared with those of the others. A model that
    says .5 expects to lose more than one that says .01, so slices that are hard by nature are no worse if the model
    knows it; with `against="others"` it is how many times what it loses in all others. Slices are those that the goal
    names, and those of at most `depth` conditions (2 unless it says otherwise) found on older decisions and judged on
    newer ones.

    >>> str(worst_slice(log_loss()) <= 1.5)
    'worst_slice(log_loss()) <= 1.5'
    """
    if not isinstance(metric, Metric) or metric.name not in SLICED or metric.by is not None:
        known = ", ".join(f"{each}()" for each in SLICED)
        raise DeclarationError(f"worst_slice({metric}).", expected=f"one of {known}")
    if depth not in (None, 1, 2, 3):
        raise DeclarationError(f"worst_slice({metric}, depth={depth!r}).", expected="1, 2 or 3 conditions")
    if against not in ("expected", "others"):
        raise DeclarationError(f"worst_slice({metric}, against={against!r}).", expected='"expected" or "others"')
    compared = None if against == "expected" else against
    return Metric("worst_slice", None if depth is None else float(depth), of=metric.name, against=compared)


@dataclass(frozen=True)
class Act:
    """The action taken above a threshold: `by` is "cost" (derived from the costs) or the threshold itself."""

    name: str
    by: str | float

    def to_dict(self) -> dict[str, Any]:
        """The action as JSON-like data."""
        return {"name": self.name, "by": self.by}


def act(name: str, *, by: str | float = "cost") -> Act:
    """What is done with a decision whose probability is high enough.

    >>> act("warn", by=0.3).by
    0.3
    """
    if isinstance(by, str) and by != "cost":
        raise DeclarationError(f"act({name!r}, by={by!r}).", expected='"cost" or a probability')
    if not isinstance(by, str) and not 0 <= by <= 1:
        raise DeclarationError(f"act({name!r}, by={by!r}).", expected="a probability from 0 to 1")
    return Act(name, by)


@dataclass(frozen=True)
class Cost:
    """What the two errors cost in the goal's business unit: numbers, request fields, columns of the label's source."""

    false_positive: Expr
    false_negative: Expr

    def to_dict(self) -> dict[str, Any]:
        """The costs as JSON-like data."""
        return {
            "false_positive": to_dict(self.false_positive),
            "false_negative": to_dict(self.false_negative),
        }


@overload
def cost(*, false_positive: float | Expr, false_negative: float | Expr) -> Cost: ...
@overload
def cost(*, over: float, under: float) -> NumberCost: ...
@overload
def cost(*, wrong: float | Mapping[str, float]) -> ClassCost: ...
def cost(
    *,
    false_positive: float | Expr | None = None,
    false_negative: float | Expr | None = None,
    over: float | None = None,
    under: float | None = None,
    wrong: float | Mapping[str, float] | None = None,
) -> Cost | NumberCost | ClassCost:
    """What errors cost.

    Of two classes: acting in vain, and failing to act. Of a number: each unit that it is `over` or `under` its outcome.
    Of several classes: missing one, by the class that it was or the same for all.

    >>> cost(false_positive=2, false_negative=Field("total")).false_negative
    field('total')
    >>> cost(over=1, under=4).quantile
    0.8
    >>> cost(wrong={"broken": 20, "fine": 1}).of(("fine", "broken"))
    (1.0, 20.0)
    """
    given = {
        "false_positive": false_positive,
        "false_negative": false_negative,
        "over": over,
        "under": under,
        "wrong": wrong,
    }
    told = tuple(name for name, value in given.items() if value is not None)
    if told == ("over", "under"):
        return number_cost(over, under)
    if told == ("wrong",):
        return class_cost(wrong)
    if told != ("false_positive", "false_negative"):
        raise DeclarationError(
            f"cost({', '.join(f'{name}=...' for name in told)}).",
            expected="false_positive= and false_negative= of two classes, over= and under= of a number, "
            "or wrong= of several classes",
        )
    return _cost_of_two(as_expr(false_positive), as_expr(false_negative))


def _cost_of_two(false_positive: Expr, false_negative: Expr) -> Cost:
    parts = {"false_positive": false_positive, "false_negative": false_negative}
    for name, part in parts.items():
        if not isinstance(part, (Literal, Field, Column)):
            raise DeclarationError(
                f"cost({name}={part}).",
                expected="a number, a request field or a column of the label's source",
            )
        if isinstance(part, Literal) and (not isinstance(part.value, (int, float)) or part.value < 0):
            raise DeclarationError(f"cost({name}={part}).", expected="zero or more")
    return Cost(**parts)


NO_ACT = Act("", "cost")
"""The action of a goal that takes none: its answer is the prediction."""
NO_COST = Cost(Literal(0.0), Literal(0.0))
"""The costs of two classes where there are none."""


@dataclass(frozen=True)
class Protected:
    """An attribute that nobody is to be disadvantaged by, and the known shares of its groups in the population."""

    name: str
    margins: tuple[tuple[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The attribute as JSON-like data."""
        return {"name": self.name, "margins": dict(self.margins)}


@dataclass(frozen=True)
class Goal:
    """What the system is for.

    `act` and `cost` are of goals of two classes; others have NO_ACT and NO_COST, and may have a cost of `errors`.
    `query` is the request field that tells which items are ranked against each other. `changeable` are the features
    that a person could change, each with its direction.
    """

    metric: Metric
    business: str
    act: Act
    cost: Cost
    slices: tuple[str, ...]
    must: tuple[Guardrail, ...]
    imbalance: Imbalance | None = None
    protect: tuple[Protected, ...] = ()
    behaves: tuple[Behaviour, ...] = ()
    confidence: Conformal | None = None
    abstain: Abstain | None = None
    changeable: tuple[tuple[str, str], ...] = ()
    errors: NumberCost | ClassCost | None = None
    query: str | None = None
    mitigate: Mitigation | None = None
    search: Search | None = None
    running: Running | None = None

    @property
    def acts(self) -> bool:
        """Whether something is done above a threshold, as goals of two classes do."""
        return bool(self.act.name)

    def to_dict(self) -> dict[str, Any]:
        """The goal as JSON-like data."""
        return {
            "metric": self.metric.to_dict(),
            "business": self.business,
            **({"act": self.act.to_dict(), "cost": self.cost.to_dict()} if self.acts else {}),
            "slices": list(self.slices),
            "must": [guardrail.to_dict() for guardrail in self.must],
            **({} if self.imbalance is None else {"imbalance": self.imbalance.to_dict()}),
            **({"protect": [each.to_dict() for each in self.protect]} if self.protect else {}),
            **({"behaves": [each.to_dict() for each in self.behaves]} if self.behaves else {}),
            **({} if self.confidence is None else {"confidence": self.confidence.to_dict()}),
            **({} if self.abstain is None else {"abstain": self.abstain.to_dict()}),
            **({"changeable": dict(self.changeable)} if self.changeable else {}),
            **({} if self.errors is None else {"errors": self.errors.to_dict()}),
            **({} if self.query is None else {"query": self.query}),
            **({} if self.search is None else {"search": self.search.to_dict()}),
            **({} if self.running is None else {"running": self.running.to_dict()}),
            **({} if self.mitigate is None else {"mitigate": self.mitigate.to_dict()}),
        }


def goal(
    metric: Metric,
    *,
    business: str = "",
    act: Act | None = None,
    cost: Cost | NumberCost | ClassCost | None = None,
    query: str | None = None,
    slices: Sequence[str] = (),
    must: Sequence[Guardrail] = (),
    imbalance: Imbalance | None = None,
    confidence: Conformal | None = None,
    abstain: Abstain | None = None,
    changeable: Sequence[str] | Mapping[str, str] = (),
    protect: Sequence[str] | Mapping[str, Mapping[str, float] | None] = (),
    behaves: Sequence[Behaviour] = (),
    search: Search | None = None,
    mitigate: Mitigation | None = None,
    running: Running | None = None,
) -> Goal:
    """The goal of a system: the metric to optimise, the business unit, the action, its costs and the guardrails.

    The kind of goal follows from the metric and the label. Goals of two classes need a business unit, an action and its
    costs; others take no action, and have a unit where their errors cost something. `query` names the request field
    that a ranking's items share.

    `confidence` asks for sets of classes or intervals of numbers that hold the outcome as often as promised, `abstain`
    hands over decisions that are expected to cost too much. `changeable` names the features that a person could change,
    each "up", "down" or "any": what would have changed a decision is told by them.

    `slices` and the groups of a gap name request fields or features. `imbalance` asks for something to be done about a
    rare class while a model is fitted. `protect` names the attributes, request fields or features, whose groups `check`
    looks at for bias; a dict gives the known shares of their groups in the population, where there are any. `behaves`
    says what a model is to do when a row is changed, such as sp.never_falls_when_raised("total"). `mitigate` is what is
    done against a gap between groups, such as sp.group_thresholds("recall", by="sex"). `running` is what a
    model costs to train and to run, such as sp.running(per_training=200).

    >>> goal(auc(), business="eur", act=act("block"), cost=cost(false_positive=2, false_negative=50)).metric.name
    'auc'
    """
    if not isinstance(metric, Metric):
        raise WrongType(f"The goal's metric is {metric!r}.", expected="a metric such as sp.auc()")
    if metric.name not in RANGES:
        raise NameUnknown("metric", metric.name, RANGES, where="Setpoint")
    if metric.by is not None or metric.name in (*MEASURED, *HELD, "worst_slice"):
        raise DeclarationError(f"{metric} cannot be optimised.", expected="a metric of decisions, such as sp.auc()")
    for guardrail in must:
        if not isinstance(guardrail, Guardrail):
            raise WrongType(f"must= holds {guardrail!r}.", expected="guardrails such as sp.ece() <= 0.03")
    if confidence is not None and not isinstance(confidence, Conformal):
        raise WrongType(f"confidence= is {confidence!r}.", expected="such as sp.conformal(0.9)")
    if abstain is not None and not isinstance(abstain, Abstain):
        raise WrongType(f"abstain= is {abstain!r}.", expected="such as sp.abstain(cost=2)")
    if imbalance is not None and not isinstance(imbalance, Imbalance):
        raise WrongType(f"imbalance= is {imbalance!r}.", expected='such as sp.imbalance("class_weight")')
    if mitigate is not None and not isinstance(mitigate, (GroupThresholds, Reductions, Reweighing)):
        raise WrongType(f"mitigate= is {mitigate!r}.", expected='such as sp.group_thresholds("recall", by="sex")')
    if running is not None and not isinstance(running, Running):
        raise WrongType(f"running= is {running!r}.", expected="such as sp.running(per_training=200)")
    for behaviour in behaves:
        if not isinstance(behaviour, (SameIfChanged, NeverFalls, SteadyUnder, SteadyUnderAttack, MustDecide)):
            raise WrongType(f"behaves= holds {behaviour!r}.", expected='such as sp.never_falls_when_raised("total")')
    return Goal(
        metric,
        business,
        NO_ACT if act is None else act,
        cost if isinstance(cost, Cost) else NO_COST,
        tuple(slices),
        tuple(must),
        imbalance,
        _protected(protect),
        tuple(behaves),
        confidence,
        abstain,
        changes_allowed(changeable),
        cost if isinstance(cost, (NumberCost, ClassCost)) else None,
        query,
        mitigate,
        search=search,
        running=running,
    )


def _protected(protect: Sequence[str] | Mapping[str, Mapping[str, float] | None]) -> tuple[Protected, ...]:
    if isinstance(protect, str) or not all(isinstance(name, str) for name in protect):
        raise WrongType(
            f"protect= is {protect!r}.", expected='names such as ["sex"], or {"sex": {"f": 0.51, "m": 0.49}}'
        )
    margins = protect if isinstance(protect, Mapping) else dict.fromkeys(protect)
    for name, shares in margins.items():
        if shares is None:
            continue
        if not isinstance(shares, Mapping) or not all(isinstance(share, (int, float)) for share in shares.values()):
            raise WrongType(
                f"protect= gives {name!r} the shares {shares!r}.", expected='such as {"f": 0.51, "m": 0.49}'
            )
        if min(shares.values(), default=-1) < 0 or abs(sum(shares.values()) - 1) > TOLERANCE:
            raise DeclarationError(
                f"protect= gives {name!r} the shares {dict(shares)}.", expected="shares from 0 that add up to 1"
            )
    return tuple(Protected(name, tuple((shares or {}).items())) for name, shares in margins.items())


def cost_source(expr: Expr) -> str | None:
    """The source a cost reads, if it is a column."""
    return info(expr.source).name if isinstance(expr, Column) else None
