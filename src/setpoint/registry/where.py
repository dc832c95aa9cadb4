"""Which runs are meant: conditions such as `auc > 0.7 and tag = easter`, on what is recorded of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import NaiveTime, NameUnknown, QueryInvalid, WrongType
from setpoint.core.times import time

_CONDITION = re.compile(
    r"""\s*([\w.()-]+)\s*(>=|<=|!=|=|>|<|~)\s*("[^"]*"|'[^']*'|\S+)\s*(?:\band\b|$)""", re.IGNORECASE
)

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": lambda found, given: found >= given,
    "<=": lambda found, given: found <= given,
    ">": lambda found, given: found > given,
    "<": lambda found, given: found < given,
}
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class Condition:
    """A name, how its value is compared (`=`, `!=`, `<`, `<=`, `>`, `>=`, or `~`: contains), and with what."""

    name: str
    sign: str
    given: str


def conditions(text: str) -> tuple[Condition, ...]:
    """The conditions of a text, all of which must hold; raises QueryInvalid for what is none.

    >>> conditions("auc > 0.7 and tag = easter")[1]
    Condition(name='tag', sign='=', given='easter')
    """
    found, place = list[Condition](), 0
    while place < len(text) or not found:
        match = _CONDITION.match(text, place)
        if match is None or (match.end() == len(text) and match.group(0).rstrip().lower().endswith(" and")):
            raise QueryInvalid(
                f"{text!r} cannot be read from {text[place:].strip()!r} on.",
                expected='conditions such as "auc > 0.7 and tag = easter"',
            )
        name, sign, given = match.groups()
        found.append(Condition(name, sign, given[1:-1] if given[0] in "\"'" else given))
        place = match.end()
    return tuple(found)


def meets(facts: Mapping[str, Any], wanted: Collection[Condition]) -> bool:
    """Whether all conditions hold for what is recorded: a value that is absent meets none but `!=`.

    Of several values, as tags are, one that is equal is enough. Raises WrongType where an order of texts is asked for.

    >>> meets({"auc": 0.74, "tag": ("easter", "new")}, conditions("auc > 0.7 and tag = easter"))
    True
    """
    return all(_holds(facts.get(each.name), each) for each in wanted)


def check_names(wanted: Collection[Condition], known: Collection[str]) -> None:
    """Raise NameUnknown for a condition on what no run has."""
    for each in wanted:
        if each.name not in known:
            raise NameUnknown("value", each.name, known, where="What is recorded of runs")


def _holds(found: Any, wanted: Condition) -> bool:
    if isinstance(found, (tuple, list)):
        if wanted.sign == "~":
            return any(wanted.given in str(each) for each in found)
        return (wanted.given in found) == (wanted.sign == "=") if wanted.sign in ("=", "!=") else _unordered(wanted)
    if found is None:
        return wanted.sign == "!="
    if wanted.sign == "~":
        return wanted.given in str(found)
    given = _as_found(found, wanted)
    if wanted.sign in ("=", "!="):
        return bool(found == given) == (wanted.sign == "=")
    if isinstance(found, (str, bool)):
        return _unordered(wanted)
    return _ORDERS[wanted.sign](found, given)


def _as_found(found: Any, wanted: Condition) -> Any:
    """What is given as the kind of value that was found: a number, a time, yes or no, or text."""
    given = wanted.given
    if isinstance(found, bool):
        if given.lower() in _TRUTHS:
            return _TRUTHS[given.lower()]
        raise WrongType(f"{wanted.name} is compared with {given!r}.", expected="yes or no")
    if not isinstance(found, (int, float)):
        return given
    try:
        return float(given)
    except ValueError:
        pass
    try:
        return time(given)
    except (WrongType, NaiveTime):
        raise WrongType(f"{wanted.name} is compared with {given!r}.", expected="a number or a time") from None


def _unordered(wanted: Condition) -> bool:
    raise WrongType(f"{wanted.name} has no order, and {wanted.sign!r} asks for one.", expected="=, != or ~ (contains)")
