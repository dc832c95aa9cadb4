"""What watching costs, how often it cries wolf and how soon it finds a fault, on a year of flights out of New York."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from common import Row, main, peer_python
from scipy.stats import chi2
from sklearn.linear_model import LogisticRegression

import setpoint as sp
from setpoint.cli.project import load_declaration
from setpoint.core.clock import SystemClock
from setpoint.core.settings import Settings
from setpoint.core.times import DAY
from setpoint.declare.plan import Plan
from setpoint.examples import example_folder
from setpoint.features.reader import FeatureReader
from setpoint.history import requests_of
from setpoint.labels.join import resolve
from setpoint.system import Live
from setpoint.watch.drift import check_drift
from setpoint.watch.incidents import Incident, merge
from setpoint.watch.past import HISTORY, stack
from setpoint.watch.reference import Reference, make_reference
from setpoint.watch.summarise import DaySummary, summarise
from setpoint.watch.watch import watch

PEERS = ("evidently", "nannyml", "whylogs")
PEER_REPORTS = Path(__file__).parent / "peers" / "monitoring.py"
TRAINED = 60
"""Days that the model and its reference are made of."""

NEEDED = dict.fromkeys(("carrier", "origin", "dest", "tailnum", "distance"))
"""Request fields that the features below read."""

Fault = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True)
class Year:
    """The flights system with more features, scored by one model: its decision log a day at a time."""

    plan: Plan
    reference: Reference
    log: pa.Table
    starts: np.ndarray
    first: int

    def day(self, k: int, fault: Fault | None = None) -> pa.Table:
        """The log of the k-th day, with a fault."""
        rows = self.log.slice(int(self.starts[k]), int(self.starts[k + 1] - self.starts[k]))
        return rows if fault is None else fault(rows)

    def summary(self, k: int, fault: Fault | None = None) -> DaySummary:
        """The k-th day in counts."""
        return summarise(self.reference, self.day(k, fault), at=(self.first + k + 1) * DAY)

    @property
    def days(self) -> int:
        """How many days there are."""
        return self.starts.size - 1


def wider(declared: sp.System) -> sp.System:
    """The declaration with 44 features: what the faults below are planted in, and as many of its own as fit."""
    sources = declared.sources
    arrivals, departures, weather = sources["arrivals"], sources["departures"], sources["weather"]
    late = arrivals.arr_delay > 15
    features = {
        "distance": sp.field("distance"),
        "tailnum": sp.field("tailnum"),
        "carrier": sp.field("carrier"),
        "temp": sp.last(weather.temp, by="origin", last="6h"),
        "humid": sp.last(weather.humid, by="origin", last="6h"),
        "gust": sp.last(weather.wind_gust, by="origin", last="6h"),
        "late_carrier_30d": sp.mean(late, by="carrier", last="30d"),
        "late_origin_7d": sp.mean(late, by="origin", last="7d"),
        "departures_1d": sp.count(departures, by="origin", last="1d"),
        "delay_spread_6h": sp.std(departures.dep_delay, by="origin", last="6h"),
        "late_dest_7d": sp.mean(late, by="dest", last="7d"),
        "departures_carrier_6h": sp.count(departures, by="carrier", last="6h"),
        "delay_carrier_6h": sp.mean(departures.dep_delay, by="carrier", last="6h"),
        "delay_most_6h": sp.max(departures.dep_delay, by="origin", last="6h"),
    }
    for feature in declared.features:
        if len(features) < 44:
            features.setdefault(feature.name, feature.expr)
    decide = declared.decide
    return sp.System(
        declared.name,
        decide=sp.decide(decide.spine, fields=list({**dict.fromkeys(decide.fields), **NEEDED}), at=decide.at),
        features=features,
        label=declared.label,
        goal=replace(declared.goal, slices=(), must=()),
        release=replace(declared.release, fallback=sp.rule(sp.field("distance") > 2000)),
    )


def open_year(home: Path) -> Year:
    """The year's decision log: features as of each decision, and the scores of a model of its first two months."""
    declared, root = load_declaration(example_folder("flights"))
    live = Live(wider(declared), root=root, settings=Settings(home=str(home)), clock=SystemClock())
    plan, rows = live.plan, live.rows
    requests = requests_of(plan, rows, start=None, end=None)
    features = FeatureReader(plan, rows).read(requests.table, requests.at)
    day = requests.at // DAY
    trained = int(np.searchsorted(day, day[0] + TRAINED))
    numbers = [name for name, kind in plan.features.items() if kind != "text"]
    matrix = np.stack([features[name].to_numpy() for name in numbers], axis=1)
    known = matrix[:trained]
    matrix = np.nan_to_num((matrix - np.nanmean(known, axis=0)) / np.nanstd(known, axis=0)).clip(-5, 5)
    end = int(requests.at[trained - 1]) + plan.system.label.within
    keys = requests.table[plan.system.decide.key].combine_chunks().slice(0, trained)
    labels = resolve(plan.system.label, keys, requests.at[:trained], rows, end)
    model = LogisticRegression(C=0.01, max_iter=200).fit(matrix[:trained][labels.usable], labels.value[labels.usable])
    score = model.predict_proba(matrix)[:, 1]
    log = features.rename_columns([f"feature.{name}" for name in features.column_names])
    log = log.append_column("score", pa.array(score)).combine_chunks()
    reference = make_reference(features.slice(0, trained), score[:trained], requests.at[:trained])
    starts = np.searchsorted(day, np.arange(day[0], day[-1] + 2))
    return Year(plan, reference, log, starts, int(day[0]))


