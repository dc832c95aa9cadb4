from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType
from setpoint.core.times import HOUR
from setpoint.declare.plan import diff_declarations

Declare = Callable[..., sp.System]


def test_a_limit_is_a_duration(declare: Declare) -> None:
    """As text or as timedelta; it is part of what is declared, and survives being sent to another process."""
    system = declare(freshness={"late_7d": "2h"})
    assert dict(system.freshness) == {"late_7d": 2 * HOUR}
    assert system.digest == declare(freshness={"late_7d": timedelta(hours=2)}).digest
    assert system.digest != declare().digest
    assert pickle.loads(pickle.dumps(system)).digest == system.digest


def test_a_changed_limit_changes_the_alarm_alone(declare: Declare) -> None:
    """Nothing is trained again because an alarm got another limit."""
    changes = diff_declarations(declare().to_dict(), declare(freshness={"late_7d": "2h"}).to_dict())
    assert [(change.what, change.runs_again) for change in changes] == [("freshness late_7d", ("its alarm",))]


@pytest.mark.parametrize(
    ("freshness", "error", "words"),
    [
        ({"late_7": "2h"}, NameUnknown, "Did you mean 'late_7d'"),
        ({"late_7d": "0s"}, DeclarationError, "positive duration"),
        ({"late_7d": "soon"}, WrongType, "not a duration"),
        ({"far": "2h"}, DeclarationError, "reads only the request"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(
    declare: Declare, freshness: dict[str, str], error: type[Exception], words: str
) -> None:
    """A misspelt feature, no duration, and a feature that reads no source."""
    late = sp.mean(declare().label.value, by="carrier", last="7d")
    with pytest.raises(error, match=words):
        declare(features={"late_7d": late, "far": sp.field("distance")}, freshness=freshness)
