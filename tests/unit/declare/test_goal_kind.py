"""Kinds of goals: what they follow from, and what does not go together."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, SetpointError, WrongType
from setpoint.declare.goal_kind import GOAL_KINDS
from setpoint.declare.plan import Profile, make_plan

CLASSES = ["good", "bad", "worse"]
TWO = {"business": "eur", "act": sp.act("block"), "cost": sp.cost(false_positive=1, false_negative=2)}
COLUMNS = {
    "orders": {"id": "text", "ts": "time", "total": "number", "search": "text"},
    "ends": {"id": "text", "ts": "time", "n": "number", "text": "text", "bad": "bool"},
}


def declare(metric: Any, *, truth: str = "n", rule: Any = None, parts: Any = None, **goal: Any) -> sp.System:
    """A system of orders; `truth` is the label's column, `parts` replace what the label and the system say else."""
    orders = sp.events("orders", "orders.parquet", key="id", at="ts")
    ends = sp.events("ends", "ends.parquet", at="ts", delay="1h")
    told: dict[str, Any] = {"on": "id", "within": "7d"} | dict(parts or {})
    rule = sp.field("total") if rule is None else rule
    return sp.System(
        "shop",
        decide=sp.decide(orders, fields=["total", "search"]),
        features={"total": sp.field("total")},
        label=sp.label(ends[truth], **told),
        goal=sp.goal(metric, **goal),
        release=sp.release(sp.shadow("1d"), fallback=None if rule is False else sp.rule(rule)),
    )


SEVERAL: dict[str, Any] = {"truth": "text", "parts": {"classes": CLASSES, "absent": "void"}, "rule": "good"}
SETS: dict[str, Any] = {"truth": "text", "parts": {"classes": CLASSES}, "rule": False}
DECLARED: dict[str, Callable[[], sp.System]] = {
    "binary": lambda: declare(sp.auc(), truth="bad", rule=sp.field("total") > 5, **TWO),
    "multiclass": lambda: declare(sp.log_loss(), **SEVERAL),
    "multilabel": lambda: declare(sp.micro_f1(), **SETS),
    "regression": lambda: declare(sp.rmse()),
    "quantile": lambda: declare(sp.pinball(quantile=0.9)),
    "count": lambda: declare(sp.poisson_deviance()),
    "ranking": lambda: declare(sp.ndcg(k=5), query="search", rule=False),
    "survival": lambda: declare(sp.concordance(), truth="bad"),
}


def test_there_is_a_declaration_of_every_kind() -> None:
    """Of the eight."""
    assert tuple(DECLARED) == GOAL_KINDS


