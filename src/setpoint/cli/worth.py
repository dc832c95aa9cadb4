"""Whether a model could be worth it, on the terminal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_json, table


def show_worth(words: Namespace, found: Mapping[str, Any]) -> int:
    """What each simple answer is worth, what foresight would gain over the best, and the verdict."""
    if words.json:
        print_json(found)
        return 0
    rows = [
        (each["name"], each["value"]["estimate"], each["value"]["low"], each["value"]["high"])
        for each in found["simple"]
    ]
    if rows:
        out.print(table(f"Without a model, {found['system']}", ("answer", "worth per 1000", "low", "high"), rows))
    out.print(f"{found['labels']:,} labels; [bold]{escape(found['verdict'])}[/]: {escape(found['reason'])}")
    return 0