def lived(year: Year, days: Sequence[DaySummary], *, first: int) -> list[Incident]:
    """The incidents that open from a day on."""
    incidents: list[Incident] = []
    for k in range(first, len(days)):
        past = days[max(0, k - HISTORY) : k]
        now = days[k].at
        found = watch(year.plan, reference=year.reference, today=days[k], history=past, quality=None, now=now)
        incidents, _ = merge(incidents, found, now)
    return incidents


def resampled(days: Sequence[DaySummary], length: int, rng: np.random.Generator) -> list[DaySummary]:
    """A stationary life: every day is drawn from the year's days of its weekday."""
    pools = [[day for day in days if day.at // DAY % 7 == weekday] for weekday in range(7)]
    drawn = []
    for k in range(length):
        pool = pools[k % 7]
        drawn.append(replace(pool[int(rng.integers(len(pool)))], at=(7 * 2300 + k) * DAY))
    return drawn


def costs(year: Year, days: Sequence[DaySummary]) -> list[Row]:
    """CPU of counting and watching a day."""
    columns, counted = len(year.reference.columns), range(200, 260)
    per_day = sum(year.day(k).num_rows for k in counted) / len(counted)
    size = f"{per_day:.0f} decisions x {columns} columns, mean of {len(counted)} days"
    before = time.process_time()
    for k in counted:
        year.summary(k)
    count = (time.process_time() - before) / len(counted) * 1e3
    before = time.process_time()
    lived(year, days[: counted[-1] + 1], first=counted[0])
    look = (time.process_time() - before) / len(counted) * 1e3
    both = (count + look) / 1e3 * 100_000 / per_day
    return [
        Row("count a day", count, "CPU ms", size, most=6.0),
        Row("watch a day", look, "CPU ms", f"{size}, {HISTORY} days of history", most=12.0),
        Row("100,000 decisions, a day at a time", both, "CPU s", size, most=2.0),
    ]


def reports(year: Year, folder: Path, *, quick: bool) -> list[Row]:
    """A drift report of two large tables, ours against the peers' own."""
    rows = 5_000 if quick else 100_000
    names = [name for name in year.log.column_names if name.startswith("feature.")]
    plain = year.log.select(names).rename_columns([name.removeprefix("feature.") for name in names])
    half = plain.num_rows // 2
    tables = {"reference": plain.slice(half - rows, rows), "current": plain.slice(half, rows)}
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")

    def ours() -> float:
        before = time.process_time()
        score, at = np.zeros(rows), np.arange(rows)
        reference = make_reference(tables["reference"], score, at)
        log = tables["current"].rename_columns(names).append_column("score", pa.array(score))
        check_drift(stack(reference, [], summarise(reference, log, at=DAY)), alpha_column=0.01, alpha_score=0.01)
        return time.process_time() - before

    found: dict[str, float | None] = {}
    for peer in PEERS:
        python = peer_python(peer)
        found[peer] = None if python is None else _peer(python, peer, folder)
    size = f"{rows} + {rows} rows x {len(names)} columns, reference and report"
    mine = min(ours() for _ in range(3))
    return [Row("drift report", mine, "CPU s", size, found, least_ratio=5.0, shrunk=quick)]


def _peer(python: Path, peer: str, folder: Path) -> float:
    command = [python, str(PEER_REPORTS), peer, str(folder / "reference.parquet"), str(folder / "current.parquet")]
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    silent = {"NML_DISABLE_USAGE_LOGGING": "1", "WHYLOGS_NO_ANALYTICS": "True", "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **single, **silent})
    return float(done.stdout.splitlines()[-1])


def false_alarms(year: Year, days: Sequence[DaySummary], *, quick: bool) -> Row:
    """Incidents a month on stationary lives made of the year's days, those with a fault of the data left out."""
    lives, length = (4, 60) if quick else (20, 60)
    usual = [day for k, day in enumerate(days) if k >= TRAINED and not _known_fault(year, day)]
    opened = 0
    for seed in range(lives):
        life = resampled(usual, HISTORY + length, np.random.default_rng([7, seed]))
        opened += len(lived(year, life, first=HISTORY))
    months = lives * length / 30
    high = chi2.ppf(0.975, 2 * opened + 2) / 2 / months
    low = chi2.ppf(0.025, 2 * opened) / 2 / months if opened else 0.0
    size = (
        f"{lives} lives of {length} days, {len(year.reference.columns)} columns; 95 % interval {low:.2f} to {high:.2f}"
    )
    most = year.plan.alarms_per_month
    return Row("false alarms a month, resampled days", opened / months, "incidents", size, most=most, shrunk=quick)


def _known_fault(year: Year, day: DaySummary) -> bool:
    """Whether hours of weather are missing in the data of this day, as on 27 March, or it is not a whole day."""
    weather = [i for i, column in enumerate(year.reference.columns) if column.name in ("temp", "humid")]
    return bool(day.nulls[weather].any()) or day.rows < 500


def real_year(year: Year, days: Sequence[DaySummary]) -> Row:
    """Incidents a month in the order in which the days came, with the seasons, holidays and faults that they had."""
    opened = lived(year, days[:364], first=TRAINED)
    worst = ", ".join(sorted({incident.title for incident in opened if incident.severity == "page"})[:3])
    size = f"{364 - TRAINED} days in order; pages such as: {worst}"
    return Row("incidents a month, the year as it was", len(opened) / (364 - TRAINED) * 30, "incidents", size)


def column_null(rows: pa.Table) -> pa.Table:
    """A join broke: no temperature."""
    return _with(rows, "feature.temp", pa.nulls(rows.num_rows, pa.float64()))


def unit_bug(rows: pa.Table) -> pa.Table:
    """Two rows in a hundred give the distance a hundredfold."""
    wrong = pa.array(np.random.default_rng(rows.num_rows).uniform(size=rows.num_rows) < 0.02)
    values = rows["feature.distance"]
    return _with(rows, "feature.distance", pc.if_else(wrong, pc.multiply(values, 100.0), values))


def renamed(rows: pa.Table) -> pa.Table:
    """A carrier is spelled differently."""
    values = rows["feature.carrier"]
    return _with(rows, "feature.carrier", pc.if_else(pc.equal(values, "UA"), "United", values))


def celsius(rows: pa.Table) -> pa.Table:
    """The temperature comes in another unit: every value is plausible, and all of them are wrong."""
    values = rows["feature.temp"]
    return _with(rows, "feature.temp", pc.divide(pc.subtract(values, 32.0), 1.8))


def score_shift(size: float) -> Fault:
    """The scores moved by so many deviations, and no input did."""

    def shifted(rows: pa.Table) -> pa.Table:
        score = rows["score"].to_numpy()
        return _with(rows, "score", pa.array(np.clip(score + size * score.std(), 0, 1)))

    return shifted


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def days_to_find(year: Year, days: Sequence[DaySummary], *, quick: bool) -> list[Row]:
    """Days until an incident names the right column, for each fault planted at several days of the year."""
    begins = range(140, 340, 40 if quick else 10)
    faults: list[tuple[str, Fault, set[str], float | None]] = [
        ("a column NULL", column_null, {"temp"}, 1.0),
        ("2 % of rows x100", unit_bug, {"distance"}, 1.0),
        ("a category renamed", renamed, {"carrier"}, 1.0),
        ("a temperature in Celsius", celsius, {"temp"}, 1.0),
        ("scores moved by .3 sd", score_shift(0.3), {"score"}, None),
        ("scores moved by 1 sd", score_shift(1.0), {"score"}, None),
    ]
    rows = []
    for name, fault, subjects, most in faults:
        waited = []
        for begin in begins:
            life = [*days[begin - HISTORY : begin], *[year.summary(k, fault) for k in range(begin, begin + 7)]]
            opened = lived(year, life, first=HISTORY)
            hits = [i.opened_at for i in opened if {subject.name for subject in i.subjects} & subjects]
            waited.append((min(hits) // DAY - year.first - begin) if hits else 8)
        within = sum(day <= 3 for day in waited) / len(waited)
        size = f"median of {len(waited)} days of the year; {within:.0%} within 3 days; 8: not within a week"
        rows.append(Row(f"days to find {name}", float(np.median(waited)), "days", size, most=most, shrunk=quick))
    return rows


def measure(*, quick: bool) -> list[Row]:
    """Cost, false alarms and days to find a fault."""
    with tempfile.TemporaryDirectory() as folder:
        year = open_year(Path(folder) / "home")
        days = [year.summary(k) for k in range(year.days)]
        return [
            *costs(year, days),
            *reports(year, Path(folder), quick=quick),
            false_alarms(year, days, quick=quick),
            real_year(year, days),
            *days_to_find(year, days, quick=quick),
        ]


if __name__ == "__main__":
    main(__doc__ or "", measure)