@pytest.mark.parametrize("kind", GOAL_KINDS)
def test_the_kind_follows_from_metric_and_label(kind: str) -> None:
    """And survives pickling, with the digest."""
    system = DECLARED[kind]()
    back = pickle.loads(pickle.dumps(system))
    assert system.kind == back.kind == kind
    assert system.digest == back.digest
    assert make_plan(system, COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0)).system.kind == kind


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: declare(sp.mae(), act=sp.act("block")), "act="),
        (
            lambda: declare(sp.auc(), must=[sp.ndcg() >= 0.3], truth="bad", rule=sp.field("total") > 5, **TWO),
            "'ranking'",
        ),
        (lambda: declare(sp.mae(), must=[sp.auc() >= 0.7]), "two classes"),
        (lambda: declare(sp.auc(), truth="bad"), "no act"),
        (lambda: declare(sp.mae(), must=[sp.business() >= 1]), "without costs"),
        (lambda: declare(sp.mae(), business="eur", cost=sp.cost(wrong=1)), "cost="),
        (lambda: declare(sp.mae(), business="eur", cost=TWO["cost"]), "two classes"),
        (lambda: declare(sp.mae(), cost=sp.cost(over=1, under=2)), "no unit"),
        (lambda: declare(sp.mae(), must=[sp.worst_slice(sp.log_loss()) <= 3]), r"worst_slice of sp.mae\(\)"),
        (lambda: declare(sp.mae(), must=[sp.worst_slice(sp.mae()) <= 3]), 'against="others"'),
        (lambda: declare(sp.concordance(), truth="bad", must=[sp.worst_slice(sp.mae()) <= 3]), "slices="),
        (lambda: declare(sp.mae(), imbalance=sp.imbalance("undersample")), "imbalance="),
        (lambda: declare(sp.mae(), protect=["total"]), "protect="),
        (lambda: declare(sp.mae(), behaves=[sp.never_falls_when_raised("total")]), "behaves="),
        (lambda: declare(sp.mae(), rule=False), "no fallback"),
        (lambda: declare(sp.mae(), query="search"), "query="),
        (lambda: declare(sp.mae(), parts={"immature": "weighted"}), "immature"),
        (lambda: declare(sp.mae(), parts={"classes": CLASSES}), "classes="),
        (lambda: declare(sp.log_loss(), truth="text", parts={"classes": CLASSES}, rule="good"), "no class"),
        (lambda: declare(sp.log_loss(), business="eur", cost=sp.cost(wrong={"good": 1}), **SEVERAL), "cost"),
        (lambda: declare(sp.micro_f1(), business="eur", cost=sp.cost(wrong=1), **SETS), "a set of labels"),
        (lambda: declare(sp.coverage()), "widest"),
        (lambda: declare(sp.pinball(quantile=0.9), must=[sp.pinball(quantile=0.5) <= 3]), "must keep"),
        (lambda: declare(sp.concordance(), truth="bad", parts={"absent": "void"}), "one event"),
        (lambda: declare(sp.ndcg(), rule=False), "query=None"),
        (lambda: declare(sp.ndcg(), rule=False, query="page"), "page"),
    ],
)
def test_what_does_not_go_together_is_refused(call: Callable[[], sp.System], words: str) -> None:
    """When it is declared, with what does not."""
    with pytest.raises(SetpointError, match=words):
        call()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"over": 1}, DeclarationError),
        ({"over": -1, "under": 1}, DeclarationError),
        ({"over": 0, "under": 0}, DeclarationError),
        ({"over": "1", "under": 1}, WrongType),
        ({"wrong": {}}, WrongType),
        ({"wrong": {"a": None}}, WrongType),
        ({"wrong": 1, "over": 1, "under": 1}, DeclarationError),
        ({}, DeclarationError),
    ],
)
def test_costs_that_mean_nothing_are_refused(given: dict[str, Any], error: type[Exception]) -> None:
    """Half of a pair, less than nothing, no number, or several kinds at once."""
    with pytest.raises(error):
        sp.cost(**given)


@pytest.mark.parametrize(
    ("system", "words"),
    [
        (lambda: declare(sp.mae(), truth="text"), "a number"),
        (lambda: declare(sp.concordance()), "true or false"),
        (lambda: declare(sp.log_loss(), truth="n", parts=SEVERAL["parts"], rule="good"), "classes"),
        (lambda: declare(sp.mae(), rule="good"), "a number"),
    ],
)
def test_labels_and_rules_are_of_the_kind_that_the_goal_needs(system: Callable[[], sp.System], words: str) -> None:
    """Which the plan finds out, since it knows the columns."""
    with pytest.raises(WrongType, match=words):
        make_plan(system(), COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0))


def test_the_plan_says_which_quantile_costs_least() -> None:
    """Where the declared costs ask for another answer than the metric does."""
    costly = declare(sp.mae(), business="eur", cost=sp.cost(over=1, under=4))
    choices = {each.name: each for each in make_plan(costly, COLUMNS, Profile(dict.fromkeys(COLUMNS, 10), 1.0)).choices}
    assert choices["answer"].value == "the median"
    assert "sp.pinball(quantile=0.8) asks for it" in choices["answer"].reason


def test_classes_are_named_once_each_and_at_most_fifty() -> None:
    """A set of them is one whole number."""
    for classes in (["a"], ["a", "a"], "ab", [f"c{number}" for number in range(51)]):
        with pytest.raises((DeclarationError, WrongType)):
            declare(sp.micro_f1(), truth="text", parts={"classes": classes}, rule=False)


def test_the_query_is_a_request_field() -> None:
    """NameUnknown otherwise, with the fields there are."""
    with pytest.raises(NameUnknown, match="search"):
        declare(sp.ndcg(), rule=False, query="vlaue")
