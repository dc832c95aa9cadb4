from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, LeakRefused, NameUnknown, SetpointError, WrongType
from tests.unit.declare.conftest import arrivals, flights, planes

Declare = Callable[..., sp.System]


def test_equal_declarations_have_equal_digests(declare: Declare) -> None:
    """The digest is of content, not of objects."""
    assert declare().digest == declare().digest
    assert (
        declare().digest
        != declare(features={"late_7d": sp.mean(arrivals.arr_delay > 16, by="carrier", last="7d")}).digest
    )


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (flights.dep_delay, "cannot be known when deciding"),
        (flights.carrier, r"Expected: sp.field\('carrier'\)"),
        (sp.last(arrivals.arr_delay, by="flight_id"), "that is the label"),
        (sp.count(flights, by="carrier", last="1d"), "does not declare when its rows can be known"),
        (sp.action == "warn", "reads the action"),
    ],
)
def test_a_feature_that_reads_the_future_is_refused(declare: Declare, feature: Any, words: str) -> None:
    """Structural leaks cannot be declared."""
    with pytest.raises(LeakRefused, match=words):
        declare(features={"leak": feature})


def test_a_label_read_from_the_spine_is_refused(declare: Declare) -> None:
    """The outcome is an event that says when it is known."""
    with pytest.raises(LeakRefused, match="does not declare when its rows are known"):
        sp.label(flights.dep_delay > 15, on="flight_id", within="2d")
    knowing = sp.events("flights", "flights.parquet", key="flight_id", at="sched_dep", delay="1d")
    with pytest.raises(LeakRefused, match="the spine 'flights' itself"):
        declare(
            decide=sp.decide(knowing, fields=["carrier", "distance"]),
            label=sp.label(knowing.dep_delay > 15, on="flight_id", within="2d"),
        )


@pytest.mark.parametrize(
    ("feature", "suggestion"),
    [(sp.field("carier"), "Did you mean 'carrier'"), (sp.feature("late_7"), "Did you mean 'late_7d'")],
)
def test_a_misspelt_name_is_refused_with_the_right_one(declare: Declare, feature: Any, suggestion: str) -> None:
    """Errors suggest."""
    with pytest.raises(NameUnknown, match=suggestion):
        declare(features={"late_7d": sp.mean(arrivals.arr_delay, by="carrier", last="7d"), "other": feature})


def test_features_cannot_refer_to_themselves(declare: Declare) -> None:
    """A circle is named."""
    with pytest.raises(DeclarationError, match="a > b > a"):
        declare(features={"a": sp.feature("b") + 1, "b": sp.feature("a") + 1})


def test_a_reference_to_a_feature_is_its_expression(declare: Declare) -> None:
    """A feature built on another sees the same definition."""
    system = declare(
        features={"late_7d": sp.mean(arrivals.arr_delay, by="carrier", last="7d"), "half": sp.feature("late_7d") / 2}
    )
    assert str(system.features[1].expr) == "(mean(arrivals.arr_delay, by=[carrier], last='7d') / 2)"


def test_two_sources_of_one_name_are_refused(declare: Declare) -> None:
    """A name means one thing in a project."""
    other = sp.events("arrivals", "elsewhere.parquet", at="landed_at", delay="0s")
    with pytest.raises(DeclarationError, match="Two different sources are named 'arrivals'"):
        declare(features={"n": sp.count(other, by="carrier", last="1d")})


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (lambda: sp.events("a", "a.parquet", at="ts", known_at="k", delay="1h"), DeclarationError),
        (lambda: sp.events("a", "a.parquet", at="ts", delay="-1h"), WrongType),
        (lambda: sp.events("a", "a.parquet", at="ts", null_at="ignore"), DeclarationError),
        (lambda: sp.count(planes, by="tailnum", last="1d"), DeclarationError),
        (lambda: sp.mean(arrivals.arr_delay + planes.seats, by="carrier", last="1d"), DeclarationError),
        (lambda: sp.mean(sp.count(arrivals, by="carrier", last="1d"), by="carrier", last="1d"), DeclarationError),
        (lambda: sp.count(arrivals, by=7, last="1d"), WrongType),  # type: ignore[arg-type]
        (lambda: sp.count(arrivals, by="carrier", last="1d", hop="2d"), DeclarationError),
        (lambda: sp.sum(arrivals.arr_delay, by="carrier", last="1d", decimals=12), DeclarationError),
        (lambda: sp.sum(arrivals.arr_delay, by="carrier", last="1d", decimals="2"), DeclarationError),
        (lambda: sp.sum(arrivals.arr_delay, by="carrier", last="1d", decimals=2.0), DeclarationError),
        (lambda: sp.sum(arrivals, by="carrier"), WrongType),
        (lambda: sp.min(arrivals, by="carrier", last="1d"), WrongType),
        (lambda: sp.decide(arrivals, fields=["carrier"]), DeclarationError),
        (lambda: sp.decide(flights, fields="carrier"), WrongType),
        (lambda: sp.decide(flights, fields=["carrier", "carrier"]), DeclarationError),
        (lambda: sp.label(arrivals.arr_delay > planes.seats, on="flight_id", within="1d"), DeclarationError),
        (lambda: sp.label(arrivals.arr_delay > 15, on="flight_id", within="0s"), DeclarationError),
        (lambda: sp.label(arrivals.arr_delay > 15, on="flight_id", within="1d", absent="maybe"), DeclarationError),
        (lambda: sp.release(fallback=sp.rule(sp.field("a") > 1)), WrongType),
        (lambda: sp.rule(arrivals.arr_delay > 1), DeclarationError),
        (lambda: sp.shadow("0s"), DeclarationError),
    ],
)
def test_a_declaration_that_means_nothing_is_refused(build: Callable[[], object], error: type[SetpointError]) -> None:
    """Each part is checked where it is written."""
    with pytest.raises(error):
        build()


@pytest.mark.parametrize(
    ("guardrail", "words"),
    [
        (lambda: sp.auc() >= 1.2, "cannot be met"),
        (lambda: sp.ece() <= -0.1, "cannot be met"),
        (lambda: sp.latency(p=99) <= "0ms", "cannot be met"),
        (lambda: sp.auc() <= 0.5, "holds a model back for being good"),
        (lambda: sp.auc() > 0.5, "Expected: auc"),
        (lambda: sp.ece() <= "20ms", "compares with a text"),
        (lambda: sp.auc() >= float("nan"), "Expected: a number"),  # noqa: PLW0177
        (lambda: sp.gap(sp.latency(), by="origin") <= 1, "a metric of decisions"),
    ],
)
def test_a_guardrail_that_no_model_can_meet_is_refused(guardrail: Callable[[], object], words: str) -> None:
    """An impossible `must` is an error when it is declared, not a gate that never opens."""
    with pytest.raises(DeclarationError, match=words):
        guardrail()


def test_slices_and_gaps_name_fields_or_features(declare: Declare) -> None:
    """A group that nothing has is refused."""
    goal = sp.goal(
        sp.auc(),
        business="minutes",
        act=sp.act("warn"),
        cost=sp.cost(false_positive=1, false_negative=1),
        slices=["orign"],
    )
    with pytest.raises(NameUnknown, match="Did you mean 'origin'"):
        declare(goal=goal)


def test_a_system_cannot_be_changed(declare: Declare) -> None:
    """A declaration is frozen."""
    with pytest.raises(DeclarationError, match="cannot be changed"):
        declare().name = "other"
