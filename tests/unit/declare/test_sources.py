from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, SetpointError, WrongType
from setpoint.core.times import DAY
from setpoint.declare.plan import Profile, make_plan
from setpoint.declare.source import SourceInfo, info
from tests.unit.declare.conftest import SCHEMAS

Declare = Callable[..., sp.System]


def _paid(**declared: Any) -> sp.Expr:
    given = {"id": "n", "at": "ts", "delay": "0s", **declared}
    return sp.events("payments", "payments.parquet", **given).amount


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: _paid(version="v", id=None), DeclarationError, "which row is corrected"),
        (lambda: _paid(retracted="gone", delay=None), DeclarationError, "when a correction is known"),
        (lambda: _paid(retention="0d"), DeclarationError, "a positive duration"),
        (lambda: _paid(version=7), WrongType, "a column name"),
        (lambda: sp.table("t", "t.parquet", key=[], valid_from="ts"), WrongType, "or several as"),
        (lambda: sp.table("t", "t.parquet", key=["a", "a"], valid_from="ts"), WrongType, "or several as"),
        (lambda: sp.table("t", "t.parquet", key=["a", ""], valid_from="ts"), WrongType, "or several as"),
        (lambda: sp.table("t", "t.parquet", key="a", valid_from="ts", ttl="0d"), DeclarationError, "positive"),
        (
            lambda: sp.table("t", "t.parquet", key="a", valid_from=sp.always, ttl="1d"),
            DeclarationError,
            "true at all times",
        ),
    ],
)
def test_a_source_that_means_nothing_is_refused(
    build: Callable[[], object], error: type[SetpointError], words: str
) -> None:
    """A correction says of which row and since when; what is always true does not lapse."""
    with pytest.raises(error, match=words):
        build()


def test_a_source_comes_back_from_its_data() -> None:
    """What is declared survives being written down, key of several columns included."""
    declared = info(sp.table("lanes", "l.parquet", key=["origin", "dest"], valid_from="day", ttl="30d"))
    assert (declared.key, declared.keys, declared.ttl) == (None, ("origin", "dest"), 30 * DAY)
    assert SourceInfo.from_dict(declared.to_dict()) == declared


def test_a_source_that_declares_its_columns_has_those_that_correct_it() -> None:
    """Version and retraction are columns of the rows like the time and the id."""
    declared = info(
        sp.events("p", "p.parquet", id="n", at="ts", delay="0s", version="v", retracted="gone", columns=["amount"])
    )
    assert declared.columns == ("amount", "n", "ts", "v", "gone")


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"last": "31d", "hop": "exact"}, "looks back 31d, but 'payments' keeps its rows for 30d"),
        ({"last": "31d", "hop": "exact"}, "Shorten the window[.]$"),
        ({"last": "30d"}, "looks back 30d and up to 3h more, the step of its far edge, but"),
        ({"last": "30d"}, 'Give it hop="exact", or shorten the window'),
        ({"last": sp.calendar("month", zone="UTC")}, "looks back 31d 7h and up to 15m more"),
        ({}, "folds all time"),
        ({"last": ["1d", "60d"]}, "looks back 60d"),
    ],
)
def test_a_window_longer_than_its_source_keeps_rows_is_refused(window: dict[str, Any], words: str) -> None:
    """A value that cannot be computed again is no value."""
    with pytest.raises(DeclarationError, match=words):
        sp.sum(_paid(retention="30d"), by="user", **window)


def test_a_window_within_retention_is_taken() -> None:
    """Exactly as long is long enough; the newest value of all needs a ttl."""
    sp.sum(_paid(retention="30d"), by="user", last="30d", hop="exact")
    sp.latest(_paid(retention="30d"), by="user", ttl="30d")
    with pytest.raises(DeclarationError, match='Give it ttl="30d"'):
        sp.latest(_paid(retention="30d"), by="user")


@pytest.mark.parametrize(
    ("role", "kind", "words"),
    [
        ("version", "text", "a column of numbers or times"),
        ("retracted", "number", "a column of truth values"),
        ("known_at", "number", "a column of times with a zone"),
        ("at", "number", "a column of times with a zone"),
    ],
)
def test_the_columns_that_say_when_and_whether_are_of_their_kinds(
    declare: Declare, role: str, kind: str, words: str
) -> None:
    """A number of seconds is no time: which second it counts from is not declared."""
    given: dict[str, Any] = {"id": "n", "at": "ts", "delay": "0s", role: "odd"}
    if role == "known_at":
        del given["delay"]
    source = sp.events("payments", "payments.parquet", **given)
    schemas = {**SCHEMAS, "payments": {"n": "text", "ts": "time", "odd": kind, "carrier": "text"}}
    with pytest.raises(WrongType, match=words):
        make_plan(declare(features={"n": sp.count(source, by="carrier", last="1d")}), schemas, Profile({}, 1.0))
