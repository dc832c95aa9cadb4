"""Opens a declaration on backends: the only file that names them."""

from __future__ import annotations

import fcntl
import json
import logging
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from setpoint.backends.delta import DeltaTables
from setpoint.backends.duckdb_sql import Relation, ask
from setpoint.backends.http_source import HttpSource
from setpoint.backends.lightgbm import LightGBMLearner
from setpoint.backends.lmdb_state import LmdbState
from setpoint.backends.memory_state import MemoryState
from setpoint.backends.metadata import SqlMetadata
from setpoint.backends.parquet import ParquetTables
from setpoint.backends.postgres_source import PostgresSource
from setpoint.backends.redis_state import RedisState
from setpoint.backends.segments import FileSegments
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.sql_source import DIALECTS, SqlSource
from setpoint.backends.sqlite_blobs import SqliteBlobs
from setpoint.backends.sqlite_state import SqliteState
from setpoint.core.clock import SimulatedClock, SystemClock, cpu_seconds
from setpoint.core.digest import digest
from setpoint.core.errors import Busy, NothingYet, SetpointError, SettingInvalid, SourceUnavailable, WrongType
from setpoint.core.ports import Blobs, Clock, Fetch, Fetched, Learner, Metadata, OnlineState, Segments, Tables
from setpoint.core.settings import Settings, load_settings
from setpoint.core.times import DAY, iso, time
from setpoint.data.blobs import keep_blobs
from setpoint.data.collect import collect, find_garbage
from setpoint.data.contract import Contract, infer_contract
from setpoint.data.contract_versions import put_in_force, versions_of
from setpoint.data.decisions import DECISIONS, SCORES, plan_sources, positions_known
from setpoint.data.entries import GONE, OPEN, Entry, choose, dismiss, read_dismissed, read_entries
from setpoint.data.eventlog import EventLog, Origin, Receipt
from setpoint.data.feed import RowsFeed
from setpoint.data.file_schemas import changes_of
from setpoint.data.hold import end_hold, hold_snapshot
from setpoint.data.ingest import Ingested, ingest, read_source, without
from setpoint.data.kept import Kept, Unreachable, is_elsewhere, keep, kept, let_go
from setpoint.data.manifest import Manifest, Provenance, load_snapshot, store_snapshot
from setpoint.data.mend_files import Edited, read_edited
from setpoint.data.provenance import trace_source, with_batches
from setpoint.data.quarantine import file_name, write_quarantine
from setpoint.data.readmit import do_asked, newest, plan_fixes, plan_readmission, write_asks
from setpoint.data.rows import AT, KNOWN_AT, kinds
from setpoint.data.rules import Around, check_rules
from setpoint.data.scales import scales_of, still_exact
from setpoint.data.snapshot import ContentDigests, Snapshot, take_snapshot
from setpoint.data.snapshot_diff import EXAMPLES
from setpoint.data.source_report import report_entries, report_source
from setpoint.data.source_rules import source_breaches
from setpoint.data.suggest import suggest_contract
from setpoint.data.taken import parts_taken, take_in, take_new, taken_before, taken_last
from setpoint.data.told import ADMITTED, Ask, decode_batch, read_batches, rows_of
from setpoint.declare.base_rate import with_base_rate
from setpoint.declare.contract import StatedContract, in_order_of_reference
from setpoint.declare.declaration import System
from setpoint.declare.formats import format_choices
from setpoint.declare.json_reads import json_reads
from setpoint.declare.plan import Plan, Profile, diff_declarations, make_plan
from setpoint.declare.scales import Scale, without_scale
from setpoint.declare.source import SourceInfo, info
from setpoint.features.backfill import backfill, completed
from setpoint.features.fit import DOES_NOT_FIT, unfit
from setpoint.features.freshness import freshness_of
from setpoint.features.online import OnlineFeatures
from setpoint.features.python_verdicts import python_verdicts
from setpoint.features.reader import FeatureReader
from setpoint.features.stream import log_of
from setpoint.features.training_set import TrainingSet, build_training_set
from setpoint.history import OnlineSample, Progress, Requests, examples_of, replay, requests_of, results_of
from setpoint.labels.hand_labels import HandLabel, hand_labels, settle_votes, told_rows, with_hand
from setpoint.labels.items import newest_items, with_blobs
from setpoint.labels.join import KNOWN, STATES, Labels, resolve
from setpoint.labels.label_model import LabelFit
from setpoint.labels.queue import Queue
from setpoint.labels.vote_report import VoteReport
from setpoint.labels.votes import contested
from setpoint.learn.added import report_programs
from setpoint.learn.audit import check_labeller, check_outcomes
from setpoint.learn.bias_sources import audit_training_set
from setpoint.learn.label_errors import review_labels
from setpoint.learn.scorer import Scorer, load_scorer
from setpoint.loop import TickReport, Workspace, open_loop, train_once
from setpoint.registry import audit, lineage, models, runs
from setpoint.registry.card import make_card, to_markdown
from setpoint.rollout.active import RANDOM_SHARE
from setpoint.rollout.fill import ERRORS, fill, fill_errors, newest_models, pool_of, recipe_of, take_pool
from setpoint.rollout.outcomes import BASE
from setpoint.serve.asked import labels_of, shown_rows, take_moment
from setpoint.serve.batch import decide_many
from setpoint.serve.decide import Decision
from setpoint.serve.outcomes import Outcome, Outcomes
from setpoint.serve.snapshot import Serving
from setpoint.session import LogBook, Session
from setpoint.watch.consistency import verify_moment, versions_recorded
from setpoint.watch.inventory import facts_of, take_inventory
from setpoint.watch.shifts import compare_snapshots
from setpoint.watch.status import loop_status
from setpoint.watch.told import told_act, told_gate
from setpoint.watch.why import Records, explain
from setpoint.watch.young_labels import young_labels

REPLAY, LIVE = "replay", "live system"
"""What a workspace is held for."""

REFRESH_SECONDS = 1.0
"""How often a live system takes in what became known, and looks whether a tick is due."""

VERIFIED = 200
"""How many decisions of every tick of a live system are worked out again."""

LABELS, OUTCOMES = "labels of decisions", 'SELECT * FROM decisions JOIN "labels of decisions" USING (decision_id)'
"""What the labels are called that a query's `outcomes` are joined from, a name that no source has; and the join."""

RESULTS = "results.json"
"""What a finished replay leaves in its folder."""


@dataclass(frozen=True)
class Folders:
    """Where a workspace keeps what it writes; its tables are in the folder, too, where no URL says where."""

    home: Path
    tables_url: str = ""

    @property
    def models(self) -> Path:
        """Model files, by digest."""
        return self.home / "models"

    @property
    def log(self) -> Path:
        """Segments of the decision log."""
        return self.home / "log"

    @property
    def outcomes(self) -> Path:
        """Segments of the outcomes that were told."""
        return self.home / "outcomes"

    @property
    def events(self) -> Path:
        """Segments of the events that were told, a folder for each source."""
        return self.home / "events"

    @property
    def backfill(self) -> Path:
        """What holds a workspace against two backfills at once."""
        return self.home / "backfill"

    @property
    def tables(self) -> Path:
        """Parts of the sets of tables."""
        return self.home / "tables"

    def open_metadata(self, settings: Settings) -> Metadata:
        """The metadata database: the one the settings name, or SQLite in the folder."""
        return SqlMetadata(settings.metadata or f"sqlite:///{self.home / 'metadata.db'}")

    def open_tables(self) -> Tables:
        """The tables at the URL, or Parquet files in the folder."""
        return open_tables(self.tables_url) if self.tables_url else ParquetTables(self.tables)

    def open_blobs(self) -> Blobs:
        """SQLite in the folder."""
        return SqliteBlobs(self.home / "blobs.db")

    def open_state(self, settings: Settings) -> OnlineState:
        """The online state: the one the settings name, or SQLite in the folder."""
        return open_state(settings.online or f"sqlite:///{self.home / 'online.db'}")


