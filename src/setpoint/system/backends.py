"""Opens the backends by URL: the only file that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from setpoint.backends.delta import DeltaTables
from setpoint.backends.duckdb_sql import Relation, ask
from setpoint.backends.http_source import HttpSource
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.linear_sgd import SgdLearner
from setpoint.backends.lmdb_state import LmdbState
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.optuna import TpeSampler
from setpoint.backends.parquet import ParquetTables
from setpoint.backends.postgres_source import PostgresSource
from setpoint.backends.redis_state import RedisState
from setpoint.backends.segments import FileSegments
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.sklearn_boosted import HistGradientBoostingLearner
from setpoint.backends.sklearn_estimator import EstimatorLearner
from setpoint.backends.sklearn_forest import ExtraTreesLearner, RandomForestLearner
from setpoint.backends.sql_source import DIALECTS, SqlSource
from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.backends.sqlite_state import SqliteState
from setpoint.backends.torch_mlp import MlpLearner
from setpoint.backends.wordllama import open_wordllama
from setpoint.core.errors import NameUnknown, SettingInvalid
from setpoint.core.ports import (
    Blobs,
    Clock,
    Fetch,
    Fetched,
    Learner,
    Metadata,
    OnlineState,
    Sampler,
    Segments,
    Span,
    Tables,
    TextBase,
)
from setpoint.learn.ensemble import EnsembleLearner

__all__ = [
    "FETCHERS",
    "Relation",
    "ask",
    "copy_tables",
    "open_bases",
    "open_blobs",
    "open_learners",
    "open_log",
    "open_sampler",
    "open_metadata",
    "open_state",
    "open_tables",
    "relation",
    "tables_in",
]


def open_metadata(url: str) -> Metadata:
    """The documents in the database at a URL, as SQLAlchemy writes it."""
    return SqlMetadata(url)


def open_tables(url: str) -> Tables:
    """The tables at a URL; raises SettingInvalid for one that no backend answers to."""
    if url.partition(":")[0] != "delta":
        raise SettingInvalid(f"The tables are at {url!r}.", expected='a URL that begins with "delta:"')
    return DeltaTables(url)


def tables_in(folder: Path) -> Tables:
    """The tables that are Parquet files in a folder."""
    return ParquetTables(folder)


def open_blobs(file: Path, clock: Clock) -> Blobs:
    """The blobs in a file of SQLite, which the clock says when they were put."""
    return SqliteBlobs(file, clock=clock)


def open_log(folder: Path, *, quota: int | None = None) -> Segments:
    """The log in a folder: to write, up to so many bytes; without a quota to read while another process writes."""
    return FileSegments(folder, writer=False) if quota is None else FileSegments(folder, quota=quota)


def open_state(url: str) -> OnlineState:
    """The online state at a URL; raises SettingInvalid for one that no backend answers to."""
    backend = _STATES.get(url.partition(":")[0])
    if backend is None:
        expected = " or ".join(f'"{scheme}:"' for scheme in _STATES)
        raise SettingInvalid(f"The online state is at {url!r}.", expected=f"a URL that begins with {expected}")
    return backend(url)


_STATES: Mapping[str, Callable[[str], OnlineState]] = {
    "sqlite": SqliteState,
    "memory": MemoryState,
    "redis": RedisState,
    "rediss": RedisState,
    "unix": RedisState,
    "lmdb": LmdbState,
}


class _Postgres:
    """What is at a URL of PostgreSQL; the driver is asked for only then."""

    def __call__(self, url: str, columns: Sequence[str] | None) -> Fetched:
        return PostgresSource()(url, columns)

    def parts(self, url: str, columns: Sequence[str] | None) -> Iterator[Fetched]:
        return PostgresSource().parts(url, columns)


_SQL = SqlSource()

FETCHERS: Mapping[str, Fetch] = {
    **dict.fromkeys(DIALECTS, _SQL),
    **dict.fromkeys(("postgresql", "postgres"), _Postgres()),
    "https": HttpSource(),
    "http": HttpSource(),
}
"""Who fetches sources from where, by what their URLs begin with."""


def open_learners(threads: int) -> dict[str, Learner]:
    """Every learner, by name: those that can be tried, and that can load a model."""
    learners: list[Learner] = [
        LightGBMLearner(threads=threads),
        LogisticLearner(),
        SgdLearner(),
        HistGradientBoostingLearner(),
        RandomForestLearner(threads=threads),
        ExtraTreesLearner(threads=threads),
        EstimatorLearner(),
        MlpLearner(),
    ]
    found = {learner.name: learner for learner in learners}
    return {**found, EnsembleLearner.name: EnsembleLearner(found)}


def open_sampler(space: Mapping[str, Span], seed: int) -> Sampler:
    """What proposes points of a space."""
    return TpeSampler(space, seed)


BASES: Mapping[str, Callable[[], TextBase]] = {"wordllama": open_wordllama}
"""What opens each base model of texts, by the name that `sp.embedding(..., base=)` takes."""


def open_bases(names: Sequence[str]) -> dict[str, TextBase]:
    """The base models of these names; raises NameUnknown for one that is none, MissingExtra for one not installed."""
    for name in names:
        if name not in BASES:
            raise NameUnknown("base model", name, BASES, where="Setpoint")
    return {name: BASES[name]() for name in names}


def relation(tables: Tables, name: str, parts: Sequence[str], newer: pa.Table) -> Relation:
    """A set of decisions as a query reads it, by its files where the engine can read them itself."""
    times = {"at": "decided_at"}
    if isinstance(tables, ParquetTables):
        return Relation(tables.files(name, parts), [newer], times)
    return Relation(rows=[*([tables.read(name, parts=parts)] if parts else []), newer], times=times)


def copy_tables(folder: Path, target: Tables) -> None:
    """Write every part of every set of the Parquet files in a folder into other tables."""
    source = ParquetTables(folder)
    for name in source.sets():
        for part in source.parts(name):
            target.write(name, part, source.read(name, parts=[part]))
