"""What commands print: tables for people, one JSON document for machines."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDE = 160
"""Columns of a table that no terminal shows: a file or a pipe has room."""

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose numbers stand to the right; None prints as a dash."""
    grid = Table(
        title=escape(title), title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for index, column in enumerate(columns):
        numeric = any(isinstance(row[index], (int, float)) for row in rows)
        grid.add_column(escape(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*[escape(spell(value)) for value in row])
    return grid


def plain(value: Any) -> Any:
    """A value of a table as JSON has it: a time in ISO 8601, NULL for a number that is none.

    >>> from datetime import UTC
    >>> plain([float("nan"), {"at": datetime(2013, 1, 1, tzinfo=UTC)}])
    [None, {'at': '2013-01-01T00:00:00Z'}]
    """
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print comma-separated values on standard output; NULL is an empty field."""
    lines = csv.writer(sys.stdout, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows([json.dumps(value) if isinstance(value, (dict, list)) else value for value in row] for row in rows)


def spell(value: object) -> str:
    """A value in a cell.

    >>> spell(0.73912), spell(12000), spell(None)
    ('0.739', '12,000', '-')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
    return str(value)