def open_tables(url: str) -> Tables:
    """The tables at a URL; raises SettingInvalid for one that no backend answers to."""
    if url.partition(":")[0] != "delta":
        raise SettingInvalid(f"The tables are at {url!r}.", expected='a URL that begins with "delta:"')
    return DeltaTables(url)


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
    """Every learner, by name."""
    learners: list[Learner] = [LightGBMLearner(threads=threads), LogisticLearner()]
    return {learner.name: learner for learner in learners}


_logger = logging.getLogger("setpoint.system")


class Live:
    """A system at work: its declaration, opened on the backends that the settings name."""

    def __init__(self, declared: System, *, root: Path, settings: Settings, clock: Clock) -> None:
        self.declared, self.root, self.settings, self.clock = declared, root, settings, clock
        home = Path(settings.home)
        self.folders = Folders(home if home.is_absolute() else root / home, _below(settings.tables, "project"))
        self.folders.home.mkdir(parents=True, exist_ok=True)
        self._opened, self._opening = ExitStack(), threading.Lock()
        self._session: Session | None = None
        self._events: EventLog | None = None
        self._followed: tuple[list[int], EventLog] | None = None
        self._unreachable: dict[str, tuple[Unreachable, Kept]] = {}

    @cached_property
    def metadata(self) -> Metadata:
        """Documents: contracts, plans, models, audit."""
        return self.folders.open_metadata(self.settings)

    @cached_property
    def raw(self) -> dict[str, pa.Table]:
        """The sources' rows as they were found; of one that cannot be reached, those that were read before."""
        return {name: self._read(name, info(source)) for name, source in self.declared.sources.items()}

    @property
    def unreachable(self) -> dict[str, Unreachable]:
        """The sources that could not be reached, and until when their rows are known."""
        return {name: told for name, (told, _) in list(self._unreachable.items())}

    def _read(self, name: str, source: SourceInfo) -> pa.Table:
        try:
            return read_source(source, self.root, fetchers=FETCHERS)
        except SourceUnavailable as error:
            before = self._read_before(source)
            if before is None:
                raise
            told = Unreachable(name, str(error), before.read_at)
        _logger.warning("Source %r is %s", name, told)
        self._unreachable[name] = told, before
        return before.raw

    def _read_before(self, source: SourceInfo) -> Kept | None:
        """What was read of a source, by the live system or else at all."""
        taken = self._taken_live(source)
        if taken is not None:
            return Kept(*taken)
        return kept(source, tables=self.folders.open_tables(), metadata=self.metadata)

    def _taken_live(self, source: SourceInfo) -> tuple[pa.Table, int] | None:
        """What the live system took in of a source, and when it did last; None where there is none."""
        if not self.live_folders.home.exists():
            return None
        metadata = self.live_folders.open_metadata(self.settings)
        try:
            return taken_last(source, tables=self.live_folders.open_tables(), metadata=metadata)
        finally:
            metadata.close()

    def _settled(self, name: str) -> pa.Table | None:
        """What was taken in of a source whose contract has changed since it was first seen: it is not judged again."""
        contract = self.contracts[name]
        if not contract.rules or len(versions_of(self.metadata, self.declared.name, name)) < 2:
            return None
        taken = self._taken_live(contract.info)
        return None if taken is None else taken[0]

    def _around(self, name: str, ingested: Mapping[str, Ingested]) -> Around:
        """The rows of the sources that a source's rows refer to, with the events that were told of them."""
        stated = self.declared.contracts.get(name)
        rows = {}
        with ExitStack() as opened:
            logs = self._event_logs(opened, writes=False) if stated is not None and stated.targets else {}
            for target in [info(source).name for source in stated.targets] if stated is not None else []:
                told = read_batches(logs[target]) if target in logs else []
                more = [rows_of(told, self.contracts[target])] if any(batch.ids for batch in told) else []
                rows[target] = pa.concat_tables([ingested[target].rows, *more], promote_options="permissive")
        return Around.of(rows)

    def _ingest(self, name: str, source: SourceInfo, around: Around) -> Ingested:
        """A source's rows under contract; what is read over a network is kept, unless a live system keeps it."""
        raw = self.raw[name]
        if name in self._unreachable:
            return self._unreachable[name][1].ingested(source)
        found = ingest(source, raw, self.contracts[name], around=around, settled=self._settled(name))
        self._keep_blobs(source, raw, found.delivered)
        if is_elsewhere(source) and not self.live_folders.home.exists():
            now = self.clock.now()
            keep(source, found, tables=self.folders.open_tables(), metadata=self.metadata, now=now)
        return found

    @cached_property
    def contracts(self) -> dict[str, Contract]:
        """The contract of each source: inferred when it was first seen, stated from then on, with the rules declared.

        One that is not the one before is in force from now on. Raises NameUnknown or WrongType for a rule that does not
        fit its columns.
        """
        found = {}
        for name, source in self.declared.sources.items():
            nested = json_reads(self.declared).columns.get(name, ())
            key = f"{name}/{digest([info(source).to_dict(), *nested] if nested else info(source).to_dict())}"
            stated = self.metadata.get("contract", key)
            if stated is None:
                contract = infer_contract(info(source), self.raw[name], json=nested)
                self.metadata.put("contract", key, contract.to_dict())
            else:
                contract = Contract.from_dict(stated)
            found[name] = contract.with_rules(self.declared.contracts.get(name))
        schemas = {name: each.kinds for name, each in found.items()}
        for name, each in found.items():
            if each.rules:
                check_rules(each.info, each.rules, self.raw[name], schemas)
        put_in_force(self.metadata, self.declared.name, found, self.clock.now())
        return found

    @cached_property
    def ingested(self) -> dict[str, Ingested]:
        """The sources' rows under contract, and those set aside with their reasons."""
        sources, found = self.declared.sources, dict[str, Ingested]()
        for name in in_order_of_reference(sources, self.declared.contracts):
            found[name] = self._ingest(name, info(sources[name]), self._around(name, found))
        return {name: found[name] for name in sources}

    @cached_property
    def fitting(self) -> dict[str, Ingested]:
        """The sources' rows that fit the plan's exact sums, too; the others join those set aside."""
        found = {}
        for name, each in self.ingested.items():
            reasons = unfit(self.plan, name, each.delivered)
            share = self.contracts[name].refuse_above
            source, raw = info(self.declared.sources[name]), self.raw[name]
            found[name] = without(source, each, raw, DOES_NOT_FIT, reasons, refuse_above=share)
            if name not in self._unreachable:
                write_quarantine(self.folders.open_tables(), name, found[name].quarantined, part="delivered")
        return found

    @property
    def rows(self) -> dict[str, pa.Table]:
        """The sources' rows that keep their contract and fit the plan, in the order in which they became known."""
        return {name: found.rows for name, found in self.fitting.items()}

    @cached_property
    def plan(self) -> Plan:
        """What is derived from the declaration on these sources."""
        rows = {name: found.rows for name, found in self.ingested.items()}
        spine = rows[info(self.declared.decide.spine).name]
        known = spine[KNOWN_AT].to_numpy()
        days = max(1.0, (int(known.max()) - int(known.min())) / DAY) if known.size else 1.0
        sizes = {name: table.num_rows for name, table in rows.items()}
        profile = Profile(sizes, spine.num_rows / days, self._scales(rows))
        return make_plan(self.declared, {name: kinds(table) for name, table in rows.items()}, profile)

    def _scales(self, rows: Mapping[str, pa.Table]) -> dict[str, Scale]:
        """The scale of each column that is summed without one: found when it was first seen, and kept from then on."""
        wanted = without_scale(feature.expr for feature in self.declared.features)
        stated = {key: self.metadata.get("scale", key) for key in wanted}
        fresh = {key: column for key, column in wanted.items() if stated[key] is None}
        found = scales_of(fresh, rows)
        for key, scale in found.items():
            self.metadata.put("scale", key, scale.to_dict())
        for key, body in stated.items():
            if body is not None:
                scale = Scale.from_dict(body)
                found[key] = replace(scale, outgrown=not still_exact(scale, wanted[key], rows))
        return found

    def check(self) -> dict[str, Any]:
        """Whether sources keep their contracts and decisions can meet their labels; nothing is trained."""
        plan = self.plan
        requests = requests_of(plan, self.rows, start=None, end=None)
        states = self._label_states(requests)
        keys = requests.table[plan.system.label.on].combine_chunks()
        findings = [finding.to_dict() for finding in check_outcomes(plan, keys, requests.at, self.rows)]
        findings += [finding.to_dict() for finding in check_labeller(plan, self.rows)]
        if states["known"] == 0:
            findings.append(
                {
                    "kind": "no-label",
                    "evidence": f"none of {requests.at.size} decisions meets a row of the label's source.",
                    "hint": f"Do {plan.system.decide.key!r} and {plan.system.label.on!r} hold the same keys?",
                }
            )
        findings += self._breaches()
        waiting = [entry for entry in self.quarantine() if entry.state == OPEN]
        waiting.sort(key=lambda entry: entry.told)
        return {
            "system": self.declared.name,
            "passed": not findings,
            "sources": [self._source_facts(name) for name in self.declared.sources],
            "labels": states,
            "findings": findings,
            "quarantine": [entry.to_dict() for entry in waiting],
            "python_features": python_verdicts(plan, self.rows, requests.table, requests.at),
            "bias": self._bias(requests),
        }

    def _bias(self, requests: Requests) -> dict[str, Any] | None:
        """What the data say of the attributes that the goal protects; None where it protects none."""
        goal = self.declared.goal
        if not goal.protect:
            return None
        examples, disputed = self._all_decisions(requests), None
        if self.declared.hand is not None:
            disputed = contested(self.label_queue().history(), examples.keys.cast(pa.string()).to_pylist())
        found = audit_training_set(goal, examples, contested=disputed, seed=self.settings.seed)
        return None if found is None else found.to_dict()

    def _all_decisions(self, requests: Requests) -> TrainingSet:
        """Every decision that the sources bring, with what is known of its label now."""
        plan = self.plan
        features = FeatureReader(plan, self.rows).read(requests.table, requests.at)
        labels, snapshot = self._labels(requests), take_snapshot(self.rows, 2**62)
        return build_training_set(plan, requests.table, requests.at, features, labels, snapshot.digest)

    def program_report(self) -> tuple[VoteReport, LabelFit | None]:
        """What each label program is worth, and the label model that decisions with a known truth choose, if any.

        Raises NothingYet for a system without label programs.
        """
        programs = self.declared.programs
        if programs is None:
            raise NothingYet(
                f"The system {self.declared.name!r} has no label programs.",
                expected="sp.System(..., programs=sp.programs([...]))",
            )
        examples = self._all_decisions(requests_of(self.plan, self.rows, start=None, end=None))
        return report_programs(programs, examples, seed=self.settings.seed)

    def check_report(self) -> dict[str, Any]:
        """What `check` says, with the contract, a profile of the rows and every quarantined row of each source.

        Rows are those of the files; `setpoint.console.check_report.write_check` makes a page of it.
        """
        found = self.check()
        facts = {name: report_source(self.contracts[name], rows) for name, rows in self.rows.items()}
        return {
            **found,
            "at": iso(self.clock.now()),
            "sources": [{**each, **facts[each["name"]]} for each in found["sources"]],
            "quarantine": report_entries(self.quarantine(), self.contracts),
        }

    def _breaches(self) -> list[dict[str, Any]]:
        """What sources as a whole do not keep of their contracts now, told events included."""
        stated = {name: each.source_rules for name, each in self.declared.contracts.items() if each.source_rules}
        if not stated:
            return []
        rows: Mapping[str, pa.Table] = self.rows
        if self.live_folders.home.exists():
            with self._recorded() as (metadata, tables, _):
                known = self._rows_of(metadata, tables)
                rows = {name: known[name] for name in stated}
        return [
            {"kind": breach.kind, "evidence": breach.words, "hint": f"It is stated by {breach.rule} of its contract."}
            for name, rules in stated.items()
            for breach in source_breaches(self.contracts[name].info, rules, rows[name], self.clock.now())
        ]

    def show_contracts(self) -> list[dict[str, Any]]:
        """The contract of each source as Python to paste into the declaration, and its versions, oldest first."""
        sources, rows = self.declared.sources, {name: found.rows for name, found in self.ingested.items()}
        return [
            {
                "source": name,
                "python": suggest_contract(
                    self.contracts[name], self.declared.contracts.get(name, StatedContract(source, ())), rows, sources
                ),
                "versions": [each.to_dict() for each in versions_of(self.metadata, self.declared.name, name)],
            }
            for name, source in sources.items()
        ]

    def quarantine(self) -> list[Entry]:
        """Every row that was ever set aside, of files and told, with what became of it since."""
        fitting, tables, dismissed = self.fitting, self.folders.open_tables(), read_dismissed(self.metadata)
        with ExitStack() as opened:
            logs = self._event_logs(opened, writes=False)
            return [
                entry
                for name in fitting
                for entry in read_entries(
                    name,
                    tables,
                    [(place, decode_batch(data)) for place, data in logs[name].read()] if name in logs else [],
                    dismissed,
                )
            ]

    def fix(self, rows: Path | Sequence[Edited], *, by: str, why: str = "") -> dict[str, Any]:
        """What became of rows of the quarantine that `by` edited, told again now, under the contract.

        `rows` are a file that was exported and edited, or its rows. What still breaks the contract is set aside again
        with its new reason. Doing it again changes nothing. While another process is the live system it is asked to
        take them in: they are `waiting`. Raises DataError for rows that are not in the quarantine.
        """
        edited = read_edited(rows) if isinstance(rows, Path) else rows
        return self._tell_again(plan_fixes(self.quarantine(), edited, self.contracts, by=by, why=why))

    def readmit(self, which: Sequence[str], *, by: str, why: str = "") -> dict[str, Any]:
        """What became of open rows of the quarantine, named by rules or ids, told again as they are.

        It is of use once the contract is another. Of what a file delivered the live system takes in itself what keeps
        the new contract: those are `gone`. Raises NameUnknown for a word that is neither rule nor id.
        """
        known = self.quarantine()
        gone = choose(known, which, states=[GONE])
        done = self._tell_again(plan_readmission(choose(known, which), self.contracts, by=by, why=why))
        return {**done, "gone": [entry.id for entry in gone]}

    def dismiss(self, which: Sequence[str], *, by: str, why: str) -> dict[str, Any]:
        """Say of open rows of the quarantine, named by rules or ids, that they are not to be taken in; they stay.

        Raises NameUnknown for a word that is neither, and WrongType without a reason.
        """
        if not why.strip():
            raise WrongType("Nothing says why the rows are dismissed.", expected="a reason")
        chosen = choose(self.quarantine(), which)
        dismiss(self.metadata, chosen, by=by, why=why, at=self.clock.now())
        return {"system": self.declared.name, "dismissed": [entry.id for entry in chosen]}

    def _tell_again(self, asks: Mapping[str, Sequence[Ask]]) -> dict[str, Any]:
        """Write down what is asked of the quarantine, and do it, unless another process is the live system."""
        self._adopt()
        self.live_folders.home.mkdir(parents=True, exist_ok=True)
        metadata, waits = self.live_folders.open_metadata(self.settings), False
        try:
            write_asks(metadata, asks, at=self.clock.now())
            if self._events is not None:
                do_asked(metadata, self._events)
            else:
                with (
                    self._open(self.live_folders, self.clock, what=LIVE) as (work, _),
                    self._event_log(work.metadata, work.tables) as events,
                ):
                    do_asked(metadata, events)
        except Busy:
            waits = True
        finally:
            metadata.close()
        known = {entry.id: entry for entry in self.quarantine()}
        found = [known[ask.of] for theirs in asks.values() for ask in theirs]
        return {
            "system": self.declared.name,
            "admitted": [entry.id for entry in found if entry.state == ADMITTED],
            "set_aside": [newest(known, e).to_dict() for e in found if e.state != ADMITTED and not waits],
            "waiting": [entry.id for entry in found if entry.state != ADMITTED and waits],
        }

    def _label_states(self, requests: Requests) -> dict[str, int]:
        labels = self._labels(requests)
        return {state: int((labels.state == number).sum()) for number, state in enumerate(STATES)}

    def _base_rate(self) -> float | None:
        """The share of positives among the known labels of all decisions; None where none is known."""
        if not self.rows[info(self.declared.decide.spine).name].num_rows:
            return None
        labels = self._labels(requests_of(self.plan, self.rows, start=None, end=None))
        known = labels.value[labels.state == KNOWN]
        return float(known.mean()) if known.size else None

    def _labels(self, requests: Requests) -> Labels:
        label, table = self.plan.system.label, requests.table
        end = int(requests.at[-1]) + label.matures_after
        segments = None if label.by is None else table[label.by].combine_chunks()
        return resolve(label, table[label.on].combine_chunks(), requests.at, self.rows, end, segments=segments)

    def _source_facts(self, name: str) -> dict[str, Any]:
        found, declared = self.fitting[name], info(self.declared.sources[name])
        known = next(choice.value for choice in self.plan.choices if choice.name == f"source {name}")
        at = found.rows[AT].to_numpy()
        timed = at.size > 0 and declared.at is not None
        changes = [str(change) for change in changes_of(self.raw[name])]
        return {
            "name": name,
            "rows": found.rows.num_rows,
            "quarantined": found.quarantined.num_rows,
            "skipped": found.skipped,
            "first": iso(int(at.min())) if timed else None,
            "last": iso(int(at.max())) if timed else None,
            "known": known.split("; ", 1)[-1],
            **({"unreachable": str(self.unreachable[name])} if name in self._unreachable else {}),
            **({"early": found.early} if found.early else {}),
            **({"changes": changes} if changes else {}),
        }

    def blob(self, digest: str) -> bytes | None:
        """The content of a blob that a source brought, by its digest; None where there is none."""
        blobs = self.folders.open_blobs()
        try:
            return blobs.get([digest])[0]
        finally:
            blobs.close()

    def _keep_blobs(self, source: SourceInfo, raw: pa.Table, rows: pa.Table) -> None:
        """Keep the blobs of a source that good rows of it name, each content once."""
        if source.blobs:
            blobs = self.folders.open_blobs()
            try:
                keep_blobs(source, raw, rows, blobs)
            finally:
                blobs.close()

    def show_plan(self) -> dict[str, Any]:
        """The plan with each choice's reason, and what changed since it was last shown.

        What follows from the rate of positives among known labels is told beside it, and is no part of its digest.
        """
        plan = with_base_rate(self.plan, self._base_rate())
        declared = {**self.declared.to_dict(), "versions": dict(plan.versions)}
        before = self.metadata.get("declaration", self.declared.name)
        changes = [] if before is None else diff_declarations(before, declared)
        self.metadata.put("declaration", self.declared.name, declared)
        return {
            "system": self.declared.name,
            "digest": self.plan.digest,
            "choices": [choice.to_dict() for choice in (*plan.choices, *format_choices())],
            "features": [
                {
                    "name": feature.name,
                    "kind": plan.features[feature.name],
                    "definition": str(feature.expr),
                    "version": feature.version,
                    "owner": feature.owner,
                    "note": feature.note,
                }
                for feature in plan.inputs
            ],
            "warnings": list(plan.warnings),
            "changes": [change.to_dict() for change in changes],
        }

    def catalogue(self) -> dict[str, Any]:
        """Every feature with version, owner, users, coverage, freshness and importance, and those that could go.

        Before anything has run it tells what the declaration says.
        """
        plan = self.plan
        with ExitStack() as opened:
            try:
                folders, settings, where = self._newest()
            except NothingYet:
                fresh = freshness_of(plan, self.rows, self.clock.now())
                return take_inventory(plan, facts_of([self.metadata], None, None, fresh=fresh))
            metadata, tables = folders.open_metadata(settings), folders.open_tables()
            opened.callback(metadata.close)
            moment = take_moment(plan, metadata, tables, _reading(opened, folders.log))
            rows = self._rows_of(metadata, tables)
            fresh = freshness_of(plan, rows, self._moment_of(metadata, where))
            return take_inventory(plan, facts_of([metadata, self.metadata], tables, moment, fresh=fresh))

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

        A share `sample` of the hours also goes through the online path and is compared bit for bit. The replay
        keeps its own folder; one that was stopped goes on where it was, unless `fresh`. Raises Busy when the same
        replay runs elsewhere, WrongType for a share that is none or a batch of no length.
        """
        _refuse_share(sample, least=0.0)
        if batch <= 0:
            raise WrongType(f"Batches are {batch / 1e6:g} seconds long.", expected='more than "0s", such as "1d"')
        before = cpu_seconds()
        plan, snapshot = self.plan, take_snapshot(self.rows, 2**62)
        name = digest([self.declared.digest, snapshot.digest, start, end, batch, sample, self.settings.seed])[:12]
        folders = Folders(self.folders.home / "replay" / name)
        taken_in = cpu_seconds() - before
        if fresh and folders.home.exists():
            shutil.rmtree(folders.home)
        with self._open(folders, SimulatedClock(0), what=REPLAY) as (work, state):
            assert isinstance(work.clock, SimulatedClock)
            feed = RowsFeed(self.rows)
            found = replay(
                plan,
                work,
                work.clock,
                self.rows,
                start=start,
                end=end,
                batch=batch,
                sample=OnlineSample(plan, feed, OnlineFeatures(plan, state, history=log_of(feed)), sample),
                progress=progress or _silent,
                taken_in=taken_in,
            )
            results = {**results_of(found), "folder": str(folders.home)}
        draft = folders.home / f".{RESULTS}"
        draft.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
        draft.replace(folders.home / RESULTS)  # at once: a file that is half there would be read as a finished replay
        return results

    def train(self, *, as_of: int | None = None) -> dict[str, Any]:
        """Train one candidate on what was known at a time (default: now), judge it, and offer it for release.

        Raises NothingYet when too few labels are mature.
        """
        now = self.clock.now() if as_of is None else as_of
        plan, contents = self.plan, ContentDigests()
        with (
            self._open(self.live_folders, SimulatedClock(now), what=LIVE) as (work, _),
            self._event_log(work.metadata, work.tables) as events,
        ):
            rows = dict(events.tables)
            requests = requests_of(plan, rows, start=None, end=now)
            features = FeatureReader(plan, rows).read(requests.table, requests.at)
            positions = positions_known(rows, plan_sources(plan), requests.at)
            log = decide_many(requests.table, requests.at, features, Serving(plan), positions=positions)

            def examples(moment: int) -> TrainingSet:
                return examples_of(plan, log, take_snapshot(rows, moment, contents=contents))

            loop = open_loop(plan, work, rows, examples, started=now)
            model = train_once(loop, now, reason="asked for")
            document = models.get(work.metadata, model)
            found = runs.runs_of(work.metadata, model)[-1]
            acts = [told_act(act) for act in audit.trail(work.metadata, at=now)]
        goal = plan.system.goal
        gate = told_gate(document, metric=str(goal.metric), unit=goal.business)
        return {
            **gate,
            "rows": document["rows"]["usable"],
            "cpu_seconds": found["cpu_seconds"],
            "card": to_markdown(make_card(document, plan, run=found)),
            "acts": acts,
        }

    def status(self) -> dict[str, Any]:
        """The whole loop on one screen: of the live system, or of the newest replay where nothing is live."""
        plan = self.plan
        with self._recorded() as (metadata, tables, where):
            rows, now = self._rows_of(metadata, tables), self._moment_of(metadata, where)
            return loop_status(
                plan,
                metadata,
                tables,
                where=where,
                fresh=freshness_of(plan, rows, now),
                unreachable=self.unreachable,
                young=young_labels(plan, tables, rows, now),
            )

    def why(self, subject: str, *, feature: str | None = None) -> dict[str, Any]:
        """One decision, model or incident explained from what was recorded; raises NothingYet when there is none.

        With a `feature`, the events behind its value in that decision.
        """
        with self._recorded() as (metadata, tables, _), ExitStack() as opened:
            moment = take_moment(self.plan, metadata, tables, _reading(opened, self._newest()[0].log))
            rows = self._rows_of(metadata, tables)
            records = Records(self.plan, metadata, tables, moment, rows, stored=self.metadata)
            return explain(records, subject, feature=feature)

    def snapshot(self, which: str) -> Snapshot:
        """The rows of a stored snapshot, or those that were known at a time.

        `which` is the digest of a snapshot, or of a model for the one that it learned from (a beginning is enough), the
        name of a hold, a time such as "2013-09-01T00:00:00Z", or "now". Raises NameUnknown for what is none of these,
        NothingYet where the rows are no longer stored, DataError where they are damaged.
        """
        stored = self._snapshot_named(which)
        if stored is not None:
            return load_snapshot(self.folders.open_tables(), self.metadata, snapshot=stored)
        return self._known(self.clock.now() if which == "now" else time(which))

    def snapshots(self) -> dict[str, Any]:
        """Every stored snapshot with its size and what needs it; those that nothing needs are `snapshots`."""
        return self.collect()

    def compare(self, before: str, after: str, *, examples: int = EXAMPLES) -> dict[str, Any]:
        """What differs between two snapshots, named as `snapshot` has it: columns, rows, and how far values moved."""
        return compare_snapshots(self.snapshot(before), self.snapshot(after), examples=examples)

    def hold(self, name: str, *, which: str = "now", reason: str = "") -> dict[str, Any]:
        """Store a snapshot, named as `snapshot` has it, under a name; it is not collected until it is let go."""
        now, stored = self.clock.now(), self._snapshot_named(which)
        if stored is None:
            stored = self._store(self.metadata, self._origins, self.snapshot(which)).snapshot
        return hold_snapshot(self.metadata, name, snapshot=stored, at=now, reason=reason).to_dict()

    def let_go(self, name: str) -> dict[str, Any]:
        """End a hold: its snapshot may be collected. Raises NameUnknown where there is none of this name."""
        return end_hold(self.metadata, name).to_dict()

    def collect(self, *, sweep: bool = False) -> dict[str, Any]:
        """What is stored of snapshots that nothing needs, and with `sweep` removes it; and what is kept, and why.

        Needed is what a model of the live system or of a replay learned from, what is held, and what was used within
        the last day.
        """
        with self._registries() as registries:
            found = (collect if sweep else find_garbage)(
                self.folders.open_tables(),
                self.metadata,
                needs=lambda: lineage.needed_snapshots(registries),
                now=self.clock.now(),
            )
        return {"system": self.declared.name, **found.to_dict(), "removed": sweep}

    @cached_property
    def _origins(self) -> dict[str, Provenance]:
        """Where the rows of each source came from when they were read."""
        return {
            name: trace_source(info(source), self.contracts[name], root=self.root)
            for name, source in self.declared.sources.items()
        }

    def _store(self, metadata: Metadata, origins: Mapping[str, Provenance], snapshot: Snapshot) -> Manifest:
        """Store a snapshot; `metadata` say what was taken in of its sources."""
        provenance = {
            name: with_batches(found, info(self.declared.sources[name]), metadata) for name, found in origins.items()
        }
        tables = self.folders.open_tables()
        return store_snapshot(snapshot, tables, metadata=self.metadata, now=self.clock.now(), provenance=provenance)

    def _snapshot_named(self, which: str) -> str | None:
        """The digest of a stored snapshot that is called so; None where this is a time."""
        if which == "now" or re.match(r"\d{4}-\d\d", which):
            return None
        with self._registries() as registries:
            return lineage.snapshot_named(registries, self.metadata, which)

    def _known(self, as_of: int) -> Snapshot:
        """The sources' rows as they were known at a time: those of what was recorded last, if anything was."""
        try:
            with self._recorded() as (metadata, tables, _):
                return take_snapshot(self._rows_of(metadata, tables), as_of)
        except NothingYet:
            return take_snapshot(self.rows, as_of)

    @contextmanager
    def _registries(self) -> Iterator[list[Metadata]]:
        """The documents of every workspace: of the live system, and of each replay."""
        home = self.folders.home / "replay"
        found = [(Folders(path.parent), Settings()) for path in sorted(home.glob("*/metadata.db"))]
        if self.live_folders.home.exists():
            found.append((self.live_folders, self.settings))
        with ExitStack() as opened:
            registries = []
            for folders, settings in found:
                registries.append(folders.open_metadata(settings))
                opened.callback(registries[-1].close)
            yield registries

    def verify(
        self,
        *,
        since: int | None = None,
        until: int | None = None,
        features: Sequence[str] | None = None,
        sample: float = 1.0,
    ) -> dict[str, Any]:
        """What was logged of decisions from a time to before another, worked out again and compared bit for bit.

        `features` names those to look at (default: all, and the scores), `sample` is the share of decisions. Where a
        value differs, the event that explains it is named. Raises NothingYet where there is no decision to look at,
        WrongType for a share that is none.
        """
        _refuse_share(sample)
        with self._recorded() as (metadata, tables, _), ExitStack() as opened:
            folders = self._newest()[0]
            moment = take_moment(self.plan, metadata, tables, _reading(opened, folders.log))
            found = verify_moment(
                self.plan,
                self._rows_of(metadata, tables),
                metadata,
                tables,
                moment,
                scorer_of=_Scorers(folders.models, open_learners(self.settings.threads)).of,
                since=since,
                until=until,
                features=features,
                sample=sample,
                seed=self.settings.seed,
            )
        if not found["decisions"]:
            asked = (
                f" from {'the first' if since is None else iso(since)} to {'the last' if until is None else iso(until)}"
            )
            raise NothingYet(
                f"No decision of {self.declared.name!r}{asked} was looked at.",
                expected="a time in which decisions were taken, and a share of them that is at least one",
            )
        return found

    def backfill(self, *, progress: Callable[..., None] | None = None) -> dict[str, Any]:
        """Work out features that are new, or were changed, for every decision in the log, while serving goes on.

        The values go into tables of their own, which training sets take them from; the online state of the live system
        is filled beside the old. What was done is not done again, whatever stopped it. `progress` is told `done`, `of`
        and `what`. Raises NothingYet where nothing has run, Busy while another backfill runs.
        """
        plan, (folders, settings, where) = self.plan, self._newest()
        told = progress or _untold
        folders.backfill.mkdir(exist_ok=True)
        with _only_one(folders.backfill, "backfill"), self._recorded() as (metadata, tables, _):
            moment, rows = take_moment(plan, metadata, tables, None), self._rows_of(metadata, tables)
            found = backfill(
                plan,
                rows,
                tables,
                moment.parts,
                versions=versions_recorded(metadata),
                progress=partial(told, what="decisions"),
            )
            state = self._fill_state(folders, settings, rows, told) if where == LIVE else {}
        return {"system": plan.system.name, "features": [asdict(each) for each in found], "state": state}

    def _fill_state(
        self, folders: Folders, settings: Settings, rows: Mapping[str, pa.Table], told: Callable[..., None]
    ) -> dict[str, int]:
        """Fill what features have no online state yet; gives how many rows of each source it took."""
        feed, state = RowsFeed(rows), folders.open_state(settings)
        try:
            online = OnlineFeatures(self.plan, state, history=log_of(feed))
            return {
                source: online.backfill(
                    source,
                    feed.read(source, after=-1, until=self.clock.now()),
                    progress=partial(told, what=f"online state of {source}"),
                )
                for source in plan_sources(self.plan)
            }
        finally:
            state.close()

    def sql(self, query: str) -> pa.Table:
        """The answer to one SELECT over `decisions`, `outcomes`, `scores` and the sources by name, as of this moment.

        Decisions that no tick has taken up yet are among them; `outcomes` are the decisions with what is known of
        their labels. Nothing can be changed. Raises QueryInvalid, and MissingExtra without the extra `sql`.
        """
        plan, folders = self.plan, self._newest()[0]
        with self._recorded() as (metadata, tables, _), ExitStack() as opened:
            log, told = (_reading(opened, folder) for folder in (folders.log, folders.outcomes))
            sources = self._rows_of(metadata, tables)
            moment = take_moment(plan, metadata, tables, log)
            there = set(tables.parts(SCORES))
            scores = [part for part in moment.parts if part in there]
            relations = {
                "decisions": _relation(tables, DECISIONS, moment.parts, moment.newer),
                "scores": _relation(tables, SCORES, scores, moment.newer.select(BASE).slice(0, 0)),
            }
            views = {}
            if re.search(r"\boutcomes\b", query, re.IGNORECASE):
                outcomes = None if told is None else Outcomes(plan.system.name, told)
                decided, now = moment.joined_by(plan, tables), self.clock.now()
                hand = self._hand_rows(decided["key"])
                labels = labels_of(plan, decided, sources, told=outcomes, hand=hand, as_of=now)
                relations[LABELS] = Relation(rows=[labels], times={"settled_at": "settled_at"})
                views["outcomes"] = OUTCOMES
            known = ["decisions", "outcomes", "scores"]
            for name, rows in sources.items():
                free = f"source_{name}" if name.lower() in known[:3] else name
                relations[free] = Relation(rows=[shown_rows(rows)], times={AT: AT, KNOWN_AT: KNOWN_AT})
                known.append(free)
            return ask(query, relations, views=views, known=known, threads=self.settings.threads)

    def label_queue(self) -> Queue:
        """The queue of what people label by hand, on this system's metadata; raises NothingYet where nobody does."""
        if self.declared.hand is None:
            raise NothingYet(
                f"The system {self.declared.name!r} does not say how people label.",
                expected="sp.System(..., hand=sp.hand(...))",
            )
        return Queue(self.declared.name, self.declared.hand, self.metadata, clock=self.clock)

    def queue_decisions(self, count: int) -> int:
        """Put the newest decisions that are not there yet into the queue of what people label; gives how many."""
        queue, folders = self.label_queue(), self._newest()[0]
        with self._recorded() as (metadata, tables, _), ExitStack() as opened:
            moment = take_moment(self.plan, metadata, tables, _reading(opened, folders.log))
            items = newest_items(moment.newest_first(tables), count, known=queue.keys())
            blobs = [name for name, _ in info(self.declared.decide.spine).blobs]
            return queue.add(with_blobs(items, blobs, self.blob))

    def fill_queue(self, strategy: str, count: int, *, random_share: float = RANDOM_SHARE) -> dict[str, Any]:
        """Put decisions before people whose labels tell most, by a strategy; or, by "errors", labels likely wrong.

        A share of a strategy's decisions is drawn at random, to judge with. Raises NothingYet where a strategy needs a
        model that is not there yet.
        """
        queue, folders, plan, now = self.label_queue(), self._newest()[0], self.plan, self.clock.now()
        with self._recorded() as (metadata, tables, _), ExitStack() as opened:
            log, told = (_reading(opened, folder) for folder in (folders.log, folders.outcomes))
            moment, sources = take_moment(plan, metadata, tables, log), self._rows_of(metadata, tables)
            outcomes = None if told is None else Outcomes(plan.system.name, told)
            learners = open_learners(self.settings.threads)
            newest = newest_models(plan.system.name, metadata)
            if strategy == ERRORS:
                rows = pa.concat_tables([*moment.newest_first(tables)][::-1], promote_options="permissive")
                log_rows = completed(plan, rows, tables, sources, versions=versions_recorded(metadata))
                heard = None if outcomes is None else outcomes.rows(rows.select(["decision_id", "key"]))
                heard = with_hand(heard, self._hand_rows(rows["key"]))
                review = review_labels(
                    plan,
                    examples_of(plan, log_rows.combine_chunks(), take_snapshot(sources, now), told=heard),
                    learners=learners,
                    recipe=recipe_of(plan, metadata, learners, newest),
                    seed=self.settings.seed,
                )
                filled, items = fill_errors(queue, self.metadata, review, rows, count=count, now=now)
            else:
                decided = moment.joined_by(plan, tables)
                hand = self._hand_rows(decided["key"])
                labels = labels_of(plan, decided, sources, told=outcomes, hand=hand, as_of=now)
                pool, labelled = take_pool(moment.newest_first(tables), labels, queue.keys(), label=plan.system.label)
                scorers = _Scorers(folders.models, learners)
                filled, items = fill(
                    queue,
                    self.metadata,
                    pool_of(pool, labelled, [scorers.of(model) for model in newest]),
                    pool,
                    strategy=strategy,
                    count=count,
                    random_share=random_share,
                    seed=self.settings.seed,
                    now=now,
                )
        blobs = [name for name, _ in info(self.declared.decide.spine).blobs]
        queue.add(with_blobs(items, blobs, self.blob))
        return filled.to_dict()

    def hand_labels(self) -> list[HandLabel]:
        """The labels that votes have made by now, each in its last version."""
        settle_votes(self.label_queue(), self.metadata, clock=self.clock)
        return hand_labels(self.declared.name, self.metadata)

    def _hand_rows(self, keys: pa.ChunkedArray) -> pa.Table | None:
        """The labels of hand of decisions with these keys, as told outcomes; None where nobody labels."""
        if self.declared.hand is None:
            return None
        settle_votes(self.label_queue(), self.metadata, clock=self.clock)
        labels = hand_labels(self.declared.name, self.metadata, every_version=True)
        return told_rows(labels, keys.combine_chunks(), positive=self.declared.hand.positive) if labels else None

    def decide(self, request: Mapping[str, Any]) -> Decision:
        """The decision on a request, in the log before it is given: the product's own code, in process.

        The first call opens a session, which brings features, labels and model up to date in a thread of its own until
        `close`. Raises RequestInvalid, LogUnavailable, or Busy when another process is this live system.
        """
        return self._desk().decide(request)

    def outcome(self, decision: str, value: float, *, at: str | datetime | None = None) -> Outcome:
        """The truth of a decision that no source brings, as recorded; telling it again changes nothing.

        `at` is when it happened, now when it is not given. Raises RequestInvalid for an outcome that means nothing.
        """
        told = {"decision": decision, "value": value} | ({} if at is None else {"at": at})
        return self._desk().outcome(told)[0]

    def event(self, source: str, events: Mapping[str, Any] | Sequence[Any]) -> Receipt:
        """What became of an event that was told to a source, or of several; accepted ones are in its log by then.

        Raises NameUnknown, RequestInvalid, LogUnavailable, or Busy when another process is this live system.
        """
        return self._desk().event(source, [events] if isinstance(events, Mapping) else events)

    def close(self) -> None:
        """End the session that `decide` opened, and let go of files; what is called afterwards opens them again."""
        self._opened.close()
        self._session = None
        if "metadata" in self.__dict__:
            self.__dict__.pop("metadata").close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _desk(self) -> Session:
        with self._opening:
            if self._session is None:
                session = self._opened.enter_context(self.session())
                self._opened.enter_context(session.refreshing(REFRESH_SECONDS))
                self._session = session
            return self._session

    def _event_logs(self, opened: ExitStack, *, writes: bool) -> dict[str, Segments]:
        """The logs of events that were told to the live system, of each source that has times; closed with `opened`."""
        logs: dict[str, Segments] = {}
        for name, source in self.declared.sources.items():
            folder = self.live_folders.events / file_name(name)
            if info(source).at is not None and (writes or any(folder.glob("*.log"))):
                log = FileSegments(folder, quota=self.settings.log_quota_mb * 1_000_000, writer=writes)
                opened.callback(log.close)
                logs[name] = log
        return logs

    @contextmanager
    def _event_log(self, metadata: Metadata, tables: Tables) -> Iterator[EventLog]:
        """The log of the live system's sources, with what is new in them; one process at a time may open it."""
        with ExitStack() as opened:
            logs, origins = self._event_logs(opened, writes=True), {}
            for name, found in self.ingested.items():
                told = read_batches(logs[name]) if name in logs else []
                source = info(self.declared.sources[name])
                now = max([self.clock.now(), *[batch.known_at + 1 for batch in told[-1:]]])
                if name in self._unreachable and parts_taken(source, metadata):
                    taken = taken_before(source, found, tables=tables, metadata=metadata)
                else:
                    taken = take_in(source, found, tables=tables, metadata=metadata, now=now)
                if is_elsewhere(source):
                    let_go(source, tables=self.folders.open_tables())
                origins[name] = Origin(source, self.contracts[name], taken, told)
            self._events = EventLog(
                origins, logs, clock=self.clock, unfit=partial(unfit, self.plan), keep=self._keep_blobs
            )
            try:
                yield self._events
            finally:
                self._events = None

    def _reach(self, events: EventLog, metadata: Metadata, tables: Tables) -> None:
        """Ask again for the sources that could not be reached, and take in what is new in those that answer."""
        for name, (told, before) in list(self._unreachable.items()):
            source = info(self.declared.sources[name])
            try:
                raw, around = read_source(source, self.root, fetchers=FETCHERS), self._around(name, self.ingested)
                found = ingest(source, raw, self.contracts[name], around=around, settled=self._settled(name))
                self._keep_blobs(source, raw, found.delivered)
                count = events.take(name, partial(_new_in, source, found, tables, metadata))
            except SetpointError as error:
                if str(error) != told.problem:
                    _logger.warning("Source %r cannot be taken in: %s", name, error)
                self._unreachable[name] = replace(told, problem=str(error)), before
                continue
            del self._unreachable[name]
            _logger.warning("Source %r is back; %d of its rows are new.", name, count)

    def _rows_of(self, metadata: Metadata, tables: Tables) -> Mapping[str, pa.Table]:
        """The sources' rows as what was recorded last knows them: those of the live system's log, if there is one."""
        if self._newest()[2] != LIVE:
            return self.rows
        if self._events is not None:
            return self._events.tables
        sources = {name: info(source) for name, source in self.declared.sources.items()}
        parts = [parts_taken(source, metadata) for source in sources.values()]
        if self._followed is None or self._followed[0] != parts or not self._followed[1].follow():
            logs, origins = self._event_logs(ExitStack(), writes=False), {}
            for name, source in sources.items():
                taken = taken_before(source, self.ingested[name], tables=tables, metadata=metadata)
                told = read_batches(logs[name]) if name in logs else []
                origins[name] = Origin(source, self.contracts[name], taken, told)
            self._followed = parts, EventLog(origins, logs, clock=self.clock, unfit=partial(unfit, self.plan))
        return self._followed[1].tables

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The system deciding now: requests answered, the log written, events and ticks taken on `refresh`.

        A system that never was live goes on from its newest finished replay, if there is one.
        """
        adopted = self._adopt()
        plan, folders = self.plan, self.live_folders
        with (
            self._open(folders, self.clock, what=LIVE) as (work, state),
            self._event_log(work.metadata, work.tables) as events,
        ):
            if adopted is not None:
                now = self.clock.now()
                reason = f"the live system goes on from the replay {adopted}"
                audit.record(work.metadata, at=now, act="adopt", subject=plan.system.name, reason=reason)
            quota = self.settings.log_quota_mb * 1_000_000
            log, told = FileSegments(folders.log, quota=quota), FileSegments(folders.outcomes, quota=quota)
            outcomes = Outcomes(plan.system.name, told)
            book = LogBook(plan, work, events.tables, outcomes, hand=self._hand_rows)
            watched = replace(work, told=book.told, verified=VERIFIED)
            loop = open_loop(plan, watched, events.tables, book.examples, started=self.clock.now())
            session = Session(
                loop,
                clock=self.clock,
                events=events,
                online=OnlineFeatures(plan, state, history=log_of(events)),
                log=log,
                outcomes=outcomes,
                book=book,
                status=lambda: loop_status(
                    plan,
                    work.metadata,
                    work.tables,
                    where=str(folders.home),
                    fresh=freshness_of(plan, events.tables, self.clock.now()),
                    unreachable=self.unreachable,
                ),
                reach=partial(self._reach, events, work.metadata, work.tables),
                mend=partial(do_asked, work.metadata, events),
            )
            try:
                session.refresh()
                session.rehearse(self.example_request(self.clock.now()))
                yield session
            finally:
                session.close()
                log.close()
                told.close()

    def example_request(self, now: int) -> dict[str, Any]:
        """A request from the data to try the service with: the next decision after a time, or the last of all."""
        requests = requests_of(self.plan, self.rows, start=None, end=None)
        place = min(int(np.searchsorted(requests.at, now)), requests.at.size - 1)
        row = requests.table.slice(place, 1).to_pylist()[0]
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}

    @property
    def live_folders(self) -> Folders:
        """Where the live system keeps what it writes."""
        return Folders(self.folders.home / "live", _below(self.settings.tables, "live"))

    def _finished(self) -> list[Path]:
        """The folders of finished replays of this declaration, oldest first."""
        found = sorted((self.folders.home / "replay").glob(f"*/{RESULTS}"), key=lambda path: path.stat().st_mtime)
        return [path.parent for path in found if json.loads(path.read_text())["system"] == self.declared.name]

    def _newest(self) -> tuple[Folders, Settings, str]:
        """Where the live system records, or the newest replay where nothing is live; and which of them it is."""
        finished = self._finished()
        if self.live_folders.home.exists():
            return self.live_folders, self.settings, LIVE
        if finished:
            return Folders(finished[-1]), Settings(), REPLAY
        raise NothingYet(
            f"The system {self.declared.name!r} has not run yet.",
            expected="a replay, a training or a service",
            hint="Run `setpoint replay`, `setpoint train` or `setpoint serve` first.",
        )

    def _moment_of(self, metadata: Metadata, where: str) -> int:
        """The time in a workspace: now where a system is live, and where a replay ended its last tick."""
        state = metadata.get("loop", self.declared.name)
        return state["tick"] * self.plan.tick if where.startswith(REPLAY) and state else self.clock.now()

    @contextmanager
    def _recorded(self) -> Iterator[tuple[Metadata, Tables, str]]:
        """What the live system, or the newest replay, has recorded; and which of them it is."""
        folders, settings, where = self._newest()
        metadata = folders.open_metadata(settings)
        try:
            yield metadata, folders.open_tables(), f"{where} ({folders.home})"
        finally:
            metadata.close()

    def _adopt(self) -> str | None:
        """Let a system that never was live go on from its newest finished replay; gives that replay's name."""
        finished = self._finished()
        if self.live_folders.home.exists() or not finished:
            return None
        with _only_one(self.folders.home, LIVE):  # of two that begin at once, one adopts
            if self.live_folders.home.exists():
                return None
            partial = self.folders.home / ".adopting"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(finished[-1], partial)
            if self.live_folders.tables_url:
                _copy_tables(ParquetTables(Folders(partial).tables), self.live_folders.open_tables())
                shutil.rmtree(Folders(partial).tables)
            partial.rename(self.live_folders.home)
        return finished[-1].name

    @contextmanager
    def _open(self, folders: Folders, clock: Clock, *, what: str) -> Iterator[tuple[Workspace, OnlineState]]:
        """A workspace, held against other processes; what was opened is closed in the end."""
        folders.home.mkdir(parents=True, exist_ok=True)
        with _only_one(folders.home, what):
            # A replay never writes where the live system does, whatever URLs the settings name.
            settings = Settings() if what == REPLAY else self.settings
            metadata, state = folders.open_metadata(settings), folders.open_state(settings)
            work = Workspace(
                metadata=metadata,
                tables=folders.open_tables(),
                learners=open_learners(self.settings.threads),
                models=folders.models,
                clock=clock,
                seed=self.settings.seed,
                owner=folders.home.name,
                judge_measured=what != REPLAY,
                stored=partial(self._store, metadata, self._origins),
            )
            try:
                yield work, state
            finally:
                state.close()
                metadata.close()


