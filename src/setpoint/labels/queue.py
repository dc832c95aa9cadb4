"""The queue of items that wait for labels of hand: several annotators work on it at once, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from setpoint.core.errors import RequestInvalid, did_you_mean
from setpoint.core.ports import Clock, Metadata
from setpoint.core.rng import seed_for
from setpoint.declare.hand import Hand
from setpoint.labels.items import Item
from setpoint.labels.votes import DECIDING, SKIP, UNDONE, VOTE, Vote, annotator_name, check_note

REPEAT_AFTER = 10
"""How many other items an annotator votes on before he is handed one again."""

MOST_UNDONE = 100
"""How many of his votes an annotator can take back."""


@dataclass(frozen=True)
class Handed:
    """An item in the hands of an annotator until a time; `look` is 0, or 1 where he voted on it before."""

    item: Item
    look: int
    until: int


@dataclass
class _Work:
    """What stands of one item: who holds it until when, and what was said of it."""

    item: str
    priority: float
    wanted: int
    place: int
    held: dict[str, int] = field(default_factory=dict)
    votes: list[dict[str, Any]] = field(default_factory=list)
    again: bool = False

    def slot(self, annotator: str, look: int) -> dict[str, Any] | None:
        """What an annotator said last at one of his looks, also where he took it back."""
        return next((one for one in self.votes if one["annotator"] == annotator and one["look"] == look), None)

    def standing(self, look: int, *kinds: str) -> list[dict[str, Any]]:
        """What stands of these kinds, at a first look or another."""
        return [one for one in self.votes if one["look"] == look and one["kind"] in kinds]

    @property
    def closed(self) -> bool:
        """Whether it has the votes that are wanted, or was decided on."""
        return len(self.standing(0, VOTE)) >= self.wanted or bool(self.standing(DECIDING, VOTE))

    @property
    def disputed(self) -> bool:
        """Whether annotators contradict each other and nobody has decided."""
        return len({one["value"] for one in self.standing(0, VOTE)}) > 1 and not self.standing(DECIDING, VOTE)

    def passed(self, annotator: str) -> bool:
        """Whether an annotator has voted on it, or skipped it."""
        said = self.slot(annotator, 0)
        return said is not None and said["kind"] != UNDONE

    def free(self, annotator: str, now: int) -> bool:
        """Whether it may be handed to an annotator: no more hands than votes that are still wanted."""
        holding = sum(until > now for who, until in self.held.items() if who != annotator and not self.passed(who))
        return not self.closed and len(self.standing(0, VOTE)) + holding < self.wanted


def items_stored(store: Metadata, name: str) -> list[dict[str, Any]]:
    """Every item of the queue of this name, as JSON-like data."""
    return store.find(_noun("item", name))


def _noun(what: str, name: str) -> str:
    return f"label {what}/{name}"


class Queue:
    """Items to be labelled by hand, in a metadata store: by priority, then in the order in which they were added.

    Every method is one transaction, so what was acknowledged survives kill -9, and any number of processes and
    annotators may work at once. An item is in no more hands than votes are wanted of it; one that is not voted on
    goes to somebody else when its lease lapses.

    `docs/hand-labels.md` has an example.
    """

    def __init__(self, name: str, hand: Hand, metadata: Metadata, *, clock: Clock) -> None:
        self.name, self.hand = name, hand
        self._store, self._clock = metadata, clock
        self._lock = threading.RLock()
        self._epoch, self._order = -1, list[str]()
        self._closed, self._passed = set[str](), dict[str, set[str]]()

    def add(self, items: Iterable[Item], *, votes: int | None = None) -> int:
        """Put items into the queue; gives how many are new. One that is there gets the new priority."""
        wanted, new = self.hand.votes if votes is None else votes, 0
        with self._change(epoch=True) as head:
            for item in items:
                work = self._work(item.key)
                if work is None:
                    self._store.put(self._noun("item"), item.key, item.to_dict())
                    work = _Work(item.key, item.priority, wanted, head["items"])
                    head["items"] += 1
                    new += 1
                work.priority = item.priority
                self._put(work)
        return new

    def prioritise(self, priorities: Mapping[str, float]) -> None:
        """Give items another priority, such as what active learning says of them; higher is sooner."""
        with self._change(epoch=True):
            for item, priority in priorities.items():
                work = self._known(item)
                work.priority = float(priority)
                self._put(work)

    def ask_again(self, priorities: Mapping[str, float]) -> int:
        """Want one more vote on items that have theirs, such as those whose label is in doubt; gives how many.

        Somebody who has not voted on an item gets it. Its label stands meanwhile; what was decided on stays closed.
        """
        asked = 0
        with self._change(epoch=True) as head:
            for item, priority in priorities.items():
                work = self._known(item)
                work.priority = float(priority)
                if work.closed and not work.standing(DECIDING, VOTE):
                    work.wanted, work.again = len(work.standing(0, VOTE)) + 1, True
                    head["closed"] -= 1
                    asked += 1
                self._put(work)
        return asked

    def next(self, annotator: str) -> Handed | None:
        """The item to look at: the one in the annotator's hands, or the next one; None when nothing is left for him."""
        who, now = annotator_name(annotator), self._clock.now()
        with self._change() as head:
            me = self._annotator(who)
            chosen = self._in_hand(me, who, now) or self._again(me) or self._first_free(who, now, head["epoch"])
            if chosen is None:
                return None
            item, look = chosen
            work, until = self._known(item), now + self.hand.lease
            work.held = {other: end for other, end in work.held.items() if end > now} | {who: until}
            self._put(work)
            self._store.put(self._noun("annotator"), who, {**me, "holding": [item, look]})
        return Handed(self.item(item), look, until)

    def vote(
        self,
        annotator: str,
        item: str,
        *,
        value: str | None,
        note: str = "",
        seconds: float | None = None,
        look: int | None = None,
    ) -> Vote:
        """Record a vote for a class, or with None that the annotator skips the item; gives it with its version.

        Voting again at the same look corrects the vote. Saying the same again changes nothing, so it may be sent until
        it is acknowledged. Raises RequestInvalid for an item or class that there is not.
        """
        who = annotator_name(annotator)
        self._check(value)
        check_note(note)
        with self._change() as head:
            me, work = self._annotator(who), self._known(item)
            if look is None:
                held = me["holding"]
                look = int(held[1]) if held and held[0] == item else 0
            kind = SKIP if value is None else VOTE
            before = work.slot(who, look)
            if before and (before["kind"], before["value"], before["note"]) == (kind, value, note):
                return Vote(item=item, **before)
            version = before["version"] + 1 if before else 1
            vote = Vote(item, who, value, self._clock.now(), version, kind, look, note, seconds)
            self._say(head, work, vote)
            self._remember(me, vote, first=before is None or before["kind"] == UNDONE)
        return vote

    def undo(self, annotator: str) -> Vote | None:
        """Take back an annotator's last vote and put the item into his hands; None when there is nothing to undo."""
        who = annotator_name(annotator)
        with self._change(epoch=True) as head:
            me = self._annotator(who)
            while me["done"]:
                item, look = me["done"].pop()
                work = self._known(item)
                before = work.slot(who, look)
                if before is not None and before["kind"] != UNDONE:
                    break
            else:
                return None
            now = self._clock.now()
            taken = Vote(item, who, None, now, before["version"] + 1, UNDONE, look)
            if look >= 0:
                work.held[who] = now + self.hand.lease
            self._say(head, work, taken)
            me["holding"] = [item, look] if look >= 0 else None
            me["repeat"] = [each for each in me["repeat"] if each[0] != item]
            me["votes"] -= look == 0
            self._store.put(self._noun("annotator"), who, me)
        return taken

    def decide(self, annotator: str, item: str, *, value: str, note: str = "") -> Vote:
        """Settle a disagreement: this class is the item's label, whatever the votes say."""
        return self.vote(annotator, item, value=value, note=note, look=DECIDING)

    def take(self, items: Sequence[Item], votes: Sequence[Vote]) -> tuple[int, int]:
        """Take in items and votes from elsewhere; gives how many of each are new.

        A vote that is there is left alone; another one of the same annotator, item and look replaces it if it is
        newer.
        """
        for vote in votes:
            self._check(vote.value)
        new, taken = self.add(items), 0
        with self._change(epoch=True) as head:
            for vote in sorted(votes, key=lambda one: one.at):
                who, work = annotator_name(vote.annotator), self._known(vote.item)
                before = work.slot(who, vote.look)
                if before is not None and before["at"] >= vote.at:
                    continue
                version = before["version"] + 1 if before else 1
                said = Vote(vote.item, who, vote.value, vote.at, version, vote.kind, vote.look, vote.note, vote.seconds)
                self._say(head, work, said)
                taken += 1
        return new, taken

    def item(self, key: str) -> Item:
        """An item with what is shown of it; raises RequestInvalid where there is none."""
        found = self._store.get(self._noun("item"), self._known(key).item)
        return Item.from_dict(found or {"key": key})

    def items(self) -> list[Item]:
        """All items, in the order in which they were added."""
        return [Item.from_dict(body) for body in self._store.find(self._noun("item"))]

    def keys(self) -> set[str]:
        """The keys of all items."""
        return {work.item for work in self._works()}

    def history(self) -> list[Vote]:
        """Everything that was ever said, in order; `current_votes` gives what stands of it."""
        return [Vote(**body) for body in self._store.find(self._noun("vote"))]

    def changes(self) -> int:
        """A number that grows with every vote."""
        return int(self._head()["changes"])

    def progress(self, annotator: str | None = None) -> dict[str, Any]:
        """How far it is: items, those that have their votes, votes in all, and those of one annotator."""
        head = self._head()
        mine = None if annotator is None else self._annotator(annotator_name(annotator))["votes"]
        return {"items": head["items"], "done": head["closed"], "votes": head["votes"], "mine": mine}

    def disagreements(self, limit: int = 100) -> list[dict[str, Any]]:
        """The items on which votes differ and nobody has decided, those with all their votes first."""
        works = [work for work in self._works() if work.disputed]
        works.sort(key=lambda work: (not work.closed, -work.priority, work.place))
        return [
            {
                "item": self.item(work.item).to_dict(),
                "closed": work.closed,
                "votes": [{**one, "item": work.item} for one in work.standing(0, VOTE, SKIP)],
            }
            for work in works[:limit]
        ]

    def labelled(self) -> list[tuple[str, list[Vote]]]:
        """The items that have their votes, or were decided on, each with what stands; in the order of adding.

        One that is asked about again is among them while any vote stands.
        """
        works = [work for work in self._works() if work.closed or (work.again and work.standing(0, VOTE))]
        works.sort(key=lambda work: work.place)
        return [
            (work.item, [Vote(item=work.item, **one) for one in work.votes if one["kind"] != UNDONE]) for work in works
        ]

    def _check(self, value: str | None) -> None:
        """Raise RequestInvalid for a class that there is not."""
        if value is not None and value not in self.hand.classes:
            raise RequestInvalid(
                f"There is no class {value!r:.120}.",
                field="value",
                expected=f"one of {', '.join(self.hand.classes)}",
                hint=did_you_mean(str(value), self.hand.classes),
            )

    # What follows is called inside a transaction.

    def _in_hand(self, me: dict[str, Any], who: str, now: int) -> tuple[str, int] | None:
        """The item that an annotator holds, while nobody else has finished it."""
        if not me["holding"]:
            return None
        item, look = me["holding"]
        work = self._known(item)
        if look:
            return item, look
        return (item, look) if work.held.get(who, 0) > now and not work.passed(who) and not work.closed else None

    def _again(self, me: dict[str, Any]) -> tuple[str, int] | None:
        """The item that an annotator is to look at again by now."""
        due = me["repeat"] and me["repeat"][0][1] <= me["votes"]
        return (me["repeat"][0][0], 1) if due else None

    def _first_free(self, who: str, now: int, epoch: int) -> tuple[str, int] | None:
        """The first item in order that may be handed to an annotator."""
        if epoch != self._epoch:
            works = sorted(self._works(), key=lambda work: (-work.priority, work.place))
            self._order, self._epoch, self._passed = [work.item for work in works], epoch, {}
            self._closed = {work.item for work in works if work.closed}
        passed = self._passed.setdefault(who, set())
        for item in self._order:
            if item in self._closed or item in passed:
                continue
            work = self._known(item)
            if work.closed:
                self._closed.add(item)
            elif work.passed(who):
                passed.add(item)
            elif work.free(who, now):
                return item, 0
        return None

    def _say(self, head: dict[str, Any], work: _Work, vote: Vote) -> None:
        """Add a vote to the history and to what stands."""
        was, had = work.closed, len(work.standing(0, VOTE))
        body = vote.to_dict()
        self._store.append(self._noun("vote"), [body])
        del body["item"]
        work.votes = [one for one in work.votes if (one["annotator"], one["look"]) != (vote.annotator, vote.look)] + [
            body
        ]
        if vote.kind != UNDONE:
            work.held.pop(vote.annotator, None)
        self._put(work)
        head["changes"] += 1
        head["votes"] += len(work.standing(0, VOTE)) - had
        head["closed"] += work.closed - was
        head["epoch"] += was and not work.closed

    def _remember(self, me: dict[str, Any], vote: Vote, *, first: bool) -> None:
        """What an annotator can undo, and what he is to look at again."""
        seen = [vote.item, vote.look]
        me["done"] = [*[each for each in me["done"] if each != seen], seen][-MOST_UNDONE:]
        if me["holding"] == seen:
            me["holding"] = None
        if vote.look > 0:
            me["repeat"] = [each for each in me["repeat"] if each[0] != vote.item]
        if vote.look == 0 and first:
            me["votes"] += 1
            chance = seed_for(0, "repeat", self.name, vote.item, vote.annotator) / 2**63
            if vote.kind == VOTE and chance < self.hand.repeat:
                me["repeat"].append([vote.item, me["votes"] + REPEAT_AFTER])
        self._store.put(self._noun("annotator"), vote.annotator, me)

    @contextmanager
    def _change(self, *, epoch: bool = False) -> Iterator[dict[str, Any]]:
        """One transaction, with what is counted of the queue; `epoch` says that the order of items may change."""
        with self._lock, self._store.transaction():
            head = self._head()
            before = dict(head)
            head["epoch"] += epoch
            yield head
            if head != before:
                self._store.put("label queue", self.name, head)

    def _head(self) -> dict[str, Any]:
        found = self._store.get("label queue", self.name)
        return found or {"epoch": 0, "changes": 0, "items": 0, "closed": 0, "votes": 0}

    def _annotator(self, who: str) -> dict[str, Any]:
        found = self._store.get(self._noun("annotator"), who)
        return found or {"annotator": who, "votes": 0, "holding": None, "repeat": [], "done": []}

    def _noun(self, what: str) -> str:
        return _noun(what, self.name)

    def _work(self, item: str) -> _Work | None:
        found = self._store.get(self._noun("work"), item)
        return None if found is None else _Work(**found)

    def _works(self) -> list[_Work]:
        return [_Work(**found) for found in self._store.find(self._noun("work"))]

    def _known(self, item: str) -> _Work:
        found = self._work(item)
        if found is None:
            raise RequestInvalid(
                f"The queue {self.name!r} has no item {item!r:.120}.",
                field="item",
                expected="the key of one of its items",
            )
        return found

    def _put(self, work: _Work) -> None:
        self._store.put(self._noun("work"), work.item, asdict(work))
