"""When a training is due."""

from __future__ import annotations

from collections.abc import Callable

from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.rollout.retrain import training_due
from setpoint.watch.finding import FEATURE, LABEL, PAGE, Finding
from setpoint.watch.incidents import Incident, merge


def incident(level: str) -> Incident:
    """An incident that opened just now."""
    finding = Finding("loss above the promised", level, "", 0, PAGE, 1e-6, 0.1, {}, "world")
    return merge([], [finding], DAY)[1][0]


def due(
    plan: Plan,
    day: int,
    *,
    last: int | None = None,
    rows: int = 5000,
    opened: tuple[Incident, ...] = (),
    deciding: bool = True,
) -> str:
    """The kind of training due on a day of a system that started on day 0; "" for none."""
    found = training_due(
        plan,
        now=day * DAY,
        started=0,
        last_training=None if last is None else last * DAY,
        incidents_opened=opened,
        matured_rows=rows,
        deciding=deciding,
    )
    return "" if found is None else found.kind


def test_the_first_training_waits_for_one_refresh(plan_of: Callable[..., Plan]) -> None:
    """Nothing is trained before the system has decided for as long as a model is to last."""
    assert [due(plan_of(), day) for day in (0, 29, 30, 31)] == ["", "", "first", "first"]


def test_no_training_without_enough_mature_labels(plan_of: Callable[..., Plan]) -> None:
    """A schedule does not conjure labels."""
    assert due(plan_of(), 30, rows=999) == ""
    assert due(plan_of(), 90, last=30, rows=999) == ""
    assert due(plan_of(), 90, last=30, rows=1000) == "scheduled"


def test_later_trainings_count_from_the_last_one(plan_of: Callable[..., Plan]) -> None:
    """The refresh runs from the last training, whatever came of it."""
    assert [due(plan_of(), day, last=30) for day in (31, 59, 60)] == ["", "", "scheduled"]


def test_a_loss_of_quality_brings_a_training_forward(plan_of: Callable[..., Plan]) -> None:
    """Only an incident of the labels does, only when it has just opened, and not within a week of the last training."""
    worse = (incident(LABEL),)
    assert due(plan_of(), 40, last=30, opened=worse) == "alarm"
    assert due(plan_of(), 36, last=30, opened=worse) == ""
    assert due(plan_of(), 40, last=30, opened=(incident(FEATURE),)) == ""
    assert due(plan_of(on_alarm=False), 40, last=30, opened=worse) == ""


def test_without_a_schedule_only_alarms_train_again(plan_of: Callable[..., Plan]) -> None:
    """`refresh=None` trains once there are labels enough, and then on alarms."""
    plan = plan_of(refresh=None)
    assert due(plan, 3) == "first"
    assert due(plan, 300, last=3) == ""
    assert due(plan, 300, last=3, opened=(incident(LABEL),)) == "alarm"


def test_a_due_training_says_why(plan_of: Callable[..., Plan]) -> None:
    """The reason names the time that passed."""
    found = training_due(
        plan_of(), now=60 * DAY, started=0, last_training=30 * DAY, incidents_opened=[], matured_rows=5000
    )
    assert found is not None
    assert found.to_dict() == {"kind": "scheduled", "reason": "30d since the last training; refresh is 30d"}


def test_a_refused_first_model_is_tried_again_every_week(plan_of: Callable[..., Plan]) -> None:
    """A gate that lacked evidence gets another week of labels, not another refresh."""
    assert [due(plan_of(), day, last=30, deciding=False) for day in (31, 36, 37)] == ["", "", "again"]
    assert due(plan_of(), 37, last=30, deciding=True) == ""
