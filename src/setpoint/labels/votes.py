"""Votes: what annotators said of items, each with its author, time and version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import RequestInvalid
from setpoint.core.times import iso

VOTE, SKIP, UNDONE = "vote", "skip", "undone"
"""What a vote can be: for a class, for none, or taken back."""

DECIDING = -1
"""The look of a vote that settles a disagreement."""


@dataclass(frozen=True)
class Vote:
    """What one annotator said of one item: `value` is a class, None where he skipped it or took it back.

    `look` is 0 for his first look, 1 and so on where he was handed the item again, DECIDING where he settled a
    disagreement. `version` counts from 1 how often he said something at this look; the last one stands.
    """

    item: str
    annotator: str
    value: str | None
    at: int
    version: int = 1
    kind: str = VOTE
    look: int = 0
    note: str = ""
    seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The vote as JSON-like data."""
        return asdict(self)


def current_votes(votes: Iterable[Vote]) -> list[Vote]:
    """What stands of all that was ever said: the last version of each annotator, item and look, unless taken back.

    >>> first = Vote("a", "ann", "yes", 1)
    >>> [vote.value for vote in current_votes([first, Vote("a", "ann", "no", 2, version=2)])]
    ['no']
    """
    last: dict[tuple[str, str, int], Vote] = {}
    for vote in votes:
        place = (vote.item, vote.annotator, vote.look)
        if place not in last or vote.version > last[place].version:
            last[place] = vote
    return [vote for vote in last.values() if vote.kind != UNDONE]


def contested(votes: Iterable[Vote], keys: Iterable[str]) -> npt.NDArray[np.float64]:
    """Whether annotators disagree on each of these items: 1.0 or 0.0, NaN where fewer than two gave it a class.

    >>> votes = [Vote("a", "ann", "yes", 1), Vote("a", "bob", "no", 2), Vote("b", "ann", "yes", 3)]
    >>> contested(votes, ["a", "b", "c"])
    array([ 1., nan, nan])
    """
    given: dict[str, dict[str, str]] = {}
    for vote in current_votes(votes):
        if vote.value is not None and vote.look == 0:
            given.setdefault(vote.item, {})[vote.annotator] = vote.value
    found = {item: float(len(set(said.values())) > 1) for item, said in given.items() if len(said) > 1}
    return np.array([found.get(key, np.nan) for key in keys], dtype=np.float64)


def vote_matrix(
    votes: Iterable[Vote], classes: Sequence[str], *, look: int = 0
) -> tuple[npt.NDArray[np.int8], list[str], list[str]]:
    """Votes of one look as class numbers, -1 for none; and the items of the rows and annotators of the columns.

    >>> matrix, items, annotators = vote_matrix([Vote("a", "ann", "yes", 1), Vote("a", "bob", "no", 2)], ["no", "yes"])
    >>> matrix.tolist(), items, annotators
    ([[1, 0]], ['a'], ['ann', 'bob'])
    """
    given = [vote for vote in votes if vote.kind == VOTE and vote.look == look and vote.value in classes]
    items = list(dict.fromkeys(vote.item for vote in given))
    annotators = sorted({vote.annotator for vote in given})
    rows, columns = ({name: place for place, name in enumerate(names)} for names in (items, annotators))
    numbers = {name: number for number, name in enumerate(classes)}
    matrix = np.full((len(items), len(annotators)), -1, dtype=np.int8)
    for vote in given:
        matrix[rows[vote.item], columns[vote.annotator]] = numbers[str(vote.value)]
    return matrix, items, annotators


MOST_NAME, MOST_NOTE = 100, 4000
"""The most characters of an annotator's name and of a note."""


def told_vote(vote: Vote | Mapping[str, Any]) -> dict[str, Any]:
    """A vote as it is told to people and programs: its time as ISO 8601.

    >>> told_vote(Vote("a", "ann", "yes", 0))["at"]
    '1970-01-01T00:00:00Z'
    """
    body = vote.to_dict() if isinstance(vote, Vote) else dict(vote)
    return {**body, "at": iso(body["at"])}


def annotator_name(name: object) -> str:
    """The name of an annotator without spaces around it; raises RequestInvalid for what is none.

    >>> annotator_name(" ann ")
    'ann'
    """
    if not isinstance(name, str) or not (shown := name.strip()) or len(shown) > MOST_NAME or not shown.isprintable():
        raise RequestInvalid(
            f"The annotator is {name!r:.120}.", field="annotator", expected=f"a name of 1 to {MOST_NAME} characters"
        )
    return shown


def check_note(note: str) -> None:
    """Raise RequestInvalid for a note that is too long, or no text.

    >>> check_note("fine")
    """
    if len(note) > MOST_NOTE or any("\ud800" <= letter <= "\udfff" for letter in note):
        raise RequestInvalid(
            f"The note has {len(note)} characters, or half ones among them.",
            field="note",
            expected=f"a text of at most {MOST_NOTE} characters",
        )
