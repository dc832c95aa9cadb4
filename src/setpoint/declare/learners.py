"""Which learners a system tries, in which order, and with what parameters: names, or any estimator of scikit-learn."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from setpoint.core.errors import DeclarationError, WrongType

ESTIMATOR = "estimator"
"""The learner that is asked for by an import path: an estimator of scikit-learn's kind."""
IMPORT, PARAMETERS, TUPLE = "import", "parameters", "tuple"
"""How an estimator and a tuple are told as JSON-like data."""
DEFAULT = ("lightgbm", "logistic")
"""The learners that are tried where nothing is said."""


@dataclass(frozen=True)
class Tried:
    """A learner that is tried: its name, and the parameters that are pinned; of an estimator its import path too."""

    name: str
    path: str = ""
    pinned: tuple[tuple[str, Any], ...] = ()

    @property
    def recipe(self) -> dict[str, Any]:
        """What every recipe of it says."""
        pinned = {name: _thawed(value) for name, value in self.pinned}
        return {IMPORT: self.path, PARAMETERS: pinned} if self.path else pinned

    def __str__(self) -> str:
        told = ", ".join(f"{name}={_thawed(value)!r}" for name, value in self.pinned)
        shown = self.path or self.name
        return f"{shown}({told})" if told else shown

    def to_dict(self) -> dict[str, Any]:
        """The learner as JSON-like data."""
        return {"learner": self.name, **({"recipe": self.recipe} if self.recipe else {})}


def learner(which: object, **parameters: Any) -> Tried:
    """A learner to try: one of Setpoint's by name, or an estimator by its import path or as it stands.

    Parameters are pinned: `sp.learner("lightgbm", num_leaves=7)` tries that alone. An estimator is told by where its
    class is imported from and those of its parameters that are not the default, so that equal ones have equal digests;
    it is trained anew each time, on standardised numbers, missing flags and one column for each category.

    >>> str(learner("sklearn.neighbors:KNeighborsClassifier", n_neighbors=50))
    'sklearn.neighbors:KNeighborsClassifier(n_neighbors=50)'
    >>> learner("random_forest").to_dict()
    {'learner': 'random_forest'}
    """
    if isinstance(which, str):
        pinned = tuple((name, _freeze(_told(parameters[name], f"{name}="))) for name in sorted(parameters))
        if ":" not in which:
            return Tried(which, pinned=pinned)
        module, _, name = which.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
            raise DeclarationError(f"learner({which!r}).", expected='such as "sklearn.neighbors:KNeighborsClassifier"')
        return Tried(ESTIMATOR, which, pinned)
    if not hasattr(which, "get_params") or isinstance(which, type):
        raise WrongType(
            f"learner({which!r}).",
            expected='a name such as "random_forest", an import path, or an estimator of scikit-learn',
        )
    if parameters:
        raise DeclarationError(f"learner({which!r}, ...) is given parameters too.", expected="those of the estimator")
    told = _told_estimator(which)
    return Tried(ESTIMATOR, told[IMPORT], tuple((name, _freeze(value)) for name, value in told[PARAMETERS].items()))


def check_learners(system: str, given: object) -> tuple[Tried, ...]:
    """The learners that a system names, each once; none where nothing is said.

    >>> [one.name for one in check_learners("fraud", ["random_forest", learner("logistic", c=1.0)])]
    ['random_forest', 'logistic']
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise WrongType(f"learners= of the system {system!r} is {given!r}.", expected='a list, such as ["lightgbm"]')
    found = tuple(one if isinstance(one, Tried) else learner(one) for one in given)
    for place, one in enumerate(found):
        if one in found[:place]:
            raise DeclarationError(f"learners= of the system {system!r} has {one} twice.", expected="each once")
    return found


def _told_estimator(estimator: Any) -> dict[str, Any]:
    """An estimator by its import path and the parameters that are not the default."""
    kind = type(estimator)
    usual = {name: each.default for name, each in inspect.signature(kind.__init__).parameters.items()}
    given: Mapping[str, Any] = estimator.get_params(deep=False)
    changed = {name: given[name] for name in sorted(given) if not _same(given[name], usual.get(name, inspect._empty))}
    told = {name: _told(value, f"{kind.__name__}({name}=)") for name, value in changed.items()}
    return {IMPORT: f"{kind.__module__}:{kind.__qualname__}", PARAMETERS: told}


def _same(value: Any, usual: Any) -> bool:
    """Whether a parameter has its default value, of the same type."""
    return value is usual or (
        type(value) is type(usual) and isinstance(value, (bool, int, float, str)) and bool(value == usual)
    )


def _told(value: Any, where: str) -> Any:
    """A parameter as JSON-like data."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _refuse(value, where)
    if hasattr(value, "get_params") and not isinstance(value, type):
        return _told_estimator(value)
    if isinstance(value, tuple):
        return {TUPLE: [_told(each, where) for each in value]}
    if isinstance(value, list):
        return [_told(each, where) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _told(value[key], where) for key in sorted(value)}
    return _refuse(value, where)


def _refuse(value: Any, where: str) -> NoReturn:
    raise WrongType(
        f"{where} is {value!r}.",
        expected="None, numbers, texts, lists, dictionaries with texts as keys, and estimators of those",
        hint="Put what cannot be written down into a class of your own, and give its import path.",
    )


@dataclass(frozen=True)
class _Entries:
    """A dictionary that can be hashed."""

    entries: tuple[tuple[str, Any], ...]


def _freeze(told: Any) -> Any:
    """JSON-like data as data that can be hashed."""
    if isinstance(told, dict):
        return _Entries(tuple((key, _freeze(told[key])) for key in sorted(told)))
    return tuple(_freeze(each) for each in told) if isinstance(told, list) else told


def _thawed(value: Any) -> Any:
    """The JSON-like data that was frozen."""
    if isinstance(value, _Entries):
        return {key: _thawed(each) for key, each in value.entries}
    return [_thawed(each) for each in value] if isinstance(value, tuple) else value
