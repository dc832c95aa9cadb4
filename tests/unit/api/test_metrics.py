from __future__ import annotations

from setpoint.api.metrics import BOUNDS, HELP, Metrics


def test_a_time_counts_in_every_bucket_that_holds_it() -> None:
    """Buckets are cumulative, and a bound belongs to its bucket."""
    metrics = Metrics()
    for seconds in (0.0, BOUNDS[0], BOUNDS[3], 99.0):
        metrics.observe("setpoint_decision_seconds", (), seconds)
    lines = [line for line in metrics.text(gauges={}).splitlines() if line.startswith("setpoint_decision_seconds")]
    counts = [float(line.rpartition(" ")[2]) for line in lines[: len(BOUNDS) + 1]]
    assert counts == [2, 2, 2, *[3] * (len(BOUNDS) - 3), 4]
    assert lines[-1] == "setpoint_decision_seconds_count 4"
    assert 'le="1e-05"' in lines[0]


def test_every_metric_is_explained_even_before_it_counts() -> None:
    """Each has its HELP and TYPE line once."""
    lines = Metrics().text(gauges={}).splitlines()
    assert [line.split()[2] for line in lines if line.startswith("# TYPE")] == list(HELP)


def test_label_values_are_escaped() -> None:
    """A quote, a backslash or a line end in a name cannot break the format."""
    text = Metrics().text(gauges={("setpoint_ready", (("system", 'a"b\\c\nd'),)): 1.0})
    assert 'setpoint_ready{system="a\\"b\\\\c\\nd"} 1\n' in text
