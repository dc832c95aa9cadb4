"""The workspaces of a project: that of its live system, and one for each replay."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path

from setpoint.core.errors import Busy, NothingYet
from setpoint.core.ports import Clock, Metadata, OnlineState, Segments, Tables
from setpoint.core.settings import Settings
from setpoint.data.ingest.quarantine import file_name
from setpoint.data.snapshots.snapshot import Snapshot
from setpoint.declare.declaration import System
from setpoint.declare.source import info
from setpoint.learn.search import Hands, Trying, silent
from setpoint.learn.trial_log import TrialLog
from setpoint.loop import Workspace
from setpoint.registry import audit, runs
from setpoint.registry.environment import user_code
from setpoint.rollout.advance import ReleaseState
from setpoint.rollout.approval import hold_adopted
from setpoint.system.backends import copy_tables, open_learners, open_log, open_sampler, tables_in
from setpoint.system.folders import Folders
from setpoint.system.memory import memory_of

REPLAY, LIVE = "replay", "live system"
"""What a workspace is held for."""

RESULTS = "results.json"
"""What a finished replay leaves in its folder."""


class Workspaces:
    """The workspaces that a declaration has in its project, and what is shared between them."""

    def __init__(self, declared: System, *, root: Path, settings: Settings) -> None:
        self.declared, self.settings, self.root = declared, settings, root
        home = Path(settings.home)
        self.project = Folders(home if home.is_absolute() else root / home, _below(settings.tables, "project"))
        self.project.home.mkdir(parents=True, exist_ok=True)
        self.trying: Trying = silent

    @cached_property
    def metadata(self) -> Metadata:
        """Documents of the project: contracts, plans, snapshots."""
        return self.project.open_metadata(self.settings)

    def close(self) -> None:
        """Let go of the project's documents; whoever asks for them afterwards opens them again."""
        if "metadata" in self.__dict__:
            self.__dict__.pop("metadata").close()

    @property
    def live(self) -> Folders:
        """Where the live system keeps what it writes."""
        return Folders(self.project.home / "live", _below(self.settings.tables, "live"))

    def replay(self, name: str) -> Folders:
        """Where the replay of this name keeps what it writes."""
        return Folders(self.project.home / "replay" / name)

    def of(self, name: str) -> tuple[Folders, Settings]:
        """Where a workspace, as runs tell of it, keeps what it writes, and the settings to open it by."""
        if name == "live":
            return self.live, self.settings
        return self.replay(name.removeprefix(f"{REPLAY} ")), Settings()

    def finished(self) -> list[Path]:
        """The folders of finished replays of this declaration, oldest first."""
        found = sorted((self.project.home / "replay").glob(f"*/{RESULTS}"), key=lambda path: path.stat().st_mtime)
        return [path.parent for path in found if json.loads(path.read_text())["system"] == self.declared.name]

    def newest(self) -> tuple[Folders, Settings, str]:
        """Where the live system records, or the newest replay where nothing is live; and which of them it is."""
        finished = self.finished()
        if self.live.home.exists():
            return self.live, self.settings, LIVE
        if finished:
            return Folders(finished[-1]), Settings(), REPLAY
        raise NothingYet(
            f"The system {self.declared.name!r} has not run yet.",
            expected="a replay, a training or a service",
            hint="Run `setpoint replay`, `setpoint train` or `setpoint serve` first.",
        )

    @contextmanager
    def recorded(self) -> Iterator[tuple[Metadata, Tables, str]]:
        """What the live system, or the newest replay, has recorded; and which of them it is."""
        folders, settings, where = self.newest()
        metadata = folders.open_metadata(settings)
        try:
            yield metadata, folders.open_tables(), f"{where} ({folders.home})"
        finally:
            metadata.close()

    def every(self) -> list[tuple[Folders, Settings]]:
        """Where each replay, and last the live system, keeps what it writes, with the settings to open it by."""
        home = self.project.home / "replay"
        found = [(Folders(path.parent), Settings()) for path in sorted(home.glob("*/metadata.db"))]
        return [*found, (self.live, self.settings)] if self.live.home.exists() else found

    @contextmanager
    def registries(self) -> Iterator[list[Metadata]]:
        """The documents of every workspace: of the live system, and of each replay."""
        with ExitStack() as stack:
            registries = []
            for folders, settings in self.every():
                registries.append(folders.open_metadata(settings))
                stack.callback(registries[-1].close)
            yield registries

    def event_logs(self, stack: ExitStack, *, writes: bool) -> dict[str, Segments]:
        """The logs of events that were told to the live system, of each source that has times; closed with `stack`."""
        logs: dict[str, Segments] = {}
        for name, source in self.declared.sources.items():
            folder = self.live.events / file_name(name)
            if info(source).at is not None and (writes or any(folder.glob("*.log"))):
                log = open_log(folder, quota=self.quota if writes else None)
                stack.callback(log.close)
                logs[name] = log
        return logs

    @property
    def quota(self) -> int:
        """How many bytes a log of the live system may take."""
        return self.settings.log_quota_mb * 1_000_000

    def adopt(self, now: int) -> str | None:
        """Let a system that never was live go on from its newest finished replay; gives that replay's name.

        Where people approve candidates, what decided there waits for them: a replay asked nobody.
        """
        finished = self.finished()
        if self.live.home.exists() or not finished:
            return None
        with only_one(self.project.home, LIVE):  # of two that begin at once, one adopts
            if self.live.home.exists():
                return None
            draft = self.project.home / ".adopting"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(finished[-1], draft)
            if self.live.tables_url:
                copy_tables(Folders(draft).tables, self.live.open_tables())
                shutil.rmtree(Folders(draft).tables)
            if self.declared.release.approval is not None:
                self._hold(Folders(draft), now)
            draft.rename(self.live.home)
        return finished[-1].name

    def _trials(self, folders: Folders, what: str) -> TrialLog | None:
        """Where trials are kept as they finish; a replay keeps those of a declared search alone."""
        if what == REPLAY and self.declared.goal.search is None:
            return None
        return TrialLog(tables_in(folders.home / "search"), self.metadata)

    def _hold(self, draft: Folders, now: int) -> None:
        """Let what decided in a replay wait for people, before anything decides by it."""
        metadata = draft.open_metadata(Settings())
        try:
            state = metadata.get("loop", self.declared.name)
            if state is None:
                return
            release, acts = hold_adopted(ReleaseState.from_dict(state["release"]), now=now)
            with metadata.transaction():
                metadata.put("loop", self.declared.name, {**state, "release": release.to_dict()})
                for act in acts:
                    audit.record(
                        metadata, at=now, act=act.kind, subject=act.subject, reason=act.reason, evidence=act.evidence
                    )
        finally:
            metadata.close()

    @contextmanager
    def open(
        self, folders: Folders, clock: Clock, *, what: str, stored: Callable[[Metadata, Snapshot], object]
    ) -> Iterator[tuple[Workspace, OnlineState]]:
        """A workspace, held against other processes; what was opened is closed in the end."""
        folders.home.mkdir(parents=True, exist_ok=True)
        with only_one(folders.home, what):
            # A replay never writes where the live system does, whatever URLs the settings name.
            settings = Settings() if what == REPLAY else self.settings
            metadata, state = folders.open_metadata(settings), folders.open_state(settings)
            code = user_code(self.root)
            runs.put_code(metadata, code, self.root)
            work = Workspace(
                metadata=metadata,
                tables=folders.open_tables(),
                learners=open_learners(self.settings.threads),
                models=folders.models,
                clock=clock,
                seed=self.settings.seed,
                owner=folders.home.name,
                judge_measured=what != REPLAY,
                asks=what != REPLAY,
                stored=partial(stored, metadata),
                user_code=code,
                memory=memory_of,
                hands=Hands(open_sampler, self._trials(folders, what), self.settings.processes, self.trying),
            )
            try:
                yield work, state
            finally:
                state.close()
                metadata.close()


def _below(url: str, name: str) -> str:
    """The URL of what is called so below another; empty where there is none."""
    return f"{url.rstrip('/')}/{name}" if url else ""


def reading(stack: ExitStack, folder: Path) -> Segments | None:
    """A log to read while another process may write it; None where nothing was ever written."""
    if not any(folder.glob("*.log")):
        return None
    log = open_log(folder)
    stack.callback(log.close)
    return log


@contextmanager
def only_one(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder against other processes; the system lets go of it when this one ends, however it ends."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"Another process is at the {what} in {folder}.", hint="Wait for it, or end it.") from None
        yield
