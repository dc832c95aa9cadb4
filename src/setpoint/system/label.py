"""Labels that people and programs give."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from setpoint.core.errors import NothingYet
from setpoint.data.snapshot import take_snapshot
from setpoint.declare.hand import check_random
from setpoint.declare.source import info
from setpoint.features.backfill import completed
from setpoint.history import examples_of, requests_of
from setpoint.labels.acquired import asked_of
from setpoint.labels.hand_labels import HandLabel, hand_labels, settle_votes, told_rows, with_hand
from setpoint.labels.items import newest_items, with_blobs
from setpoint.labels.label_model import LabelFit
from setpoint.labels.queue import Queue
from setpoint.labels.vote_report import VoteReport
from setpoint.learn.added import report_programs
from setpoint.learn.label_errors import review_labels
from setpoint.rollout.fill import ERRORS, fill, fill_errors, newest_models, pool_of, recipe_of, take_pool
from setpoint.serve.asked import labels_of, take_moment
from setpoint.serve.outcomes import Outcomes
from setpoint.system.backends import open_learners
from setpoint.system.labelled import all_decisions
from setpoint.system.opened import Opened
from setpoint.system.scorers import Scorers
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
        log, told = (reading(stack, folder) for folder in (folders.log, folders.outcomes))
        moment, sources = take_moment(plan, metadata, tables, log), opened.events.rows_of(metadata, tables)
        outcomes = None if told is None else Outcomes(plan.system.name, told)
        learners = open_learners(opened.settings.threads)
        newest = newest_models(plan.system.name, metadata)
        if strategy == ERRORS:
            rows = pa.concat_tables([*moment.newest_first(tables)][::-1], promote_options="permissive")
            log_rows = completed(plan, rows, tables, sources, versions=versions_recorded(metadata))
            heard = None if outcomes is None else outcomes.rows(rows.select(["decision_id", "key"]))
            heard = with_hand(heard, hand_rows(opened, rows["key"]))
            review = review_labels(
                plan,
                examples_of(plan, log_rows.combine_chunks(), take_snapshot(sources, now), told=heard),
                learners=learners,
                recipe=recipe_of(plan, metadata, learners, newest),
                seed=opened.settings.seed,
            )
            filled, items = fill_errors(queue, opened.metadata, review, rows, count=count, now=now)
        else:
            decided = moment.joined_by(plan, tables)
            hand = hand_rows(opened, decided["key"])
            labels = labels_of(plan, decided, sources, told=outcomes, hand=hand, as_of=now)
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


def hand_rows(opened: Opened, keys: pa.ChunkedArray) -> pa.Table | None:
    """The labels of hand of decisions with these keys, as told outcomes; None where nobody labels."""
    if opened.declared.hand is None:
        return None
    settle_votes(label_queue(opened), opened.metadata, clock=opened.clock)
    labels = hand_labels(opened.declared.name, opened.metadata, every_version=True)
    if not labels:
        return None
    asked = asked_of(opened.declared.name, opened.metadata)
    return told_rows(labels, keys.combine_chunks(), positive=opened.declared.hand.positive, asked=asked)


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
