"""What is put before people next: decisions that a strategy picks, and labels that are likely wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.errors import DataError, NothingYet
from setpoint.core.ports import Learner, Metadata
from setpoint.data.labels import KNOWN, STATES, VOID
from setpoint.data.log.decisions import features_of, fields_of
from setpoint.declare.label import Label
from setpoint.declare.plan import Plan
from setpoint.labels.acquired import ERRORS, Draw, limit_of, lot_seed, remember
from setpoint.labels.items import Item, items_of_decisions
from setpoint.labels.queue import Queue
from setpoint.learn.label_errors import Review
from setpoint.learn.points import as_points
from setpoint.learn.recipe import Recipe
from setpoint.learn.scorer import Scorer
from setpoint.registry import models
from setpoint.rollout.active import COMMITTEE, RANDOM, Pick, Pool, pick

__all__ = ["ERRORS", "Filled", "fill", "fill_errors", "newest_models", "pool_of", "recipe_of", "take_pool"]

MOST = 20_000
"""Of the newest decisions without a label so many are looked at, and as many that have one for "diversity"."""
MEMBERS = 5
"""A committee are the newest models, no more than so many."""


@dataclass(frozen=True)
class Filled:
    """What was put before people: new items, items that somebody is to look at again, and why each.

    `facts` says of label errors how many labels were judged, and what share of them is estimated to be wrong.
    """

    strategy: str
    added: int
    again: int
    picks: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """What was filled as JSON-like data."""
        random = sum(bool(each["random"]) for each in self.picks)
        return {
            "strategy": self.strategy,
            "added": self.added,
            "again": self.again,
            "random": random,
            "picks": [dict(each) for each in self.picks],
            **self.facts,
        }


def newest_models(name: str, metadata: Metadata) -> list[str]:
    """The model that decides, then the newest others; none where the fallback rule decides."""
    champion = ((metadata.get("loop", name) or {}).get("release") or {}).get("champion")
    if champion is None:
        return []
    others = [each["model"] for each in reversed(models.all_models(metadata)) if each["model"] != champion]
    return [champion, *others][:MEMBERS]


def recipe_of(plan: Plan, metadata: Metadata, learners: Mapping[str, Learner], newest: Sequence[str]) -> Recipe:
    """The recipe of the model that decides; where there is none, the best guess of the first learner."""
    if newest:
        return Recipe.from_dict(models.get(metadata, newest[0])["settled"])
    name, learner = next(iter(learners.items()))
    return Recipe(name, learner.recipes(rounds=plan.rounds)[0])


def take_pool(
    parts: Iterable[pa.Table], labels: pa.Table, queued: Collection[str], *, label: Label
) -> tuple[pa.Table, pa.Table]:
    """The newest decisions to choose from, each key once, and the newest ones that have a label.

    `parts` are rows of the decision log, newest first; `labels` has `decision_id` and `state`; `queued` are the keys
    that were put before people. A decision whose label an event made void has no truth that people could tell.
    """
    known = labels["decision_id"].filter(pc.equal(labels["state"], STATES[KNOWN])).combine_chunks()
    void = pc.and_(pc.equal(labels["state"], STATES[VOID]), label.absent != "void")
    without = labels["decision_id"].filter(void).combine_chunks()
    asked = pa.array(sorted(queued), pa.string())
    seen = pa.array([], pa.string())
    waiting: list[pa.Table] = []
    done: list[pa.Table] = []
    for rows in parts:
        names = pc.cast(rows["key"], pa.string()).combine_chunks()
        first = np.zeros(rows.num_rows, dtype=bool)
        first[np.unique(np.asarray(names.to_pylist(), dtype=object), return_index=True)[1]] = True
        fresh = pc.and_(pa.array(first), pc.invert(pc.is_in(names, value_set=seen)))
        seen = pa.concat_arrays([seen, names.filter(fresh)])
        ids = rows["decision_id"].combine_chunks()
        told = pc.is_in(ids, value_set=known)
        out = pc.or_(pc.or_(told, pc.is_in(ids, value_set=without)), pc.is_in(names, value_set=asked))
        waiting.append(rows.filter(pc.and_(fresh, pc.invert(out))))
        done.append(rows.filter(pc.and_(fresh, told)))
        if sum(part.num_rows for part in waiting) >= MOST:
            break
    pool, labelled = (_newest(pa.concat_tables(found, promote_options="permissive")) for found in (waiting, done))
    return pool, labelled


def pool_of(rows: pa.Table, labelled: pa.Table, scorers: Sequence[Scorer]) -> Pool:
    """The pool of these decisions; the first of the scorers is the model that decides, all are its committee."""
    keys = [str(key) for key in rows["key"].to_pylist()]
    if not scorers:
        return Pool(keys, np.full(rows.num_rows, 0.5))
    first, features, fields, n = scorers[0], features_of(rows), fields_of(rows), rows.num_rows
    threshold, both = first.threshold, pa.concat_tables([features, features_of(labelled)], promote_options="permissive")
    points = as_points(first.encoder.matrix(both), first.encoder.categories)
    return Pool(
        keys,
        first.score(features),
        members=np.stack([each.score(features) for each in scorers]) if len(scorers) > 1 else None,
        costs=(threshold.false_positive.of(fields, n), threshold.false_negative.of(fields, n)),
        points=points[:n],
        labelled=points[n:],
    )


def fill(
    queue: Queue,
    metadata: Metadata,
    pool: Pool,
    rows: pa.Table,
    *,
    strategy: str,
    count: int,
    random_share: float,
    now: int,
) -> tuple[Filled, list[Item]]:
    """Choose of a pool, of these rows, what people label next, and record why; gives the items, in order, too.

    The rows are all decisions that nobody was asked about, or the newest of them where there are more than are looked
    at.
    Raises NothingYet where a strategy needs a model and none was released, or a committee and there is only one.
    """
    if strategy != RANDOM and pool.points is None:
        raise NothingYet(
            f"No model decides yet, so {strategy!r} has nothing to go by.", expected='"random" until one was released'
        )
    if strategy == COMMITTEE and pool.members is None:
        raise NothingYet("There is only one model.", expected="a committee of at least two that were trained")
    seed = lot_seed(queue.name)
    picks = pick(pool, strategy, count, random_share=random_share, seed=seed)
    items = items_of_decisions(rows.take(pa.array([each.place for each in picks], pa.int64())))
    items = [replace(item, priority=each.priority) for item, each in zip(items, picks, strict=True)]
    told = tuple(_told(each) for each in picks)
    at = rows["at"].to_numpy()
    decided = [{**each, "decided": int(at[pick.place])} for each, pick in zip(told, picks, strict=True)]
    drawn = limit_of(pool.keys, sum(each.random for each in picks), seed=seed)
    draw = Draw(now, int(at.min()) + 1 if at.size >= MOST else 0, int(at.max()), drawn) if at.size else None
    remember(queue.name, metadata, decided, strategy=strategy, now=now, draw=draw)
    return Filled(strategy, len(items), 0, told), items


def fill_errors(
    queue: Queue, metadata: Metadata, review: Review, rows: pa.Table, *, count: int, now: int
) -> tuple[Filled, list[Item]]:
    """Choose the labels that are most likely wrong; those that people gave are put before somebody else again.

    `rows` are decisions of the log among which those of the review are found. Gives the items that are new too.
    """
    if count < 1:
        raise DataError(f"{count} labels are to be looked at again.", expected="1 or more")
    worst = review.errors[:count]
    there = queue.keys()
    known = {item.key: item for item in items_of_decisions(_of_keys(rows, [each.key for each in worst]))}
    told = tuple(
        {"key": each.key, "priority": each.confidence, "reason": each.reason, "random": False} for each in worst
    )
    items = [
        replace(known[each.key], priority=each.confidence)
        for each in worst
        if each.key not in there and each.key in known
    ]
    again = queue.ask_again({each.key: each.confidence for each in worst if each.key in there})
    remember(queue.name, metadata, told, strategy=ERRORS, now=now)
    facts = {name: value for name, value in review.to_dict().items() if name != "errors"}
    return Filled(ERRORS, len(items), again, told, facts), items


def _newest(rows: pa.Table) -> pa.Table:
    """The newest rows, where there are more than are looked at: none of those left out is newer than one of them."""
    if rows.num_rows <= MOST:
        return rows
    order = np.argsort(-rows["at"].to_numpy(), kind="stable")[:MOST]
    return rows.take(pa.array(order))


def _of_keys(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    return rows.filter(pc.is_in(pc.cast(rows["key"], pa.string()), value_set=pa.array(keys, pa.string())))


def _told(each: Pick) -> dict[str, Any]:
    return {"key": each.key, "priority": each.priority, "reason": each.reason, "random": each.random}
