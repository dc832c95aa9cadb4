"""The sources of a declaration: their rows as found, under contract, and the plan on them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import pyarrow as pa

from setpoint.core.clock import machine_memory
from setpoint.core.digest import digest
from setpoint.core.errors import SourceUnavailable
from setpoint.core.ports import Clock, Metadata
from setpoint.core.times import DAY
from setpoint.data.blobs import keep_blobs
from setpoint.data.contracts.contract import Contract, infer_contract
from setpoint.data.contracts.in_force import put_in_force, versions_of
from setpoint.data.contracts.rules import Around, check_rules
from setpoint.data.ingest.ingest import Ingested, ingest, read_source, without
from setpoint.data.ingest.ingest_mapped import Progress, silent
from setpoint.data.ingest.kept import Kept, Unreachable, is_elsewhere, keep, kept
from setpoint.data.ingest.mapped_source import MappedSource, too_large
from setpoint.data.ingest.quarantine import write_quarantine
from setpoint.data.language.scales import scales_of, still_exact
from setpoint.data.log.provenance import trace_source, with_batches
from setpoint.data.log.taken import taken_last
from setpoint.data.log.told import read_batches, rows_of
from setpoint.data.rows import KNOWN_AT, kinds
from setpoint.data.snapshots.manifest import Manifest, Provenance, store_snapshot
from setpoint.data.snapshots.snapshot import Snapshot
from setpoint.declare.contract import in_order_of_reference
from setpoint.declare.declaration import System
from setpoint.declare.embedding import bases_named
from setpoint.declare.json_reads import json_reads
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.declare.scales import Scale, without_scale
from setpoint.declare.source import SourceInfo, info
from setpoint.features.fit import DOES_NOT_FIT, unfit
from setpoint.system.backends import FETCHERS, open_bases
from setpoint.system.workspaces import Workspaces

_logger = logging.getLogger("setpoint.system")


class Sources:
    """The sources of a declaration, read once."""

    def __init__(self, declared: System, *, root: Path, clock: Clock, workspaces: Workspaces) -> None:
        self.declared, self.root, self.clock, self.workspaces = declared, root, clock, workspaces
        self.reading: Progress = silent
        self.unreached: dict[str, tuple[Unreachable, Kept]] = {}

    @cached_property
    def raw(self) -> dict[str, pa.Table]:
        """The sources' rows as they were found; of one that cannot be reached, those that were read before."""
        return {name: self._read(name, info(source)) for name, source in self.declared.sources.items()}

    @property
    def memory(self) -> int:
        """The bytes that the sources may take in memory."""
        return self.workspaces.settings.memory_mb * 1_000_000 or machine_memory() // 2

    @cached_property
    def mapped(self) -> dict[str, MappedSource]:
        """The sources that do not fit in memory: they are read into files below the project's home."""
        sources = {name: info(source) for name, source in self.declared.sources.items()}
        home = self.workspaces.project.mapped
        return {
            name: MappedSource(sources[name], self.root, home=home, progress=self.reading)
            for name in too_large(sources, self.root, memory=self.memory)
        }

    @property
    def unreachable(self) -> dict[str, Unreachable]:
        """The sources that could not be reached, and until when their rows are known."""
        return {name: told for name, (told, _) in list(self.unreached.items())}

    def _read(self, name: str, source: SourceInfo) -> pa.Table:
        if name in self.mapped:
            return self.mapped[name].raw()
        try:
            return read_source(source, self.root, fetchers=FETCHERS)
        except SourceUnavailable as error:
            before = self._read_before(source)
            if before is None:
                raise
            told = Unreachable(name, str(error), before.read_at)
        _logger.warning("Source %r is %s", name, told)
        self.unreached[name] = told, before
        return before.raw

    def _read_before(self, source: SourceInfo) -> Kept | None:
        """What was read of a source, by the live system or else at all."""
        taken = self._taken_live(source)
        if taken is not None:
            return Kept(*taken)
        return kept(source, tables=self.workspaces.project.open_tables(), metadata=self.workspaces.metadata)

    def _taken_live(self, source: SourceInfo) -> tuple[pa.Table, int] | None:
        """What the live system took in of a source, and when it did last; None where there is none."""
        if not self.workspaces.live.home.exists():
            return None
        metadata = self.workspaces.live.open_metadata(self.workspaces.settings)
        try:
            return taken_last(source, tables=self.workspaces.live.open_tables(), metadata=metadata)
        finally:
            metadata.close()

    def _settled(self, name: str) -> pa.Table | None:
        """What was taken in of a source whose contract has changed since it was first seen: it is not judged again."""
        contract = self.contracts[name]
        if not contract.rules or len(versions_of(self.workspaces.metadata, self.declared.name, name)) < 2:
            return None
        taken = self._taken_live(contract.info)
        return None if taken is None else taken[0]

    def _around(self, name: str, ingested: Mapping[str, Ingested]) -> Around:
        """The rows of the sources that a source's rows refer to, with the events that were told of them."""
        stated = self.declared.contracts.get(name)
        rows = {}
        with ExitStack() as stack:
            logs = self.workspaces.event_logs(stack, writes=False) if stated is not None and stated.targets else {}
            for target in [info(source).name for source in stated.targets] if stated is not None else []:
                told = read_batches(logs[target]) if target in logs else []
                more = [rows_of(told, self.contracts[target])] if any(batch.ids for batch in told) else []
                rows[target] = pa.concat_tables([ingested[target].rows, *more], promote_options="permissive")
        return Around.of(rows)

    def _ingest(self, name: str, source: SourceInfo, around: Around) -> Ingested:
        """A source's rows under contract; what is read over a network is kept, unless a live system keeps it."""
        raw = self.raw[name]
        if name in self.unreached:
            return self.unreached[name][1].ingested(source)
        contract, settled = self.contracts[name], self._settled(name)
        if name in self.mapped:
            found = self.mapped[name].ingested(contract, around=around, settled=settled)
        else:
            found = ingest(source, raw, contract, around=around, settled=settled)
        self.keep_blobs(source, raw, found.delivered)
        if is_elsewhere(source) and not self.workspaces.live.home.exists():
            now = self.clock.now()
            keep(
                source, found, tables=self.workspaces.project.open_tables(), metadata=self.workspaces.metadata, now=now
            )
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
            stated = self.workspaces.metadata.get("contract", key)
            if stated is None:
                contract = infer_contract(info(source), self.raw[name], json=nested)
                self.workspaces.metadata.put("contract", key, contract.to_dict())
            else:
                contract = Contract.from_dict(stated)
            found[name] = contract.with_rules(self.declared.contracts.get(name))
        schemas = {name: each.kinds for name, each in found.items()}
        for name, each in found.items():
            if each.rules:
                check_rules(each.info, each.rules, self.raw[name], schemas)
        put_in_force(self.workspaces.metadata, self.declared.name, found, self.clock.now())
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
            if name not in self.unreached:
                write_quarantine(self.workspaces.project.open_tables(), name, found[name].quarantined, part="delivered")
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
        bases = open_bases(bases_named(feature.expr for feature in self.declared.features))
        return make_plan(self.declared, {name: kinds(table) for name, table in rows.items()}, profile, bases=bases)

    def _scales(self, rows: Mapping[str, pa.Table]) -> dict[str, Scale]:
        """The scale of each column that is summed without one: found when it was first seen, and kept from then on."""
        wanted = without_scale(feature.expr for feature in self.declared.features)
        stated = {key: self.workspaces.metadata.get("scale", key) for key in wanted}
        fresh = {key: column for key, column in wanted.items() if stated[key] is None}
        found = scales_of(fresh, rows)
        for key, scale in found.items():
            self.workspaces.metadata.put("scale", key, scale.to_dict())
        for key, body in stated.items():
            if body is not None:
                scale = Scale.from_dict(body)
                found[key] = replace(scale, outgrown=not still_exact(scale, wanted[key], rows))
        return found

    def keep_blobs(self, source: SourceInfo, raw: pa.Table, rows: pa.Table) -> None:
        """Keep the blobs of a source that good rows of it name, each content once."""
        if source.blobs:
            blobs = self.workspaces.project.open_blobs(self.clock)
            try:
                keep_blobs(source, raw, rows, blobs)
            finally:
                blobs.close()

    @cached_property
    def origins(self) -> dict[str, Provenance]:
        """Where the rows of each source came from when they were read."""
        return {
            name: trace_source(info(source), self.contracts[name], root=self.root)
            for name, source in self.declared.sources.items()
        }

    def store(self, origins: Mapping[str, Provenance], metadata: Metadata, snapshot: Snapshot) -> Manifest:
        """Store a snapshot; `metadata` say what was taken in of its sources."""
        provenance = {
            name: with_batches(found, info(self.declared.sources[name]), metadata) for name, found in origins.items()
        }
        tables = self.workspaces.project.open_tables()
        return store_snapshot(
            snapshot, tables, metadata=self.workspaces.metadata, now=self.clock.now(), provenance=provenance
        )

    def stored(self) -> Callable[[Metadata, Snapshot], Manifest]:
        """What stores snapshots of these sources, as they were when they were read."""
        return partial(self.store, self.origins)

    def around(self, name: str) -> Around:
        """The rows of the sources that a source's rows refer to."""
        return self._around(name, self.ingested)

    def ask_again(self, name: str) -> Ingested:
        """The rows of a source that could not be reached; raises SourceUnavailable where it still cannot."""
        source = info(self.declared.sources[name])
        raw, around = read_source(source, self.root, fetchers=FETCHERS), self._around(name, self.ingested)
        found = ingest(source, raw, self.contracts[name], around=around, settled=self._settled(name))
        self.keep_blobs(source, raw, found.delivered)
        return found
