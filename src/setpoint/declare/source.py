"""Sources: where rows come from, and which columns say when they happened and when they could be known."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from setpoint.core import times
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.blob_column import Blob
from setpoint.declare.expr import Column

EVENTS, TABLE = "events", "table"

TOLD = "told labels"
"""What a snapshot calls what was told of decisions beside the rows of its sources: a name that no source may have."""


@dataclass(frozen=True)
class Always:
    """The time of facts that were true, and known, at all times."""


always = Always()
"""For `valid_from=`: you promise that the table's rows were true and known at all times."""


@dataclass(frozen=True)
class SourceInfo:
    """What is declared about a source.

    `at` and `known_at` are column names; `delay` is microseconds between them when there is no `known_at` column,
    None when nothing was declared. `null_at` says what a row without `at` is: "quarantine" (a fault) or "skip"
    (it has not happened). `columns` are the only ones that the source has, None: all of the file's.
    `expect` gives columns a range or the values they may have. `ttl` is how many microseconds a table's row is
    believed, None: until the next. `version` names the column by which a later row corrects an earlier one of the same
    id, `retracted` the column that is true where a row takes one back. `retention` is how many microseconds rows are
    kept after they happened, None: for ever. `keys` are all columns of a table's key, `key` its only one. `encoding` is
    that of its texts in files, None: as they say, or UTF-8. `skew` is how many microseconds a row may be known before
    it happened, None: any. `blobs` are the columns of whole files.
    """

    name: str
    kind: str
    path: str
    key: str | None
    id: str | None
    at: str | None
    known_at: str | None
    delay: int | None
    null_at: str
    columns: tuple[str, ...] | None = None
    expect: tuple[tuple[str, tuple[float, float] | tuple[str, ...]], ...] = ()
    ttl: int | None = None
    version: str | None = None
    retracted: str | None = None
    retention: int | None = None
    keys: tuple[str, ...] = ()
    encoding: str | None = None
    skew: int | None = None
    blobs: tuple[tuple[str, Blob], ...] = ()

    @property
    def knowable(self) -> bool:
        """Whether it is declared when its rows can be known."""
        return self.known_at is not None or self.delay is not None

    def to_dict(self) -> dict[str, Any]:
        """The source as JSON-like data; what only some sources say is left out of the others."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("encoding", "skew", "blobs"):
            if not found[name]:
                del found[name]
        if self.blobs:
            found["blobs"] = [[name, blob.to_dict()] for name, blob in self.blobs]
        return {
            **found,
            "columns": None if self.columns is None else list(self.columns),
            "expect": [[name, list(values)] for name, values in self.expect],
            "keys": list(self.keys),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> SourceInfo:
        """The source that `to_dict` described."""
        columns = None if data["columns"] is None else tuple(data["columns"])
        expect = tuple((name, tuple(values)) for name, values in data["expect"])
        blobs = tuple((name, Blob(**each)) for name, each in data.get("blobs", ()))
        keys = tuple(data.get("keys", ()))
        return SourceInfo(**{**data, "columns": columns, "expect": expect, "keys": keys, "blobs": blobs})


class Source:
    """A source; its attributes are its columns, so `src.price` and `src["any name"]` are columns of it."""

    __slots__ = ("_info",)

    def __init__(self, info: SourceInfo) -> None:
        object.__setattr__(self, "_info", info)

    def __getattr__(self, name: str) -> Column:
        if name.startswith("_"):
            raise AttributeError(name)
        return Column(self, name)

    def __getitem__(self, name: str) -> Column:
        if not isinstance(name, str):
            raise WrongType(f"A column is named by a text, not by {name!r}.", expected='such as source["price"]')
        return Column(self, name)

    def __setattr__(self, name: str, value: object) -> None:
        raise DeclarationError(f"A declared source cannot be changed (setting {name!r}).", hint="Declare another one.")

    def __delattr__(self, name: str) -> None:
        raise DeclarationError(f"A declared source cannot be changed (deleting {name!r}).")

    def __reduce__(self) -> tuple[type[Source], tuple[SourceInfo]]:
        return (Source, (info(self),))

    def __copy__(self) -> Source:
        return self

    def __deepcopy__(self, memo: object) -> Source:
        return self

    def __repr__(self) -> str:
        declared = info(self)
        return f"{declared.kind}({declared.name!r}, {declared.path!r})"


def info(source: Source) -> SourceInfo:
    """What is declared about a source."""
    declared: SourceInfo = object.__getattribute__(source, "_info")
    return declared


def _name(name: object) -> str:
    found = _text("The name of a source", name, required=True) or ""
    if found == TOLD:
        raise DeclarationError(
            f"A source is named {TOLD!r}.",
            expected="another name",
            hint="Snapshots keep under this one what was told of decisions.",
        )
    return found


def _text(what: str, value: object, *, required: bool) -> str | None:
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value:
        raise WrongType(f"{what} is {value!r}.", expected="a column name or path as text")
    return value


def _columns(name: str, columns: Sequence[str] | None, needed: Sequence[str | None]) -> tuple[str, ...] | None:
    if columns is None:
        return None
    if isinstance(columns, str) or not all(isinstance(column, str) for column in columns):
        raise WrongType(f"columns of source {name!r} is {columns!r}.", expected="a list of column names")
    return tuple(dict.fromkeys([*columns, *[column for column in needed if column is not None]]))


def _expected(
    name: str, expect: Mapping[str, Sequence[Any] | Blob] | None
) -> tuple[tuple[str, tuple[float, float] | tuple[str, ...]], ...]:
    found: list[tuple[str, tuple[float, float] | tuple[str, ...]]] = []
    for column, values in (expect or {}).items():
        if isinstance(values, Blob):
            continue
        given = () if isinstance(values, str) else tuple(values)
        if given and all(isinstance(value, str) for value in given):
            found.append((column, given))
        elif len(given) == 2 and all(isinstance(value, (int, float)) for value in given) and given[0] <= given[1]:
            found.append((column, (float(given[0]), float(given[1]))))
        else:
            raise DeclarationError(
                f"Source {name!r} expects {column}={values!r}.",
                expected='a range such as (0, 120) or the allowed texts such as ["EWR", "JFK"]',
            )
    return tuple(found)


def _blobs(expect: Mapping[str, Sequence[Any] | Blob] | None) -> tuple[tuple[str, Blob], ...]:
    return tuple((column, value) for column, value in (expect or {}).items() if isinstance(value, Blob))


def _encoding(name: str, encoding: str | None) -> str | None:
    if encoding is None:
        return None
    try:
        return codecs.lookup(encoding).name
    except (LookupError, TypeError):
        raise DeclarationError(
            f"Source {name!r} has the encoding {encoding!r}.", expected='one such as "utf-16" or "latin-1"'
        ) from None


def _skew(name: str, skew: str | timedelta | None) -> int | None:
    if skew is None:
        return None
    length = times.duration(skew)
    if length <= 0:
        raise DeclarationError(f"Source {name!r} has the skew {skew!r}.", expected='a duration such as "5s"')
    return length


def events(
    name: str,
    path: str,
    *,
    at: str,
    key: str | None = None,
    id: str | None = None,
    known_at: str | None = None,
    delay: str | int | timedelta | None = None,
    null_at: str = "quarantine",
    columns: Sequence[str] | None = None,
    expect: Mapping[str, Sequence[Any] | Blob] | None = None,
    version: str | None = None,
    retracted: str | None = None,
    retention: str | timedelta | None = None,
    encoding: str | None = None,
    skew: str | timedelta | None = None,
) -> Source:
    """A source of things that happened: each row has the time `at` and can be known from `known_at`.

    `path` is a Parquet, CSV or JSON lines file, or a pattern of them, relative to the declaration's folder. When no
    column says when a row could be known, `delay` after `at` does. A source without either may be decided on but not
    read by features. `id` names the column that identifies a row, so that a row delivered twice counts once.
    `null_at="skip"` says that a row without `at` has not happened yet and is no event; by default it is a fault and
    is quarantined. `columns` names the only columns that are known then: where a file is filled in over time, the
    others cannot be read through this source. `expect` states what a column holds, a range such as (0, 120) or the
    texts it may have; a row that breaks it is quarantined.

    A row corrects the earlier one of its `id` when its `version`, a number or a time, is higher, and takes it back when
    `retracted` is true; both say when they became known like any other row. `retention` is how long rows are kept after
    they happened: no window may look further back.

    `encoding` is that of CSV and JSON files that do not say theirs and are not UTF-8. `skew` is how far clocks may
    differ: a row that was known longer than that before it happened is quarantined; without it such rows are counted.

    >>> arrivals = events("arrivals", "flights.parquet", id="flight_id", at="landed_at", delay="0s")
    >>> arrivals.arr_delay > 15
    (arrivals.arr_delay > 15)
    """
    if known_at is not None and delay is not None:
        raise DeclarationError(
            f"Source {name!r} declares both known_at={known_at!r} and delay={delay!r}.",
            expected="one of them",
        )
    if null_at not in ("quarantine", "skip"):
        raise DeclarationError(f"Source {name!r} has null_at={null_at!r}.", expected='"quarantine" or "skip"')
    length = None if delay is None else times.duration(delay)
    if length is not None and length < 0:
        raise DeclarationError(
            f"Source {name!r} has the delay {delay!r}.",
            expected="zero or more: nothing is known before it happens",
        )
    for role, column in (("version", version), ("retracted", retracted)):
        if column is not None and (id is None or (known_at is None and delay is None)):
            raise DeclarationError(
                f"Source {name!r} declares {role}={column!r} but not "
                + ("which row is corrected." if id is None else "when a correction is known."),
                expected="id= and known_at= or delay= beside it",
            )
    return Source(
        SourceInfo(
            name=_name(name),
            kind=EVENTS,
            path=_text(f"The path of source {name!r}", path, required=True) or "",
            key=_text(f"key of source {name!r}", key, required=False),
            id=_text(f"id of source {name!r}", id, required=False),
            at=_text(f"at of source {name!r}", at, required=True),
            known_at=_text(f"known_at of source {name!r}", known_at, required=False),
            delay=length,
            null_at=null_at,
            columns=_columns(name, columns, (key, id, at, known_at, version, retracted)),
            expect=_expected(name, expect),
            version=_text(f"version of source {name!r}", version, required=False),
            retracted=_text(f"retracted of source {name!r}", retracted, required=False),
            retention=_positive(f"Source {name!r} has the retention", retention),
            keys=() if key is None else (key,),
            encoding=_encoding(name, encoding),
            skew=_skew(name, skew),
            blobs=_blobs(expect),
        )
    )


def _positive(what: str, value: str | timedelta | None) -> int | None:
    if value is None:
        return None
    length = times.duration(value)
    if length <= 0:
        raise DeclarationError(f"{what} {value!r}.", expected="a positive duration")
    return length


def table(
    name: str,
    path: str,
    *,
    key: str | Sequence[str],
    valid_from: str | Always,
    ttl: str | timedelta | None = None,
    expect: Mapping[str, Sequence[Any] | Blob] | None = None,
    encoding: str | None = None,
) -> Source:
    """A source of facts about an entity: a row holds from `valid_from` until the next one of the same key.

    `key` is a column or several that are the key together. `valid_from=always` says that the rows were true and known
    at all times. A row older than `ttl` is believed no longer, and its columns are NULL.

    >>> planes = table("planes", "planes.parquet", key="tailnum", valid_from=always)
    >>> planes.seats
    planes.seats
    >>> info(table("lanes", "lanes.parquet", key=["origin", "dest"], valid_from="day", ttl="30d")).keys
    ('origin', 'dest')
    """
    keys = _keys(name, key)
    if ttl is not None and isinstance(valid_from, Always):
        raise DeclarationError(
            f"Table {name!r} declares ttl={ttl!r} of rows that are true at all times.",
            expected="valid_from= a column that says from when a row holds",
        )
    at = None if isinstance(valid_from, Always) else _text(f"valid_from of table {name!r}", valid_from, required=True)
    return Source(
        SourceInfo(
            name=_name(name),
            kind=TABLE,
            path=_text(f"The path of table {name!r}", path, required=True) or "",
            key=keys[0] if len(keys) == 1 else None,
            id=None,
            at=at,
            known_at=None,
            delay=0,
            null_at="quarantine",
            expect=_expected(name, expect),
            ttl=_positive(f"Table {name!r} has the ttl", ttl),
            keys=keys,
            encoding=_encoding(name, encoding),
            blobs=_blobs(expect),
        )
    )


def _keys(name: str, key: str | Sequence[str]) -> tuple[str, ...]:
    given = (key,) if isinstance(key, str) else tuple(key) if isinstance(key, Sequence) else ()
    if not given or not all(isinstance(column, str) and column for column in given) or len(set(given)) != len(given):
        raise WrongType(
            f"Table {name!r} has key={key!r}.", expected='a column such as "user_id", or several as ["origin", "dest"]'
        )
    return given
