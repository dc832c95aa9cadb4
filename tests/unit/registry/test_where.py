"""Conditions that say which runs are meant."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.errors import NameUnknown, QueryInvalid, WrongType
from setpoint.core.times import time
from setpoint.registry.where import check_names, conditions, meets

FACTS: dict[str, Any] = {
    "auc": 0.74,
    "learner": "lightgbm",
    "passed": True,
    "at": time("2026-03-01"),
    "tag": ("easter", "new"),
    "commit": None,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("auc > 0.7", True),
        ("auc>0.74", False),
        ("auc >= 0.74 and auc <= 0.74 and auc = 0.74", True),
        ("learner = lightgbm and passed = yes", True),
        ("learner ~ boost", False),
        ("learner ~ light AND passed != no", True),
        ("at < 2026-03-02 and at >= 2026-03-01T00:00:00Z", True),
        ("tag = easter", True),
        ("tag != easter", False),
        ("tag = summer", False),
        ("tag ~ east", True),
        ("tag = 'easter' and tag = \"new\"", True),
        ("commit = 9f", False),
        ("commit != 9f", True),
        ("nothing > 3", False),
    ],
)
def test_a_run_meets_what_holds_for_what_is_recorded_of_it(text: str, holds: bool) -> None:
    """Every condition has to hold; of several values, as tags are, one that is equal is enough."""
    assert meets(FACTS, conditions(text)) is holds


@pytest.mark.parametrize("text", ["", "auc", "auc 0.7", "auc > 0.7 tag = new", "auc > 0.7 and", "and auc > 0.7"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    """With how one looks."""
    with pytest.raises(QueryInvalid, match="tag = easter"):
        conditions(text)


@pytest.mark.parametrize("text", ["learner > 3", "passed > no", "passed = maybe", "auc > high", "tag > a"])
def test_what_cannot_be_compared_is_refused(text: str) -> None:
    """Text has no order, and a number is compared with a number."""
    with pytest.raises(WrongType):
        meets(FACTS, conditions(text))


def test_a_value_that_no_run_has_is_named() -> None:
    """With what is close to it."""
    with pytest.raises(NameUnknown, match="'auc'"):
        check_names(conditions("aux > 0.7"), FACTS)
