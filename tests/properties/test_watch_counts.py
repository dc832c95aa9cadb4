"""Laws of the day's counts and of incidents."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from setpoint.core.times import DAY
from setpoint.watch.finding import DIGEST, FEATURE, LABEL, PAGE, Finding
from setpoint.watch.incidents import QUIET, Incident, merge
from setpoint.watch.reference import Reference, make_reference
from setpoint.watch.summarise import DaySummary, summarise

numbers = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9), st.integers(-3, 3).map(float)), min_size=1, max_size=60)
texts = st.sampled_from(["a", "b", "c", None, "", "ü"])


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A number and a text, with NULLs."""
    values = draw(numbers)
    names = draw(st.lists(texts, min_size=len(values), max_size=len(values)))
    return pa.table({"x": pa.array(values, pa.float64()), "y": pa.array(names, pa.string())})


def log_of(rows: pa.Table) -> pa.Table:
    """Rows as the decision log names them."""
    score = pa.array(np.linspace(0, 1, rows.num_rows))
    return rows.rename_columns(["feature.x", "feature.y"]).append_column("score", score)


def reference_of(rows: pa.Table, *, edges_from: Reference | None = None) -> Reference:
    """The reference of these rows."""
    n = rows.num_rows
    return make_reference(rows, np.linspace(0, 1, n), np.arange(n), edges_from=edges_from)


@given(trained=tables(), day=tables())
def test_every_row_is_in_one_bin_or_null(trained: pa.Table, day: pa.Table) -> None:
    """The bins of each column and its NULLs add up to the rows, whatever was trained on."""
    reference = reference_of(trained)
    found = summarise(reference, log_of(day), at=0)
    filled = np.add.reduceat(found.counts, reference.offsets[:-1])
    assert (filled + found.nulls == day.num_rows).all()
    assert (found.strange <= filled).all()


@given(trained=tables())
def test_training_rows_are_never_strange(trained: pa.Table) -> None:
    """What a model was trained on is within its fences, and is counted as the reference counted it."""
    reference = reference_of(trained)
    found = summarise(reference, log_of(trained), at=0)
    assert found.strange.tolist() == [0, 0, 0]
    assert found.counts.tolist() == [count for column in reference.columns for count in column.counts]
    assert found.nulls.tolist() == [column.nulls for column in reference.columns]


@given(trained=tables(), first=tables(), second=tables())
def test_days_add_up(trained: pa.Table, first: pa.Table, second: pa.Table) -> None:
    """The counts of two days together are the sum of theirs."""
    reference = reference_of(trained)
    parts = [summarise(reference, log_of(rows), at=0) for rows in (first, second)]
    whole = summarise(reference, pa.concat_tables([log_of(first), log_of(second)]), at=0)
    for name in ("counts", "nulls", "strange", "rows"):
        assert np.array_equal(getattr(whole, name), getattr(parts[0], name) + getattr(parts[1], name))


@given(first=tables(), second=tables(), day=tables())
def test_a_later_reference_counts_a_day_alike(first: pa.Table, second: pa.Table, day: pa.Table) -> None:
    """With the bins of the one before, a day has the same counts under both."""
    old = reference_of(first)
    new = reference_of(second, edges_from=old)
    assert new.layout == old.layout
    before, after = (summarise(reference, log_of(day), at=0) for reference in (old, new))
    assert np.array_equal(before.counts, after.counts)
    assert (after.strange[::2] <= before.strange[::2]).all()


@given(trained=tables(), day=tables())
def test_json_changes_nothing(trained: pa.Table, day: pa.Table) -> None:
    """References and summaries come back equal."""
    reference = reference_of(trained)
    found = summarise(reference, log_of(day), at=0)
    again = Reference.from_dict(json.loads(json.dumps(reference.to_dict(), allow_nan=False)))
    assert again == reference
    assert DaySummary.from_dict(json.loads(json.dumps(found.to_dict()))).to_dict() == found.to_dict()
    assert summarise(again, log_of(day), at=0).to_dict() == found.to_dict()


findings = st.builds(
    lambda subject, cause, label, severity: Finding(
        "loss above the promised" if label else "null",
        LABEL if label else FEATURE,
        "" if label else subject,
        0,
        severity,
        0.001,
        0.5,
        {},
        cause,
    ),
    st.sampled_from("abcd"),
    st.sampled_from(["weather", "planes", "world"]),
    st.booleans(),
    st.sampled_from([PAGE, DIGEST]),
)
lives = st.lists(st.lists(findings, max_size=4), max_size=15)


def lived(ticks: list[list[Finding]]) -> tuple[list[Incident], list[Incident]]:
    """All incidents at the end, and all that opened on the way."""
    incidents: list[Incident] = []
    alarms = []
    for day, found in enumerate(ticks):
        incidents, opened = merge(incidents, found, day * DAY)
        alarms += opened
    return incidents, alarms


@given(ticks=lives)
def test_every_incident_opens_once(ticks: list[list[Finding]]) -> None:
    """The incidents at the end are those that opened, each with an id of its own."""
    incidents, alarms = lived(ticks)
    assert [incident.id for incident in incidents] == [alarm.id for alarm in alarms]
    assert len({incident.id for incident in incidents}) == len(incidents)


@given(ticks=lives)
def test_every_finding_is_in_one_incident(ticks: list[list[Finding]]) -> None:
    """Nothing is lost, nothing is told twice."""
    incidents, _ = lived(ticks)
    told = sum(subject.findings for incident in incidents for subject in incident.subjects)
    assert told == sum(len(found) for found in ticks)


@given(ticks=lives)
def test_quiet_closes_everything(ticks: list[list[Finding]]) -> None:
    """After three days without a finding nothing is open, and closing changes nothing else."""
    incidents, _ = lived(ticks)
    now = len(ticks) * DAY + QUIET
    closed, opened = merge(incidents, [], now)
    assert opened == []
    assert all(not incident.open for incident in closed)
    assert [incident.subjects for incident in closed] == [incident.subjects for incident in incidents]
