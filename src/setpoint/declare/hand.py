"""Labels of hand: which classes people choose from, by what guidelines, and how many of them look at one item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, NameUnknown, WrongType

CONSENSUS = ("majority", "dawid-skene")

RANDOM_SHARE, LEAST_RANDOM = 0.2, 0.01
"""The share of what is asked about that is drawn at random, unless declared otherwise, and the least there may be."""

MOST_CLASSES = 127
"""A vote is kept as an int8 class number."""


@dataclass(frozen=True)
class Hand:
    """How items are labelled by hand.

    Of several `votes` on an item `consensus` makes one label; `positive` is the class that a decision's label counts
    as true. A share `repeat` of an annotator's items is handed to him a second time, to see whether he agrees with
    himself. An item that was handed out and not voted on goes to somebody else after `lease` microseconds. Of the
    decisions that a strategy puts before people a share `random` is drawn by lot, to judge models by.
    """

    classes: tuple[str, ...]
    guidelines: str
    votes: int
    positive: str
    consensus: str
    repeat: float
    lease: int
    random: float = RANDOM_SHARE

    def number(self, value: str) -> int:
        """The number of a class; raises NameUnknown for one that there is not."""
        if value not in self.classes:
            raise NameUnknown("class", value, self.classes, where="The label of hand")
        return self.classes.index(value)

    def to_dict(self) -> dict[str, Any]:
        """The declaration as JSON-like data."""
        return {
            "classes": list(self.classes),
            "guidelines": self.guidelines,
            "votes": self.votes,
            "positive": self.positive,
            "consensus": self.consensus,
            "repeat": self.repeat,
            "lease": self.lease,
            "random": self.random,
        }


def hand(
    classes: Sequence[str],
    *,
    guidelines: str = "",
    votes: int = 1,
    positive: str | None = None,
    consensus: str = "majority",
    repeat: float = 0.05,
    lease: str | timedelta = "10m",
    random: float = RANDOM_SHARE,
) -> Hand:
    """Labels that people give: one of `classes` for each item, `votes` of them wanted on each.

    `guidelines` are Markdown, shown beside the item. `positive` is the class that means true for a decision (the first
    one if not given). `consensus` is "majority", or "dawid-skene", which weighs annotators by how often they err.
    `random` is the share of what active learning asks about that is drawn at random: those labels alone judge models.

    >>> hand(["fraud", "fine"], guidelines="Is the *buyer* real?", votes=2).positive
    'fraud'
    """
    if isinstance(classes, str) or not all(isinstance(name, str) and name.strip() for name in classes):
        raise WrongType(f"classes={classes!r}.", expected="a list of names")
    names = tuple(classes)
    if not 2 <= len(set(names)) == len(names) <= MOST_CLASSES:
        raise DeclarationError(f"classes={list(names)!r}.", expected=f"2 to {MOST_CLASSES} different names")
    if not isinstance(guidelines, str):
        raise WrongType(f"guidelines={guidelines!r}.", expected="a text in Markdown")
    if isinstance(votes, bool) or not isinstance(votes, int) or votes < 1:
        raise WrongType(f"votes={votes!r}.", expected="a whole number, 1 or more")
    if positive is not None and positive not in names:
        raise NameUnknown("class", str(positive), names, where="positive= of the labels of hand")
    if consensus not in CONSENSUS:
        raise DeclarationError(f"consensus={consensus!r}.", expected=" or ".join(f'"{name}"' for name in CONSENSUS))
    if isinstance(repeat, bool) or not isinstance(repeat, (int, float)) or not 0.0 <= repeat <= 1.0:
        raise WrongType(f"repeat={repeat!r}.", expected="a share, 0 to 1")
    length = times.duration(lease)
    if length <= 0:
        raise DeclarationError(f"lease={lease!r}.", expected='a positive duration, such as "10m"')
    share = check_random(random)
    return Hand(names, guidelines, votes, positive or names[0], consensus, float(repeat), length, share)


def check_random(share: float) -> float:
    """A share to draw at random; raises WrongType for no share, DeclarationError for one that is too small.

    >>> check_random(1)
    1.0
    """
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0.0 <= share <= 1.0:
        raise WrongType(f"random={share!r}.", expected=f"a share, {LEAST_RANDOM:g} to 1")
    if share < LEAST_RANDOM:
        raise DeclarationError(
            f"random={share!r}: hardly any decision would be asked about at random.",
            expected=f"a share of at least {LEAST_RANDOM:g}",
            hint="What a strategy picks cannot judge a model; only labels asked for at random can.",
        )
    return float(share)
