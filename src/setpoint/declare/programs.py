"""Label programs: functions that each give a class to some rows and abstain on the others, for rows without a truth."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from setpoint.core.digest import digest
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.expr import Action, Aggregate, Expr, Now, to_dict, walk
from setpoint.declare.function_source import source_of

Class = bool | int | str
"""What a row can be given."""

METRICS = ("log_loss", "brier", "accuracy", "f1")
"""By what gold rows can choose among label models."""

FEWEST_GOLD = 50
"""With fewer gold rows nothing can be chosen or judged."""


@dataclass(frozen=True)
class LabelProgram:
    """A function that votes: it gives a row a class, or None to abstain.

    `whole` says that it takes and gives arrays. Its version is the digest of its source text and of what it reads.
    """

    name: str
    function: Callable[..., Any]
    reads: tuple[Expr, ...]
    whole: bool
    version: str

    def __call__(self, *values: Any) -> Any:
        """What the function gives, for trying it out."""
        return self.function(*values)

    def to_dict(self) -> dict[str, Any]:
        """The program as JSON-like data."""
        return {
            "name": self.name,
            "reads": [to_dict(each) for each in self.reads],
            "whole": self.whole,
            "version": self.version,
        }


def label_program(*reads: Expr, whole: bool = False) -> Callable[[Callable[..., Any]], LabelProgram]:
    """Makes a label program of a function of request fields, columns of the spine, or expressions over them.

    It is called for each row with plain values (numbers as floats, texts, times as microseconds; None for NULL) and
    gives a class or None. With `whole=True` it is called once with arrays, as `sp.python_feature` has them, and gives
    an array with None, or NaN, where it abstains; where its answers depend on the other rows it is run row by row.

    >>> from setpoint.declare.expr import field
    >>> @label_program(field("subject"))
    ... def shouts(subject):
    ...     return True if subject.isupper() else None
    >>> shouts("FREE MONEY"), shouts("minutes of the meeting")
    (True, None)
    """
    if not reads or not all(isinstance(each, Expr) for each in reads):
        raise WrongType(
            f"label_program{reads!r} names what is read.",
            expected='fields or columns, such as sp.label_program(sp.field("subject"))',
        )
    for each in reads:
        for node in walk(each):
            if isinstance(node, (Action, Aggregate, Now)):
                raise DeclarationError(
                    f"A label program reads {each}.",
                    expected="request fields, features, and columns of one row",
                    hint="Name the aggregate as a feature and read sp.feature(...).",
                )

    def made(function: Callable[..., Any]) -> LabelProgram:
        source = source_of(function, what="label program")
        try:
            inspect.signature(function).bind(*reads)
        except TypeError as error:
            raise DeclarationError(
                f"The label program {function.__name__!r} reads {len(reads)} values: {error}.",
                expected="one argument for each",
            ) from error
        told = [function.__name__, whole, [to_dict(each) for each in reads], source]
        return LabelProgram(function.__name__, function, reads, whole, digest(told))

    return made


@dataclass(frozen=True)
class Programs:
    """Label programs together: the classes they vote for, and how their votes become labels.

    `gold` is how many rows with a known class are needed before any label is made, `metric` by what those choose among
    label models and judge them, `balance` the share of each class where it is known, `errors` the share of rows on
    which a program may fail before that is a finding.
    """

    programs: tuple[LabelProgram, ...]
    classes: tuple[Class, ...]
    gold: int
    balance: tuple[float, ...] | None
    metric: str
    errors: float

    def to_dict(self) -> dict[str, Any]:
        """The programs as JSON-like data: equal content, equal digest."""
        return {
            "programs": [each.to_dict() for each in self.programs],
            "classes": list(self.classes),
            "gold": self.gold,
            "balance": None if self.balance is None else list(self.balance),
            "metric": self.metric,
            "errors": self.errors,
        }


def programs(
    each: Sequence[LabelProgram],
    *,
    classes: Sequence[Class] = (False, True),
    gold: int = 200,
    balance: Mapping[Class, float] | None = None,
    metric: str = "log_loss",
    errors: float = 0.01,
) -> Programs:
    """The label programs of a system, for decisions that have no truth of their own.

    `classes` are what they vote for: by default the truth values of a label. `gold` rows with a known class choose
    among label models and judge the choice by `metric`; without them no label is made. `balance` gives the share of
    each class, such as {False: 0.97, True: 0.03}; by default it is estimated.

    >>> from setpoint.declare.expr import field
    >>> @label_program(field("subject"))
    ... def shouts(subject):
    ...     return "spam" if subject.isupper() else None
    >>> programs([shouts], classes=["ham", "spam"]).gold
    200
    """
    known = tuple(each)
    if not known or not all(isinstance(one, LabelProgram) for one in known):
        raise WrongType(f"programs({each!r}).", expected="a list of functions under @sp.label_program(...)")
    names = [one.name for one in known]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DeclarationError(f"Two label programs are named {twice[0]!r}.", expected="one name for each")
    values = tuple(classes)
    if isinstance(classes, str) or not all(isinstance(value, (bool, int, str)) for value in values):
        raise WrongType(f"classes={classes!r}.", expected='truth values, whole numbers or texts: ["ham", "spam"]')
    if not 2 <= len(values) <= 100 or len(set(values)) != len(values):
        raise DeclarationError(f"classes={list(values)!r}.", expected="2 to 100 classes, each once")
    if isinstance(gold, bool) or not isinstance(gold, int) or gold < FEWEST_GOLD:
        raise DeclarationError(
            f"gold={gold!r}.",
            expected=f"how many rows are looked up by hand: {FEWEST_GOLD} or more",
            hint="Without them nothing says whether the labels are any good.",
        )
    if metric not in METRICS:
        raise DeclarationError(f"metric={metric!r}.", expected=f"one of {', '.join(METRICS)}")
    if isinstance(errors, bool) or not isinstance(errors, (int, float)) or not 0 <= errors < 1:
        raise DeclarationError(f"errors={errors!r}.", expected="a share of rows, such as 0.01")
    return Programs(known, values, gold, _shares(balance, values), metric, float(errors))


def _shares(balance: Mapping[Class, float] | None, classes: tuple[Class, ...]) -> tuple[float, ...] | None:
    if balance is None:
        return None
    if not isinstance(balance, Mapping) or set(balance) != set(classes):
        raise DeclarationError(f"balance={balance!r}.", expected=f"a share for each of {list(classes)!r}")
    shares = tuple(float(balance[value]) for value in classes)
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise DeclarationError(f"balance={balance!r}.", expected="shares above zero that sum to 1")
    return shares