def open_system(
    declared: System,
    *,
    root: str | Path = ".",
    home: str | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> Live:
    """A declaration opened on the backends that the settings name.

    `root` is the folder that the sources' paths are relative to. `home`, and any other setting, may be given here, in
    the environment (`SETPOINT_...`) or in `setpoint.toml` in that folder. `clock` replaces the machine's time.
    """
    folder = Path(root).resolve()
    found = load_settings(file=folder / "setpoint.toml", home=home, **settings)
    return Live(declared, root=folder, settings=found, clock=clock or SystemClock())


def _new_in(source: SourceInfo, found: Ingested, tables: Tables, metadata: Metadata, now: int) -> pa.Table:
    """What is new in a source, taken in as known from a time on."""
    return take_new(source, found, tables=tables, metadata=metadata, now=now)


@dataclass(frozen=True)
class _Scorers:
    """Models ready to score, each loaded once."""

    folder: Path
    learners: Mapping[str, Learner]
    loaded: dict[str, Scorer] = field(default_factory=dict)

    def of(self, model: str) -> Scorer:
        """The model of this digest."""
        if model not in self.loaded:
            self.loaded[model] = load_scorer(models.folder_of(self.folder, model), self.learners, expected=model)
        return self.loaded[model]


def _below(url: str, name: str) -> str:
    """The URL of what is called so below another; empty where there is none."""
    return f"{url.rstrip('/')}/{name}" if url else ""


def _copy_tables(source: ParquetTables, target: Tables) -> None:
    """Write every part of every set into other tables."""
    for name in source.sets():
        for part in source.parts(name):
            target.write(name, part, source.read(name, parts=[part]))


def _relation(tables: Tables, name: str, parts: Sequence[str], newer: pa.Table) -> Relation:
    """A set of decisions as a query reads it, by its files where the engine can read them itself."""
    times = {"at": "decided_at"}
    if isinstance(tables, ParquetTables):
        return Relation(tables.files(name, parts), [newer], times)
    return Relation(rows=[*([tables.read(name, parts=parts)] if parts else []), newer], times=times)


def _reading(opened: ExitStack, folder: Path) -> Segments | None:
    """A log to read while another process may write it; None where nothing was ever written."""
    if not any(folder.glob("*.log")):
        return None
    log = FileSegments(folder, writer=False)
    opened.callback(log.close)
    return log


def _refuse_share(sample: float, *, least: float | None = None) -> None:
    """Raise WrongType for a share of decisions that is none; one of zero is, unless `least` allows it."""
    if not (0.0 < sample <= 1.0 or sample == least):
        expected = "more than 0, at most 1" if least is None else "0 to 1"
        raise WrongType(f"A share of {sample:g} is no share.", expected=expected)


def _untold(*, done: int, of: int, what: str) -> None:
    """Tell nobody."""


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
