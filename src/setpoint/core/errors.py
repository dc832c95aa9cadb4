"""Every error Setpoint raises, as one tree.

SetpointError
    DeclarationError            a declaration that cannot mean anything (also TypeError or ValueError)
        NameUnknown             a name nothing has: column, feature, source, system (also KeyError)
        WrongType               a value of the wrong type (also TypeError)
        LeakRefused             a declaration that would read the future
    DataError                   data that breaks its contract (also ValueError)
        SourceMissing           a file that is not there (also FileNotFoundError)
        SourceUnavailable       a source elsewhere that cannot be reached or read to its end (also ConnectionError)
        SourceEmpty             a source without a single usable row
        NaiveTime               a time without a zone
        BatchRefused            a batch refused whole: too many of its rows break the contract
    RequestInvalid              a request that cannot be decided (also ValueError)
        OutcomeConflict         an outcome that contradicts the one already recorded
    QueryInvalid                a query that cannot be answered (also ValueError)
    ModelCorrupt                a model file that is not what was registered
    BaseChanged                 a model that learned from another base model than the one at hand
    GateRefused                 a model that may not be promoted
    LogUnavailable              the decision log cannot be written (also OSError)
    StateUnavailable            the online state cannot be read or written now (also OSError)
    StorageUnavailable          tables or metadata cannot be written: the disk is full (also OSError)
    NothingYet                  asked for something that has not happened yet
    SettingInvalid              a setting with a value it cannot have (also ValueError)
    MissingExtra                an optional package that is not installed (also ImportError)
    Busy                        another process holds the lease
"""

from __future__ import annotations

import difflib
from collections.abc import Collection


def did_you_mean(name: str, known: Collection[str]) -> str | None:
    """The hint that names the closest known names, or None when nothing is close.

    >>> did_you_mean("carier", ["carrier", "origin"])
    "Did you mean 'carrier'?"
    """
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not close:
        return None
    return "Did you mean " + " or ".join(repr(match) for match in close) + "?"


class SetpointError(Exception):
    """What happened, what was expected and what to do next."""

    code = "error"

    def __init__(self, problem: str, *, expected: str | None = None, hint: str | None = None) -> None:
        self.problem, self.expected, self.hint = problem, expected, hint
        parts = [problem]
        if expected:
            parts.append(f"Expected: {expected}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))

    def __str__(self) -> str:
        return str(self.args[0])

    def to_dict(self) -> dict[str, str | None]:
        """The error as data, for `--json` and HTTP answers."""
        return {"code": self.code, "problem": self.problem, "expected": self.expected, "hint": self.hint}


class DeclarationError(SetpointError, ValueError):
    """A declaration that cannot mean anything."""

    code = "declaration-invalid"


class NameUnknown(DeclarationError, KeyError):
    """A name that nothing has."""

    code = "name-unknown"

    def __init__(self, kind: str, name: str, known: Collection[str], *, where: str) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        shown = ", ".join(self.known[:12]) + (", ..." if len(self.known) > 12 else "")
        super().__init__(
            f"{where} has no {kind} {name!r}.",
            expected=f"one of {shown}" if self.known else f"a {kind}, but there is none",
            hint=did_you_mean(name, self.known),
        )


class WrongType(DeclarationError, TypeError):
    """A value of the wrong type."""

    code = "wrong-type"


class LeakRefused(DeclarationError):
    """A declaration that would let a decision read what could not be known when it is taken."""

    code = "leak-refused"


class DataError(SetpointError, ValueError):
    """Data that breaks its contract."""

    code = "data-invalid"


class SourceMissing(DataError, FileNotFoundError):
    """A source whose file is not there."""

    code = "source-missing"


class SourceUnavailable(DataError, ConnectionError):
    """A source elsewhere that cannot be reached now, or whose answer broke off."""

    code = "source-unavailable"


class SourceEmpty(DataError):
    """A source without a single usable row."""

    code = "source-empty"


class NaiveTime(DataError):
    """A time without a zone."""

    code = "naive-time"


class BatchRefused(DataError):
    """A batch refused whole because too many of its rows break the contract."""

    code = "batch-refused"


class RequestInvalid(SetpointError, ValueError):
    """A request that cannot be decided; carries the offending field."""

    code = "request-invalid"

    def __init__(
        self, problem: str, *, field: str | None = None, expected: str | None = None, hint: str | None = None
    ) -> None:
        self.field = field
        super().__init__(problem, expected=expected, hint=hint)


class OutcomeConflict(RequestInvalid):
    """An outcome that contradicts the one already recorded."""

    code = "outcome-conflict"


class QueryInvalid(SetpointError, ValueError):
    """A query that cannot be answered: it is no question, or there is nothing of that name."""

    code = "query-invalid"


class ModelCorrupt(SetpointError):
    """A model file that is not what was registered."""

    code = "model-corrupt"


class BaseChanged(SetpointError):
    """A base model is not the one that something was made with: what it gives now means something else."""

    code = "base-changed"

    def __init__(self, subject: str, base: str, was: str, found: str) -> None:
        self.base, self.was, self.found = base, was, found
        super().__init__(
            f"{subject} was made with the base model {base!r} as {was}; here it is {found}.",
            expected="the same package, version and weights: other weights give other numbers under the same names",
            hint="Install that version again, or run `setpoint train` to make a model of the one that is here.",
        )


class GateRefused(SetpointError):
    """A model that may not be promoted."""

    code = "gate-refused"


class LogUnavailable(SetpointError, OSError):
    """The decision log cannot be written, so no decision is acknowledged."""

    code = "log-unavailable"


class StateUnavailable(SetpointError, OSError):
    """The online state cannot be read or written now: its server does not answer, or its disk is full."""

    code = "state-unavailable"


class StorageUnavailable(SetpointError, OSError):
    """Tables or metadata that cannot be written, or read, now: the disk is full or broken."""

    code = "storage-unavailable"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"{what} cannot be written ({why}).",
            expected="a disk with space",
            hint="What was committed stays: make room, and run the same command again to go on.",
        )


class NothingYet(SetpointError):
    """Asked for something that has not happened yet."""

    code = "nothing-yet"


class SettingInvalid(SetpointError, ValueError):
    """A setting with a value that it cannot have."""

    code = "setting-invalid"


class MissingExtra(SetpointError, ImportError):
    """An optional package that is not installed."""

    code = "missing-extra"

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(
            f"{package} is not installed.",
            expected=f"the extra {extra!r}",
            hint=f"Run: pip install 'setpoint[{extra}]'",
        )


class Busy(SetpointError):
    """Another process holds the lease on this work."""

    code = "busy"
