"""A world to watch: decision logs of days that differ as real ones do, with faults to plant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from setpoint.core.times import DAY
from setpoint.watch.reference import Reference, make_reference
from setpoint.watch.summarise import DaySummary, summarise

START = 16_000 * DAY
CARRIERS = [f"c{i:02d}" for i in range(16)]
TAILS = [f"n{i:03d}" for i in range(900)]

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class World:
    """Days of about 900 decisions with 45 columns; `season` lets the weather change over the year.

    Weather moves all rows of a day together and depends on the day before; the schedule depends on the weekday;
    rates drift slowly; some columns are often NULL or mostly zero.
    """

    seed: int
    days: int
    season: float = 0.0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        weather = np.zeros((self.days, 10))
        rates = np.zeros((self.days, 14))
        for day in range(self.days):
            weather[day] = 0.5 * weather[max(0, day - 1)] + rng.normal(0, 0.8, 10)
            rates[day] = 0.9 * rates[max(0, day - 1)] + rng.normal(0, 0.05, 14)
        if self.season:
            weather += self.season * np.sin(2 * np.pi * np.arange(self.days) / 365)[:, None]
        object.__setattr__(self, "_weather", weather)
        object.__setattr__(self, "_rates", rates)
        object.__setattr__(self, "_popular", rng.dirichlet(np.full(len(CARRIERS), 1.5)))

    def columns(self, day: int) -> Columns:
        """The features and the score of a day's decisions."""
        rng = np.random.default_rng([self.seed, day])
        weekday = (16_000 + day) % 7
        rows = int((700 if weekday == 2 else 920) * rng.normal(1, 0.01))
        found: Columns = {}
        for i in range(10):
            found[f"weather_{i}"] = self._weather[day, i] + rng.normal(0, 0.5, rows)
        wet = self._weather[day, 0] > 0.9
        found["rain"] = np.where(rng.uniform(size=rows) < (0.6 if wet else 0.01), rng.exponential(0.3, rows), 0.0)
        found["gust"] = np.where(rng.uniform(size=rows) < 0.6 - 0.3 * wet, np.nan, 20 + 5 * found["weather_1"])
        for i in range(14):
            found[f"rate_{i}"] = np.clip(0.2 + 0.1 * self._rates[day, i] + rng.normal(0, 0.08, rows), 0, 1)
        for i in range(6):
            found[f"history_{i}"] = np.where(
                rng.uniform(size=rows) < 0.05, np.nan, rng.gamma(2, 10 * np.exp(0.2 * self._weather[day, i]), rows)
            )
        found["hour"] = rng.choice(18, rows, p=_mix(18, weekday)) + 6.0
        found["weekday"] = np.full(rows, float(weekday))
        found["distance"] = rng.choice([200.0, 500.0, 733.0, 1000.0, 2400.0], rows, p=_mix(5, weekday))
        found["seats"] = rng.choice([50.0, 90.0, 150.0, 189.0, 300.0], rows)
        found["count"] = rng.poisson(40 + 5 * (weekday < 5), rows).astype(float)
        found["speed"] = rng.normal(7, 0.6, rows)
        found["flag"] = (rng.uniform(size=rows) < 0.3) * 1.0
        found["carrier"] = rng.choice(CARRIERS, rows, p=self._popular)
        found["origin"] = rng.choice(["EWR", "JFK", "LGA"], rows)
        found["dest"] = rng.choice([f"d{i:02d}" for i in range(60)], rows)
        found["tail"] = rng.choice(TAILS, rows)
        found["engine"] = np.where(rng.uniform(size=rows) < 0.1, None, rng.choice(["jet", "prop"], rows, p=[0.9, 0.1]))
        odds = -1.2 + 0.15 * found["weather_0"] + 3 * found["rate_0"] + rng.normal(0, 0.6, rows)
        found["score"] = 1 / (1 + np.exp(-odds))
        return found

    def log(self, day: int, change: Callable[[Columns, np.random.Generator], None] | None = None) -> pa.Table:
        """A day's decision log, after a fault has changed its columns."""
        columns = self.columns(day)
        if change is not None:
            change(columns, np.random.default_rng([self.seed, day, 1]))
        score = columns.pop("score")
        rows = score.size
        return pa.table(
            {
                **{f"feature.{name}": pa.array(values) for name, values in columns.items()},
                "score": score,
                "degraded": pa.array([""] * rows),
                "acted": score > 0.5,
                "model": pa.array(["m1"] * rows),
            }
        )

    def reference(self, days: int = 30) -> Reference:
        """The reference of a model trained on the first days."""
        logs = pa.concat_tables([self.log(day) for day in range(days)])
        names = [name for name in logs.column_names if name.startswith("feature.")]
        features = logs.select(names).rename_columns([name.removeprefix("feature.") for name in names])
        at = START + np.linspace(0, days * DAY - 1, logs.num_rows).astype(np.int64)
        return make_reference(features, logs["score"].to_numpy(), at)

    def summaries(
        self,
        reference: Reference,
        days: Sequence[int] | None = None,
        fault: Callable[[Columns, np.random.Generator], None] | None = None,
    ) -> list[DaySummary]:
        """Some days in counts (all if not said which), each with the fault."""
        return [
            summarise(reference, self.log(day, fault), at=START + (day + 1) * DAY)
            for day in (range(self.days) if days is None else days)
        ]


def resampled(days: list[DaySummary], length: int, rng: np.random.Generator) -> list[DaySummary]:
    """A stationary life: each day is one of these, drawn from those of its weekday."""
    of_weekday = {w: [day for day in days if day.at // DAY % 7 == w] for w in range(7)}
    drawn = []
    for k in range(length):
        at = START + (k + 1) * DAY
        pool = of_weekday[at // DAY % 7]
        drawn.append(replace(pool[int(rng.integers(len(pool)))], at=at))
    return drawn


def _mix(levels: int, weekday: int) -> np.ndarray:
    weights = 1.0 + np.cos(np.arange(levels) * (0.3 + 0.05 * (weekday >= 5))) * 0.5
    return weights / weights.sum()
