"""Opens a declaration on backends: the only file that names them."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.sqlite_state import SqliteState
from setpoint.core.clock import SimulatedClock
from setpoint.core.digest import digest
from setpoint.core.errors import Busy
from setpoint.core.ports import Clock, Learner, Metadata, Tables
from setpoint.core.settings import Settings
from setpoint.core.times import DAY, iso
from setpoint.data.contract import Contract, infer_contract
from setpoint.data.feed import RowsFeed
from setpoint.data.ingest import Ingested, ingest, read_source
from setpoint.data.rows import AT, KNOWN_AT, kinds
from setpoint.data.snapshot import take_snapshot
from setpoint.declare.declaration import System
from setpoint.declare.plan import Plan, Profile, diff_declarations, make_plan
from setpoint.declare.source import info
from setpoint.features.online import OnlineFeatures
from setpoint.history import OnlineSample, Progress, replay, requests_of, results_of
from setpoint.loop import TickReport, Workspace


@dataclass(frozen=True)
class Folders:
    """Where a workspace keeps what it writes."""

    home: Path

    @property
    def models(self) -> Path:
        """Model files, by digest."""
        return self.home / "models"

    @property
    def log(self) -> Path:
        """Segments of the decision log."""
        return self.home / "log"

    def open_metadata(self, settings: Settings) -> Metadata:
        """The metadata database: the one the settings name, or SQLite in the folder."""
        return SqlMetadata(settings.metadata or f"sqlite:///{self.home / 'metadata.db'}")

    def open_tables(self) -> Tables:
        """Parquet files in the folder."""
        return ParquetTables(self.home / "tables")

    def open_state(self) -> SqliteState:
        """The online state, in SQLite."""
        return SqliteState(f"sqlite:///{self.home / 'state.db'}")


def open_learners(threads: int) -> dict[str, Learner]:
    """Every learner, by name."""
    learners: list[Learner] = [LightGBMLearner(threads=threads), LogisticLearner()]
    return {learner.name: learner for learner in learners}


class Live:
    """A system at work: its declaration, opened on the backends that the settings name."""

    def __init__(self, declared: System, *, root: Path, settings: Settings, clock: Clock) -> None:
        self.declared, self.root, self.settings, self.clock = declared, root, settings, clock
        home = Path(settings.home)
        self.folders = Folders(home if home.is_absolute() else root / home)
        self.folders.home.mkdir(parents=True, exist_ok=True)

    @cached_property
    def metadata(self) -> Metadata:
        """Documents: contracts, plans, models, audit."""
        return self.folders.open_metadata(self.settings)

    @cached_property
    def tables(self) -> Tables:
        """Tables on disk."""
        return self.folders.open_tables()

    @cached_property
    def raw(self) -> dict[str, pa.Table]:
        """The sources' rows as they were found."""
        return {name: read_source(info(source), self.root) for name, source in self.declared.sources.items()}

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        """The contract of each source: inferred when it was first seen, and stated from then on."""
        found = {}
        for name, source in self.declared.sources.items():
            key = f"{name}/{digest(info(source).to_dict())}"
            stated = self.metadata.get("contract", key)
            if stated is None:
                contract = infer_contract(info(source), self.raw[name])
                self.metadata.put("contract", key, contract.to_dict())
            else:
                contract = Contract.from_dict(stated)
            found[name] = contract
        return found

    @cached_property
    def ingested(self) -> dict[str, Ingested]:
        """The sources' rows under contract, and those set aside with their reasons."""
        return {
            name: ingest(info(source), self.raw[name], self.contracts[name])
            for name, source in self.declared.sources.items()
        }

    @property
    def rows(self) -> dict[str, pa.Table]:
        """The sources' rows that keep their contract, in the order in which they became known."""
        return {name: found.rows for name, found in self.ingested.items()}

    @cached_property
    def plan(self) -> Plan:
        """What is derived from the declaration on these sources."""
        spine = self.rows[info(self.declared.decide.spine).name]
        known = spine[KNOWN_AT].to_numpy()
        days = max(1.0, (int(known.max()) - int(known.min())) / DAY) if known.size else 1.0
        profile = Profile({name: table.num_rows for name, table in self.rows.items()}, spine.num_rows / days)
        return make_plan(self.declared, {name: kinds(table) for name, table in self.rows.items()}, profile)

    def check(self) -> dict[str, Any]:
        """Whether sources keep their contracts and decisions can meet their labels; nothing is trained."""
        plan = self.plan
        requests = requests_of(plan, self.rows, start=None, end=None)
        states = label_counts(plan, requests, self.rows)
        findings = []
        if states["known"] == 0:
            findings.append(
                {
                    "kind": "no-label",
                    "evidence": f"none of {requests.at.size} decisions meets a row of the label's source.",
                    "hint": f"Do {plan.system.decide.key!r} and {plan.system.label.on!r} hold the same keys?",
                }
            )
        quarantine = [row for name, found in self.ingested.items() for row in quarantined_rows(name, found.quarantined)]
        return {
            "system": self.declared.name,
            "passed": not findings,
            "sources": [self._source_facts(name) for name in self.declared.sources],
            "labels": states,
            "findings": findings,
            "quarantine": quarantine,
        }

    def _source_facts(self, name: str) -> dict[str, Any]:
        found, declared = self.ingested[name], info(self.declared.sources[name])
        known = next(choice.value for choice in self.plan.choices if choice.name == f"source {name}")
        at = found.rows[AT].to_numpy()
        timed = at.size > 0 and declared.at is not None
        return {
            "name": name,
            "rows": found.rows.num_rows,
            "quarantined": found.quarantined.num_rows,
            "skipped": found.skipped,
            "first": iso(int(at.min())) if timed else None,
            "last": iso(int(at.max())) if timed else None,
            "known": known.split("; ", 1)[-1],
        }

    def show_plan(self) -> dict[str, Any]:
        """The plan with each choice's reason, and what changed since it was last shown."""
        plan, declared = self.plan, self.declared.to_dict()
        before = self.metadata.get("declaration", self.declared.name)
        changes = [] if before is None else diff_declarations(before, declared)
        self.metadata.put("declaration", self.declared.name, declared)
        return {
            "system": self.declared.name,
            "digest": plan.digest,
            "choices": [choice.to_dict() for choice in plan.choices],
            "features": [
                {"name": feature.name, "kind": plan.features[feature.name], "definition": str(feature.expr)}
                for feature in plan.inputs
            ],
            "warnings": list(plan.warnings),
            "changes": [change.to_dict() for change in changes],
        }

    def replay(
        self,
        *,
        start: int | None = None,
        end: int | None = None,
        batch: int = DAY,
        sample: float = 0.01,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Run history as if live, from `start` to before `end` (default: all of it), and say what it amounted to.

        A share `sample` of the decisions also goes through the online path and is compared bit for bit. The replay
        keeps its own folder; one that was stopped goes on where it was, unless `fresh`. Raises Busy when the same
        replay runs elsewhere.
        """
        plan = self.plan
        snapshot = take_snapshot(self.rows, 2**62)
        name = digest([self.declared.digest, snapshot.digest, start, end, batch, sample, self.settings.seed])[:12]
        folders = Folders(self.folders.home / "replay" / name)
        if fresh and folders.home.exists():
            shutil.rmtree(folders.home)
        folders.home.mkdir(parents=True, exist_ok=True)
        with _only_one(folders.home, "replay"):
            clock = SimulatedClock(0)
            metadata, state = folders.open_metadata(Settings()), folders.open_state()
            work = Workspace(
                metadata=metadata,
                tables=folders.open_tables(),
                learners=open_learners(self.settings.threads),
                models=folders.models,
                clock=clock,
                seed=self.settings.seed,
                owner=name,
                judge_measured=False,
            )
            found = replay(
                plan,
                work,
                clock,
                self.rows,
                start=start,
                end=end,
                batch=batch,
                sample=OnlineSample(plan, RowsFeed(self.rows), OnlineFeatures(plan, state), sample),
                progress=progress or _silent,
            )
            return {**results_of(found), "folder": str(folders.home)}


def _silent(report: TickReport, *, done: int, of: int) -> None:
    """Say nothing."""


@contextmanager
def _only_one(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder against other processes; the system lets go of it when this one ends, however it ends."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"Another process is at the {what} in {folder}.", hint="Wait for it, or end it.") from None
        yield
