"""Files of quarantined rows: written to be edited, and read back with what was changed in them."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from setpoint.core.errors import DataError, RequestInvalid
from setpoint.data.casting import cast
from setpoint.data.log.entries import Entry
from setpoint.declare.kinds import BOOL, NUMBER

ID_COLUMN, RULE_COLUMN, REASON_COLUMN = "__quarantine", "__rule", "__reason"
"""The columns of a CSV file that say which row of the quarantine a line is, and what is wrong with it."""


@dataclass(frozen=True)
class Edited:
    """A row of the quarantine as somebody edited it; `texts` says that all its values were written as texts."""

    of: str
    row: Mapping[str, Any]
    texts: bool = False


def write_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Write rows to edit: `.csv`, one source a file, with a column for each of theirs; or `.jsonl`, one object a line.

    Raises RequestInvalid for a file of another kind, and for a CSV file of several sources.
    """
    if _kind_of(path) == ".jsonl":
        lines = [
            {"quarantine": e.id, "source": e.source, "rule": e.rule, "reason": e.reason, "row": e.values()}
            for e in entries
        ]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return
    sources = sorted({entry.source for entry in entries})
    if len(sources) > 1:
        raise RequestInvalid(
            f"A CSV file has one source's columns, and these rows are of {len(sources)}: {', '.join(sources)}.",
            expected="--source, or a file that ends in .jsonl",
        )
    rows = [entry.values() for entry in entries]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        lines_ = csv.writer(file, lineterminator="\n")
        lines_.writerow([ID_COLUMN, RULE_COLUMN, REASON_COLUMN, *names])
        for entry, row in zip(entries, rows, strict=True):
            lines_.writerow([entry.id, entry.rule, entry.reason, *[_cell(row.get(name)) for name in names]])


def read_edited(path: Path) -> list[Edited]:
    """The rows of a file that `write_entries` wrote and somebody edited; lines may be left out.

    An empty cell of a CSV file is NULL. Raises DataError, with the line, for what is no such file.
    """
    if _kind_of(path) == ".csv":
        return list(_read_csv(path))
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line, parse_constant=_refuse)
        except ValueError as error:
            raise _no_entry(path, number, f"is no JSON ({error})") from error
        if not isinstance(told, dict) or not isinstance(told.get("quarantine"), str):
            raise _no_entry(path, number, "does not say which row it is")
        if not isinstance(told.get("row"), dict):
            raise _no_entry(path, number, "has no row")
        found.append(Edited(told["quarantine"], told["row"]))
    return found


def _read_csv(path: Path) -> Iterator[Edited]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        if ID_COLUMN not in names:
            raise _no_entry(path, 1, f"has no column {ID_COLUMN}")
        for number, cells in enumerate(lines, 2):
            if not cells:
                continue
            if len(cells) != len(names):
                raise _no_entry(path, number, f"has {len(cells)} of {len(names)} cells")
            row = {name: cell or None for name, cell in zip(names, cells, strict=True)}
            of = row.pop(ID_COLUMN)
            if of is None:
                raise _no_entry(path, number, "does not say which row it is")
            own = {name: cell for name, cell in row.items() if name not in (RULE_COLUMN, REASON_COLUMN)}
            yield Edited(of, own, texts=True)


def as_kinds(rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows whose numbers and truth values may be written as texts, with those as what they are; others stay as texts.

    >>> as_kinds([{"n": "7", "ok": "true"}, {"n": "dear", "ok": None}], {"n": "number", "ok": "bool"})
    [{'n': 7, 'ok': True}, {'n': 'dear', 'ok': None}]
    """
    found = [dict(row) for row in rows]
    for name, kind in kinds.items():
        if kind not in (NUMBER, BOOL):
            continue
        places = [place for place, row in enumerate(found) if isinstance(row.get(name), str)]
        values = cast(pa.array([found[place][name] for place in places], pa.string()), kind)
        for place, value in zip(places, values.values.to_pylist(), strict=True):
            if (value is not None and math.isfinite(value)) or not found[place][name].strip():
                found[place][name] = value
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value


def _kind_of(path: Path) -> str:
    if path.suffix not in (".csv", ".jsonl"):
        raise RequestInvalid(f"The file {path.name!r} is neither.", expected="a name that ends in .csv or .jsonl")
    return path.suffix


def _no_entry(path: Path, line: int, what: str) -> DataError:
    return DataError(
        f"{path.name}: line {line} {what}.",
        expected="a file that `setpoint check --export` wrote, with values edited and lines left out at will",
    )
