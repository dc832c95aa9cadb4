"""What `setpoint approve` and `setpoint override` print: what was said of a candidate, and what follows from it."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_json
from setpoint.system import Live


def say_yes(words: Namespace, live: Live) -> int:
    """Approve the candidate that waits, or decline it."""
    said = live.approve(words.candidate, by=words.by, reason=words.reason, decline=words.decline)
    return _show(words, said, "declined" if words.decline else "approved")


def say_all_the_same(words: Namespace, live: Live) -> int:
    """Release a candidate that the gate refused."""
    return _show(words, live.override(words.candidate, by=words.by, reason=words.reason), "overridden")


def _show(words: Namespace, said: dict[str, Any], done: str) -> int:
    if words.json:
        print_json(said)
        return 0
    why = f": {said['reason']}" if said["reason"] else ""
    out.print(f"model [bold]{said['model'][:12]}[/] {done} by {escape(said['by'])}{escape(why)}")
    for reason in said["against"]:
        out.print(f"  the gate had said: {escape(reason)}")
    out.print(f"it {said['role']}")
    return 0
