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
from setpoint.registry.capsule import PYTHON
from setpoint.system import Live

NAMED = ("tag", "untag", "alias", "unalias")
"""Options that name something that the model of one run is called."""

MOVED = ("archive", "unarchive")


def asks_of_runs(words: Namespace) -> bool:
    """Whether more is asked for than to list, show or compare."""
    acts = (*NAMED, *MOVED, "restore", "environment")
    return bool(words.live or words.at or words.known_at or any(getattr(words, each) for each in acts))


def act_on_runs(words: Namespace, live: Live) -> int:
    """Say what was live when, or do what is asked with the model of one run."""
    if words.live or words.at or words.known_at:
        return _live(words, live)
    which = the_one(words)
    if words.restore is not None or words.environment:
        return _restore(words, live, which)
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


def _restore(words: Namespace, live: Live, which: str) -> int:
    """Bring a run back, and say what differs and whether it predicts the same; 1 where it does not."""
    if words.restore is None:
        raise WrongType("--environment says nothing by itself.", expected="--restore DIR --environment")
    found = live.restore(which, words.restore, environment=words.environment)
    proofs = [found["here"], *([found["rebuilt"]] if "rebuilt" in found else [])]
    failed = any(each["same"] is False for each in proofs)
    if words.json:
        print_json(found)
        return int(failed)
    out.print(f"[bold]{found['model'][:12]}[/] is restored in {escape(found['folder'])}")
    if found["differs"]:
        rows = [(each["name"], each["was"], each["is"]) for each in found["differs"]]
        out.print(table("What is another here than where it was trained", ("what", "was", "is"), rows))
    for where, proof in zip(("here", f"with Python and packages as they were ({PYTHON}/)"), proofs, strict=False):
        out.print(f"{where}: {_proof(proof)}")
    return int(failed)


def _proof(found: dict[str, Any]) -> str:
    if found["same"] is None:
        return f"nothing is proved: {found['because']}"
    if found["same"]:
        return f"the same bytes for {found['rows']} rows (digest {found['digest'][:12]})"
    return f"[red]OTHER predictions[/] of {found['rows']} rows, off by up to {found['off']:.3g}"


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
