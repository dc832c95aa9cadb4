"""What `setpoint runs` prints: every training, one in full, or several side by side."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, print_json, spell, table
from setpoint.cli.run_acts import act_on_runs, asks_of_runs
from setpoint.core import times
from setpoint.system import Live


def split_words(words: list[str]) -> tuple[list[str], Path]:
    """The runs and the project that a call names: the last word is the project where it is a file or folder.

    >>> split_words(["run_1", "run_2"])
    (['run_1', 'run_2'], PosixPath('.'))
    """
    if words and Path(words[-1]).exists():
        return words[:-1], Path(words[-1])
    return words, Path()


def show_runs(words: Namespace, live: Live) -> int:
    """List the runs, show one, compare several, or do what is asked with one."""
    if asks_of_runs(words):
        return act_on_runs(words, live)
    if not words.run:
        since = None if words.since is None else times.time(words.since)
        found = live.runs(passed=words.passed, since=since, where=words.where, archived=words.archived)
        return _list(words, found)
    if len(words.run) == 1:
        return _one(words, live.run(words.run[0]))
    return _compare(words, live.compare_runs(words.run))


def _list(words: Namespace, found: dict[str, Any]) -> int:
    if words.json:
        print_json(found)
        return 0
    if not found["runs"]:
        out.print("no run")
        _left_out(found)
        return 0
    names = (
        *("run", "model", "workspace", "at", "learner", "estimate", "low", "high", "gate", "does", "called"),
        *("CPU s", "MB"),
    )
    rows = [
        (
            each["run"][:12],
            each["model"][:12],
            each["workspace"],
            each["at"],
            each["learner"],
            *(each[name] for name in ("estimate", "low", "high")),
            _gate(each),
            each["does"] or None,
            _called(each),
            each["cpu_seconds"],
            each["peak_mb"],
        )
        for each in found["runs"]
    ]
    columns = [found["runs"][0]["metric"] if name == "estimate" else name for name in names]
    out.print(table(f"Runs of {found['system']}", columns, rows))
    _left_out(found)
    return 0


def _left_out(found: Mapping[str, Any]) -> None:
    if found["in_archive"]:
        out.print(f"{found['in_archive']} more with a model in the archive; --archived lists them")


def _called(run: Mapping[str, Any]) -> str | None:
    """Its aliases, then its tags."""
    words = [*run["aliases"], *[f"#{tag}" for tag in run["tags"]], *(["in the archive"] if run["archived"] else [])]
    return " ".join(words) or None


def _gate(run: Mapping[str, Any]) -> str:
    return "passed" if run["passed"] else "refused"


def _one(words: Namespace, found: dict[str, Any]) -> int:
    if words.json:
        print_json(found)
        return 0
    out.print(f"[bold]{found['run']}[/]  model {found['model']}  {_gate(found)} the gate at {found['at']}")
    for reason in found["reasons"]:
        out.print(f"  {escape(reason)}")
    metrics = [(name, _bounded(value)) for name, value in found["metrics"].items()]
    out.print(table("\nMetrics on held-out rows, with 95 % intervals", ("metric", "value"), metrics))
    recipe = {"learner": found["learner"], **_parameters(found["parameters"]), "seed": found["seed"]}
    out.print(table("\nRecipe", ("parameter", "value"), list(recipe.items())))
    if found["trials"]:
        columns = ("trial", "learner", "metric", "value", "log loss", "")
        out.print(table("\nTrials on validation rows", columns, list(map(_trial, found["trials"], range(1, 9999)))))
    for name, value in (found.get("search") or {}).items():
        out.print(f"  search, {name.replace('_', ' ')}: {value}")
    if found.get("curve"):
        curve = found["curve"]
        values, best = curve["values"], curve["best_round"]
        told = f"{values[0]:.4f} after round 1, {values[best - 1]:.4f} at its best, round {best} of {len(values)}"
        out.print(f"\nCurve: {curve['loss']} on validation rows {told}")
    steps = [(each["step"], each["cpu_seconds"], each["peak_mb"]) for each in found.get("steps") or ()]
    out.print(
        table("\nCost", ("step", "CPU s", "peak MB by then"), [*steps, ("all", found["cpu_seconds"], found["peak_mb"])])
    )
    if found.get("forecast"):
        expected = found["forecast"]
        out.print(f"expected: {expected['cpu_seconds']:.3g} CPU s, by {expected['runs']} earlier runs")
    out.print(table("\nMade from", ("what", "digest"), [*found["inputs"].items(), *_code(found)]))
    environment, hardware = found["environment"], found.get("hardware") or {}
    out.print(
        f"\nPython {environment['python']} on {environment['platform']} {environment['machine']}, "
        f"{len(environment['packages'])} packages (--json lists them)"
    )
    if hardware:
        out.print(escape(f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['memory_mb']:,} MB of memory"))
    return 0


def _parameters(settled: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a recipe; of an ensemble a row for each member, with its weight."""
    told: dict[str, Any] = dict(settled.get("parameters", {}))
    members, weights = told.pop("members", []), told.pop("weights", [])
    told.pop("single", None)
    for place, (member, weight) in enumerate(zip(members, weights, strict=True), start=1):
        said = ", ".join(f"{name} {value}" for name, value in member["parameters"].items())
        told[f"member {place}"] = f"{weight:.3g} of {member['learner']}: {said}"
    return told


