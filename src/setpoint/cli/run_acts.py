"""What `setpoint runs` does with one run, and what it says of what was live when."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_json, table
from setpoint.cli.who import who
from setpoint.core import times
from setpoint.core.errors import WrongType
from setpoint.core.records import RULE
from setpoint.system import Live

NAMED = ("tag", "untag", "alias", "unalias")
"""Options that name something that the model of one run is called."""

MOVED = ("archive", "unarchive")


def asks_of_runs(words: Namespace) -> bool:
    """Whether more is asked for than to list, show or compare."""
    return bool(words.live or words.at or words.known_at or any(getattr(words, each) for each in (*NAMED, *MOVED)))


def act_on_runs(words: Namespace, live: Live) -> int:
    """Say what was live when, or do what is asked with the model of one run."""
    if words.live or words.at or words.known_at:
        return _live(words, live)
    which = the_one(words)
    said = {"by": who(words), "why": words.because}
    told: dict[str, Any] = {}
    for act in NAMED:
        if getattr(words, act):
            told |= live.mark_run(which, act, getattr(words, act), **said)
    if words.archive:
        told |= live.archive(which, **said)
    if words.unarchive:
        told |= live.unarchive(which, **said)
    if words.json:
        print_json(told)
        return 0
    names = [*told["aliases"], *[f"#{tag}" for tag in told["tags"]]]
    out.print(f"[bold]{told['model'][:12]}[/] is called {escape(' '.join(names)) or 'nothing else'}")
    if told["archived"]:
        out.print("its files are in the archive" + (f": {escape(told['file'])}" if "file" in told else ""))
    return 0


def the_one(words: Namespace) -> str:
    """The run that is named; raises WrongType where none or several are."""
    if len(words.run) != 1:
        raise WrongType(
            f"{len(words.run) or 'No'} runs are named.", expected="one run", hint="`setpoint runs` lists what there is."
        )
    return str(words.run[0])


def _live(words: Namespace, live: Live) -> int:
    at, known = (None if each is None else times.time(each) for each in (words.at, words.known_at))
    found = live.live_when(at=at, known_at=known)
    if words.json:
        print_json(found)
        return 0
    rows = [
        (
            each["model"] if each["model"] == RULE else each["model"][:12],
            each["since"] or "the beginning",
            each["known_since"],
            each["reason"],
        )
        for each in found["live"]
    ]
    title = f"What decided in {found['system']}" + (f" at {found['at']}" if found["at"] else "")
    title += f", as was known at {found['known_at']}" if found["known_at"] else ""
    out.print(table(f"{title}: {found['where']}", ("model", "since", "known since", "because"), rows))
    return 0
