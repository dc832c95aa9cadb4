"""Suspected causes."""

from __future__ import annotations

import pytest

from setpoint.declare.plan import Plan
from setpoint.watch.diagnose import next_step, sources_of, suspects, with_causes
from setpoint.watch.finding import DIGEST, FEATURE, INPUT, LABEL, PAGE, PREDICTION, Finding


def finding(level: str, subject: str = "", *, monitor: str = "null", severity: str = PAGE) -> Finding:
    """A finding without a cause yet."""
    return Finding(monitor, level, subject, 0, severity, 1e-6, 0.5, {}, "")


def test_features_know_what_they_read(plan: Plan) -> None:
    """Aggregates and table columns name their source, fields the request."""
    sources = sources_of(plan.system)
    assert (sources["rain"], sources["rate_1"], sources["seats"]) == (("weather",), ("arrivals",), ("planes",))
    assert sources["carrier"] == ("request",)


def test_the_fewest_sources_that_explain_everything() -> None:
    """A source that all affected features read comes before two that each read some."""
    sources = {"a": ("one", "all"), "b": ("two", "all"), "c": ("two",), "d": ("all",)}
    assert suspects({"a", "b"}, sources) == {"a": "all", "b": "all"}
    assert suspects({"c"}, sources) == {"c": "two"}
    assert suspects({"a"}, sources) == {"a": "one"}  # all of whose features are affected
    assert suspects({"unheard of"}, sources) == {"unheard of": "request"}


@pytest.mark.parametrize(
    ("findings", "causes"),
    [
        ([finding(FEATURE, "rain"), finding(FEATURE, "seats")], ["weather", "planes"]),
        ([finding(FEATURE, "rain", monitor="drift", severity=DIGEST)], ["weather"]),
        (
            [finding(FEATURE, name, monitor="drift", severity=DIGEST) for name in ("rain", "rate_1")],
            ["world", "world"],
        ),
        ([finding(PREDICTION, "score", monitor="score drift", severity=DIGEST)], ["serving"]),
        (
            [finding(FEATURE, "rain"), finding(PREDICTION, "score", monitor="score drift", severity=DIGEST)],
            ["weather", "weather"],
        ),
        ([finding(FEATURE, "rain"), finding(PREDICTION, monitor="degraded")], ["weather", "serving"]),
        ([finding(INPUT, monitor="volume"), finding(LABEL, monitor="loss above the promised")], ["flights", "world"]),
    ],
)
def test_each_finding_gets_a_cause(plan: Plan, findings: list[Finding], causes: list[str]) -> None:
    """Faults go to sources, common moves to the world, a score that moved alone to the serving."""
    assert [found.cause for found in with_causes(findings, plan.system)] == causes


def test_the_next_step_fits_the_cause() -> None:
    """Each kind of incident says what to do first."""
    steps = {
        next_step("weather", ["null"]),
        next_step("weather", ["drift"]),
        next_step("request", ["unseen value"]),
        next_step("world", ["drift"]),
        next_step("serving", ["score drift"]),
        next_step("serving", ["degraded"]),
        next_step("flights", ["volume"]),
        next_step("world", ["loss above the promised"]),
    }
    assert len(steps) == 8