def _trial(trial: Mapping[str, Any], number: int) -> tuple[object, ...]:
    """A row: its number, learner and results, and whether it was cut."""
    cut = "cut" if trial.get("cut") else None
    return number, trial["recipe"]["learner"], trial["metric"], trial["value"], trial["log_loss"], cut


def _code(found: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    user_code = found.get("user_code") or {}
    git = user_code.get("git")
    commit = None if git is None else git["commit"] + (", with changes" if git["changed"] else "")
    told = ("declaration", found.get("declaration")), ("setpoint", found["code"])
    return [*told, ("own code", user_code.get("digest")), ("git commit", commit)]


def _bounded(found: Mapping[str, Any] | None) -> str:
    """A value with its interval."""
    if found is None or found["estimate"] is None:
        return "-"
    if found["low"] is None or found["high"] is None:
        return f"{found['estimate']:.4g}"
    return f"{found['estimate']:.4g} [{found['low']:.4g}, {found['high']:.4g}]"


VERDICTS = {"superior": "better", "inferior": "worse"}
"""What a paired difference shows of a run against the first; anything else is not shown to differ."""


def _gain(found: Mapping[str, Any] | None) -> str:
    """A paired difference, and what it shows."""
    if found is None or found["estimate"] is None:
        return "-"
    shown = VERDICTS.get(found["verdict"], "not shown to differ")
    if found["low"] is None or found["high"] is None:
        return f"{found['estimate']:+.4g} (no interval)"
    return f"{found['estimate']:+.4g} [{found['low']:+.4g}, {found['high']:+.4g}] {shown}"


def _compare(words: Namespace, found: dict[str, Any]) -> int:
    if words.json:
        print_json(found)
        return 0
    names = [each["run"][:12] for each in found["runs"]]
    for each in found["runs"]:
        told = f"{each['learner']}, {each['rows']:,} rows, {spell(each['cpu_seconds'])} CPU s"
        out.print(f"[bold]{each['run'][:12]}[/] {escape(each['workspace'])} {each['at']} {_gate(each)}; {escape(told)}")
    out.print(f"the same: {', '.join(found['same']) or 'nothing'}")
    if found["differs"]:
        rows = [(each["area"], each["name"], *map(_short, each["values"])) for each in found["differs"]]
        out.print(table("\nWhat differs", ("where", "what", *names), rows))
    columns = ("metric", *names, *[f"{name} against {names[0]}" for name in names[1:]])
    rows = [
        (each["metric"], *map(_bounded, each["values"]), *map(_gain, each["differences"])) for each in found["metrics"]
    ]
    out.print(table("\nMetrics, each on its own held-out rows; differences on shared ones", columns, rows))
    for each in found["judged"]:
        if each["because"]:
            out.print(f"{each['run'][:12]}: no difference, since {each['because']}")
            continue
        left = f"; {each['relabelled']:,} others had another label" if each["relabelled"] else ""
        out.print(f"{each['run'][:12]}: differences on {each['rows']:,} decisions of {each['days']:,} days{left}")
        if each["repriced"]:
            out.print(f"{each['run'][:12]}: no difference of the business value, since another cost is declared")
    return 0


def _short(value: Any) -> Any:
    """A value in a cell; of a digest its beginning."""
    return value[:12] if isinstance(value, str) and len(value) == 32 else value
