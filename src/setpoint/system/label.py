"""Labels that people and programs give."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from setpoint.core.errors import NothingYet
from setpoint.data.snapshots.snapshot import take_snapshot
from setpoint.declare.hand import check_random
from setpoint.declare.source import info
from setpoint.features.backfill import completed
from setpoint.history import examples_of, requests_of
from setpoint.labels.hand_labels import HandLabel, hand_labels, settle_votes
from setpoint.labels.items import newest_items, with_blobs
from setpoint.labels.label_model import LabelFit
from setpoint.labels.queue import Queue
from setpoint.labels.told import beside_sources
from setpoint.labels.vote_report import VoteReport
from setpoint.learn.added import report_programs
from setpoint.learn.label_errors import review_labels
from setpoint.rollout.fill import ERRORS, fill, fill_errors, newest_models, pool_of, recipe_of, take_pool
from setpoint.serve.asked import labels_of, take_moment
from setpoint.system.backends import open_learners
from setpoint.system.labelled import all_decisions
from setpoint.system.opened import Opened
from setpoint.system.scorers import Scorers
from setpoint.system.told import told_labels
from setpoint.system.workspaces import reading
from setpoint.watch.consistency import versions_recorded


def label_queue(opened: Opened) -> Queue:
    """The queue of what people label by hand, on this system's metadata; raises NothingYet where nobody does."""
    if opened.declared.hand is None:
        raise NothingYet(
            f"The system {opened.declared.name!r} does not say how people label.",
            expected="sp.System(..., hand=sp.hand(...))",
        )
    return Queue(opened.declared.name, opened.declared.hand, opened.metadata, clock=opened.clock)


def queue_decisions(opened: Opened, count: int) -> int:
    """Put the newest decisions that are not there yet into the queue of what people label; gives how many."""
    queue, folders = label_queue(opened), opened.workspaces.newest()[0]
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack() as stack:
        moment = take_moment(opened.plan, metadata, tables, reading(stack, folders.log))
        items = newest_items(moment.newest_first(tables), count, known=queue.keys())
        blobs = [name for name, _ in info(opened.declared.decide.spine).blobs]
        return queue.add(with_blobs(items, blobs, opened.blob))


def fill_queue(opened: Opened, strategy: str, count: int, *, random_share: float | None = None) -> dict[str, Any]:
    """Put decisions before people whose labels tell most, by a strategy; or, by "errors", labels likely wrong."""
    share = None if random_share is None else check_random(random_share)
    queue, folders, plan, now = label_queue(opened), opened.workspaces.newest()[0], opened.plan, opened.clock.now()
    with opened.workspaces.recorded() as (metadata, tables, _), ExitStack() as stack:
        moment = take_moment(plan, metadata, tables, reading(stack, folders.log))
        sources, told = opened.events.rows_of(metadata, tables), told_labels(opened)
        learners = open_learners(opened.settings.threads)
        newest = newest_models(plan.system.name, metadata)
        if strategy == ERRORS:
            rows = pa.concat_tables([*moment.newest_first(tables)][::-1], promote_options="permissive")
            log_rows = completed(plan, rows, tables, sources, versions=versions_recorded(metadata))
            known = take_snapshot(beside_sources(sources, told, now), now)
            review = review_labels(
                plan,
                examples_of(plan, log_rows.combine_chunks(), known),
                learners=learners,
                recipe=recipe_of(plan, metadata, learners, newest),
                seed=opened.settings.seed,
            )
            filled, items = fill_errors(queue, opened.metadata, review, rows, count=count, now=now)
        else:
            decided = moment.joined_by(plan, tables)
            labels = labels_of(plan, decided, sources, told=told, as_of=now)
            pool, labelled = take_pool(moment.newest_first(tables), labels, queue.keys(), label=plan.system.label)
            scorers = Scorers(folders.models, learners)
            filled, items = fill(
                queue,
                opened.metadata,
                pool_of(pool, labelled, [scorers.of(model) for model in newest]),
                pool,
                strategy=strategy,
                count=count,
                random_share=queue.hand.random if share is None else share,
                now=now,
            )
    blobs = [name for name, _ in info(opened.declared.decide.spine).blobs]
    queue.add(with_blobs(items, blobs, opened.blob))
    return filled.to_dict()


def labels_by_hand(opened: Opened) -> list[HandLabel]:
    """The labels that votes have made by now, each in its last version."""
    settle_votes(label_queue(opened), opened.metadata, clock=opened.clock)
    return hand_labels(opened.declared.name, opened.metadata)


def program_report(opened: Opened) -> tuple[VoteReport, LabelFit | None]:
    """What each label program is worth, and the label model that decisions with a known truth choose, if any."""
    programs = opened.declared.programs
    if programs is None:
        raise NothingYet(
            f"The system {opened.declared.name!r} has no label programs.",
            expected="sp.System(..., programs=sp.programs([...]))",
        )
    examples = all_decisions(opened, requests_of(opened.plan, opened.rows, start=None, end=None))
    return report_programs(programs, examples, seed=opened.settings.seed)
