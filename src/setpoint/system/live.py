"""A system at work: every verb of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from setpoint.core.clock import SystemClock
from setpoint.core.ports import Clock
from setpoint.core.settings import Settings, load_settings
from setpoint.core.times import DAY
from setpoint.data.log.entries import Entry
from setpoint.data.log.eventlog import Receipt
from setpoint.data.log.mend_files import Edited
from setpoint.data.snapshots.diff import EXAMPLES
from setpoint.data.snapshots.snapshot import Snapshot
from setpoint.declare.declaration import System
from setpoint.history import Progress
from setpoint.labels.hand_labels import HandLabel
from setpoint.labels.label_model import LabelFit
from setpoint.labels.queue import Queue
from setpoint.labels.vote_report import VoteReport
from setpoint.serve.decide import Decision
from setpoint.serve.outcomes import Outcome
from setpoint.session import Session
from setpoint.system.approve import approve, override
from setpoint.system.backfill import run_backfill
from setpoint.system.check import check, check_report
from setpoint.system.check_file import check_file
from setpoint.system.contracts import show_contracts
from setpoint.system.label import fill_queue, label_queue, labels_by_hand, program_report, queue_decisions
from setpoint.system.live_when import live_when
from setpoint.system.opened import Opened
from setpoint.system.plan import catalogue, show_plan, worth
from setpoint.system.quarantine import dismiss_rows, entries, fix, readmit
from setpoint.system.replay import run_replay
from setpoint.system.restore import restore
from setpoint.system.run_marks import archive_run, mark_run, unarchive_run
from setpoint.system.runs import compare_runs, list_runs, show_run
from setpoint.system.serve import example_request, session
from setpoint.system.snapshots import collect_garbage, compare, hold, let_go, snapshot
from setpoint.system.sql import sql
from setpoint.system.status import status
from setpoint.system.train import train
from setpoint.system.verify import verify
from setpoint.system.why import why

REFRESH_SECONDS = 1.0
"""How often a live system takes in what became known, and looks whether a tick is due."""


class Live(Opened):
    """A system at work: its declaration, opened on the backends that the settings name."""

    def __init__(self, declared: System, *, root: Path, settings: Settings, clock: Clock) -> None:
        super().__init__(declared, root=root, settings=settings, clock=clock)
        self._stack, self._opening = ExitStack(), threading.Lock()
        self._session: Session | None = None

    def check(self) -> dict[str, Any]:
        """Whether sources keep their contracts and decisions can meet their labels; nothing is trained."""
        return check(self)

    def program_report(self) -> tuple[VoteReport, LabelFit | None]:
        """What each label program is worth, and the label model that decisions with a known truth choose, if any.

        Raises NothingYet for a system without label programs.
        """
        return program_report(self)

    def check_report(self) -> dict[str, Any]:
        """What `check` says, with the contract, a profile of the rows and every quarantined row of each source.

        Rows are those of the files; `setpoint.console.check_report.write_check` makes a page of it.
        """
        return check_report(self)

    def check_file(self, file: Path, source: str) -> dict[str, Any]:
        """What the contract of a source says of a file that is not part of it yet; nothing is taken in.

        It is read part by part, so it may be larger than memory. Raises NameUnknown for a source that there is not,
        SourceMissing without the file.
        """
        return check_file(self, file, source)

    def show_contracts(self) -> list[dict[str, Any]]:
        """The contract of each source as Python to paste into the declaration, and its versions, oldest first."""
        return show_contracts(self)

    def quarantine(self) -> list[Entry]:
        """Every row that was ever set aside, of files and told, with what became of it since."""
        return entries(self)

    def fix(self, rows: Path | Sequence[Edited], *, by: str, why: str = "") -> dict[str, Any]:
        """What became of rows of the quarantine that `by` edited, told again now, under the contract.

        `rows` are a file that was exported and edited, or its rows. What still breaks the contract is set aside again
        with its new reason. Doing it again changes nothing. While another process is the live system it is asked to
        take them in: they are `waiting`. Raises DataError for rows that are not in the quarantine.
        """
        return fix(self, rows, by=by, why=why)

    def readmit(self, which: Sequence[str], *, by: str, why: str = "") -> dict[str, Any]:
        """What became of open rows of the quarantine, named by rules or ids, told again as they are.

        It is of use once the contract is another. Of what a file delivered the live system takes in itself what keeps
        the new contract: those are `gone`. Raises NameUnknown for a word that is neither rule nor id.
        """
        return readmit(self, which, by=by, why=why)

    def dismiss(self, which: Sequence[str], *, by: str, why: str) -> dict[str, Any]:
        """Say of open rows of the quarantine, named by rules or ids, that they are not to be taken in; they stay.

        Raises NameUnknown for a word that is neither, and WrongType without a reason.
        """
        return dismiss_rows(self, which, by=by, why=why)

    def show_plan(self) -> dict[str, Any]:
        """The plan with each choice's reason, and what changed since it was last shown.

        What follows from the rate of positives among known labels is told beside it, and is no part of its digest.
        """
        return show_plan(self)

    def worth(self) -> dict[str, Any]:
        """Whether it is worth training a model at all, by labels, rule, costs and value; nothing is trained."""
        return worth(self)

    def catalogue(self) -> dict[str, Any]:
        """Every feature with version, owner, users, coverage, freshness and importance, and those that could go.

        Before anything has run it tells what the declaration says.
        """
        return catalogue(self)

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
        return run_replay(self, start=start, end=end, batch=batch, sample=sample, fresh=fresh, progress=progress)

    def train(
        self,
        *,
        as_of: int | None = None,
        ablate: bool = False,
        curve: bool = False,
        framings: bool = False,
        update: bool = False,
        search: bool = False,
    ) -> dict[str, Any]:
        """Train one candidate on what was known at a time (default: now), judge it, and offer it for release.

        `ablate` asks what its features are worth, `curve` what more rows would be, and `framings` what decisions are
        worth that are framed otherwise. `search` searches for a recipe anew instead of refitting the one found before.
        Raises NothingYet when too few labels are mature.
        """
        return train(self, as_of=as_of, ablate=ablate, curve=curve, framings=framings, update=update, search=search)

    def approve(self, candidate: str, *, by: str, reason: str = "", decline: bool = False) -> dict[str, Any]:
        """What follows from a person's yes, or with `decline` no, to the candidate that passed the gate and waits.

        `candidate` is the beginning of its digest. Who says so and why is in the audit trail for good. While another
        process is the live system, that takes it up with its next refresh. Raises GateRefused for a candidate that
        does not wait, NameUnknown for one that there is not.
        """
        return approve(self, candidate, by=by, reason=reason, decline=decline)

    def override(self, candidate: str, *, by: str, reason: str) -> dict[str, Any]:
        """What follows from releasing a candidate that the gate refused, by a name and for a reason.

        Both, and what the gate had against it, are in the audit trail and the card for good. Raises GateRefused for a
        candidate that passed or is released already, WrongType without a reason.
        """
        return override(self, candidate, by=by, reason=reason)

    def runs(
        self, *, passed: bool = False, since: int | None = None, where: str = "", archived: bool = False
    ) -> dict[str, Any]:
        """Every training that the live system and replays recorded, newest first; only those that passed, or since.

        `where` is conditions such as "auc > 0.7 and tag = easter". Those whose model is in the archive are counted
        only, unless `archived`.
        """
        return list_runs(self, passed=passed, since=since, where=where, archived=archived)

    def mark_run(self, which: str, act: str, name: str, *, by: str = "", why: str = "") -> dict[str, Any]:
        """What the model of a run is called once it has, or has not any more, a tag or an alias.

        `act` is "tag", "untag", "alias" or "unalias". An alias points to one model, and names it wherever a run is
        asked for. Raises WrongType for a name that has spaces.
        """
        return mark_run(self, which, act=act, name=name, by=by, why=why)

    def archive(self, which: str, *, by: str = "", why: str = "") -> dict[str, Any]:
        """Move the files of a run's model into the archive, where they keep their digest.

        Raises DataError, moving nothing, where something refers to the model.
        """
        return archive_run(self, which, by=by, why=why)

    def unarchive(self, which: str, *, by: str = "", why: str = "") -> dict[str, Any]:
        """Bring the files of a run's model back from the archive; raises ModelCorrupt where they are damaged."""
        return unarchive_run(self, which, by=by, why=why)

    def live_when(self, *, at: int | None = None, known_at: int | None = None) -> dict[str, Any]:
        """What decided one after another, or at a time, and why; as is known now, or as was known at another time."""
        return live_when(self, at=at, known_at=known_at)

    def run(self, which: str) -> dict[str, Any]:
        """All that was recorded of one training: metrics, recipe, trials, curve, cost, code, environment, hardware.

        The beginning of its id, or of its model's digest, names it; of several runs of a model the newest is meant.
        Raises NameUnknown where none or several are called so.
        """
        return show_run(self, which)

    def restore(self, which: str, folder: Path, *, environment: bool = False) -> dict[str, Any]:
        """Bring a run back into a new folder: its model and all that it needs, with proof that it predicts the same.

        With `environment` its Python is built there too, with the versions that it recorded. Raises NameUnknown for a
        run that there is not, DataError where the folder is not empty or a package cannot be had.
        """
        return restore(self, which, folder, environment=environment)

    def compare_runs(self, which: Sequence[str]) -> dict[str, Any]:
        """What differs between trainings named as `run` has it, and their metrics, each against the first.

        Differences of metrics are those on the decisions that both were judged on, with 95 % intervals.
        """
        return compare_runs(self, which)

    def status(self) -> dict[str, Any]:
        """The whole loop on one screen: of the live system, or of the newest replay where nothing is live."""
        return status(self)

    def why(
        self, subject: str, *, feature: str | None = None, counterfactual: bool = False, model: str | None = None
    ) -> dict[str, Any]:
        """One decision, model or incident explained from what was recorded; raises NothingYet when there is none.

        With a `feature`, the events behind its value in that decision; with `counterfactual`, the least changes of what
        the goal says can be changed that would have changed it. With a `model`, what that model makes of the request of
        this key and why, for goals of every kind.
        """
        return why(self, subject, feature=feature, counterfactual=counterfactual, model=model)

    def snapshot(self, which: str) -> Snapshot:
        """The rows of a stored snapshot, or those that were known at a time.

        `which` is the digest of a snapshot, or of a model for the one that it learned from (a beginning is enough), the
        name of a hold, a time such as "2013-09-01T00:00:00Z", or "now". Raises NameUnknown for what is none of these,
        NothingYet where the rows are no longer stored, DataError where they are damaged.
        """
        return snapshot(self, which)

    def snapshots(self) -> dict[str, Any]:
        """Every stored snapshot with its size and what needs it; those that nothing needs are `snapshots`."""
        return self.collect()

    def compare(self, before: str, after: str, *, examples: int = EXAMPLES) -> dict[str, Any]:
        """What differs between two snapshots, named as `snapshot` has it: columns, rows, and how far values moved."""
        return compare(self, before, after, examples=examples)

    def hold(self, name: str, *, which: str = "now", reason: str = "") -> dict[str, Any]:
        """Store a snapshot, named as `snapshot` has it, under a name; it is not collected until it is let go."""
        return hold(self, name, which=which, reason=reason)

    def let_go(self, name: str) -> dict[str, Any]:
        """End a hold: its snapshot may be collected. Raises NameUnknown where there is none of this name."""
        return let_go(self, name)

    def collect(self, *, sweep: bool = False) -> dict[str, Any]:
        """What is stored of snapshots that nothing needs, and with `sweep` removes it; and what is kept, and why.

        Needed is what a model of the live system or of a replay learned from, what is held, and what was used within
        the last day.
        """
        return collect_garbage(self, sweep=sweep)

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
        return verify(self, since=since, until=until, features=features, sample=sample)

    def backfill(self, *, progress: Callable[..., None] | None = None) -> dict[str, Any]:
        """Work out features that are new, or were changed, for every decision in the log, while serving goes on.

        The values go into tables of their own, which training sets take them from; the online state of the live system
        is filled beside the old. What was done is not done again, whatever stopped it. `progress` is told `done`, `of`
        and `what`. Raises NothingYet where nothing has run, Busy while another backfill runs.
        """
        return run_backfill(self, progress=progress)

    def sql(self, query: str) -> pa.Table:
        """The answer to one SELECT over `decisions`, `outcomes`, `scores` and the sources by name, as of this moment.

        Decisions that no tick has taken up yet are among them; `outcomes` are the decisions with what is known of
        their labels. Nothing can be changed. Raises QueryInvalid, and MissingExtra without the extra `sql`.
        """
        return sql(self, query)

    def label_queue(self) -> Queue:
        """The queue of what people label by hand, on this system's metadata; raises NothingYet where nobody does."""
        return label_queue(self)

    def queue_decisions(self, count: int) -> int:
        """Put the newest decisions that are not there yet into the queue of what people label; gives how many."""
        return queue_decisions(self, count)

    def fill_queue(self, strategy: str, count: int, *, random_share: float | None = None) -> dict[str, Any]:
        """Put decisions before people whose labels tell most, by a strategy; or, by "errors", labels likely wrong.

        A share of a strategy's decisions is drawn at random, to judge with: as declared, or as given. Raises
        NothingYet where a strategy needs a model that is not there yet.
        """
        return fill_queue(self, strategy, count, random_share=random_share)

    def hand_labels(self) -> list[HandLabel]:
        """The labels that votes have made by now, each in its last version."""
        return labels_by_hand(self)

    def decide(self, request: Mapping[str, Any], *, explain: bool = False) -> Decision:
        """The decision on a request, in the log before it is given: the product's own code, in process.

        With `explain` its `why` says what each feature added to the score.

        The first call opens a session, which brings features, labels and model up to date in a thread of its own until
        `close`. Raises RequestInvalid, LogUnavailable, or Busy when another process is this live system.
        """
        return self._desk().decide(request, explain=explain)

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
        self._stack.close()
        self._session = None
        self.workspaces.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _desk(self) -> Session:
        with self._opening:
            if self._session is None:
                session = self._stack.enter_context(self.session())
                self._stack.enter_context(session.refreshing(REFRESH_SECONDS))
                self._session = session
            return self._session

    def session(self) -> AbstractContextManager[Session]:
        """The system deciding now: requests answered, the log written, events and ticks taken on `refresh`.

        A system that never was live goes on from its newest finished replay, if there is one.
        """
        return session(self)

    def example_request(self, now: int) -> dict[str, Any]:
        """A request from the data to try the service with: the next decision after a time, or the last of all."""
        return example_request(self, now)


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
