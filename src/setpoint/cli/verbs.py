"""The verbs: each parses its words, calls one story of the system, and renders what it gives."""

from __future__ import annotations

import json
import shlex
import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from setpoint.api.app import App
from setpoint.api.label_page import label_routes
from setpoint.api.server import serve_http
from setpoint.cli.approve import say_all_the_same, say_yes
from setpoint.cli.baselines import print_baselines
from setpoint.cli.check_file import show_file
from setpoint.cli.fairness import print_fairness
from setpoint.cli.label import run_label
from setpoint.cli.project import load_declaration
from setpoint.cli.quarantine import asks_of_quarantine, show_quarantine
from setpoint.cli.reading import Reading
from setpoint.cli.render import err, out, plain, print_csv, print_json, spell, table
from setpoint.cli.runs import show_runs, split_words
from setpoint.cli.snapshots import asks_of_snapshots, show_snapshots
from setpoint.cli.study import print_study
from setpoint.cli.trying import Trying
from setpoint.cli.weak_slices import print_weak_slices
from setpoint.cli.worth import show_worth
from setpoint.console.check_report import write_check
from setpoint.console.metric import metric_of
from setpoint.console.report import write_report
from setpoint.console.train_report import write_training
from setpoint.core import times
from setpoint.core.clock import SystemClock
from setpoint.core.errors import DeclarationError, NameUnknown
from setpoint.core.records import RULE
from setpoint.examples import EXAMPLES, example_folder, prepare_example
from setpoint.loop import TickReport
from setpoint.system import REFRESH_SECONDS, Live, open_system


def new(words: Namespace) -> int:
    """Write an example as a project of the user's own."""
    if words.template not in EXAMPLES:
        raise NameUnknown("template", words.template, EXAMPLES, where="`setpoint new`")
    source, folder = example_folder(words.template), words.folder
    if folder.exists() and any(folder.iterdir()) and not words.force:
        raise DeclarationError(
            f"The folder {str(folder)!r} is not empty.", expected="a new folder", hint="--force writes into it anyway."
        )
    written = prepare_example(words.template, folder, package=words.source)
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        if file.is_file() and (name.parts[0] == "data" or name.name == f"{words.template}.py"):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            written.append(str(name))
    declaration = f"{words.template}.py"
    if words.json:
        print_json({"folder": str(folder), "declaration": str(folder / declaration), "files": written})
        return 0
    where = escape(shlex.quote(str(folder)))
    out.print(f"Wrote [bold]{escape(str(folder / declaration))}[/] and {len(written) - 1} data files.")
    out.print(f"Next: [bold]setpoint plan {where}[/], then [bold]setpoint replay {where}[/].")
    return 0


def _open(words: Namespace, **settings: Any) -> Live:
    declared, root = load_declaration(words.project)
    settings = {"processes": getattr(words, "processes", None), **settings}
    live = open_system(declared, root=root, home=words.home, **settings)
    live.sources.reading, live.workspaces.trying = Reading(), Trying()
    return live


def check(words: Namespace) -> int:
    """Sources against contracts, the declaration against leaks."""
    if words.contract:
        return _contracts(words)
    if words.file:
        return show_file(words, _open(words))
    if asks_of_quarantine(words):
        return show_quarantine(words, _open(words))
    if words.report:
        report = _open(words).check_report()
        write_check(report, words.report)
    else:
        report = _open(words).check()
    if words.json:
        print_json(report)
        return 0 if report["passed"] else 1
    rows = [
        (each["name"], each["rows"], each["quarantined"], each["skipped"], each["first"], each["last"], each["known"])
        for each in report["sources"]
    ]
    out.print(table("Sources", ("source", "rows", "quarantined", "not yet", "first", "last", "known"), rows))
    for each in report["sources"]:
        if "early" in each:
            out.print(f"{each['early']:,} rows of {each['name']} were known before they happened.")
        for change in each.get("changes", ()):
            out.print(f"[yellow]warning[/] source {each['name']}: {escape(change)}")
        if "unreachable" in each:
            out.print(f"[yellow]warning[/] source {each['name']} is {escape(each['unreachable'])}")
    if report["quarantine"]:
        out.print(f"{len(report['quarantine'])} rows are in quarantine; `setpoint check --quarantine` shows them.")
    for each in report["python_features"]:
        how = "on whole arrays" if each["whole"] else "row by row"
        out.print(f"Feature {each['feature']}: {each['function']} runs {how}: {escape(each['reason'])}.")
    if report["bias"] is not None:
        _bias(report["bias"])
    for finding in report["findings"]:
        out.print(f"[red]finding[/] {finding['kind']}: {escape(finding['evidence'])} {escape(finding['hint'])}")
    if words.report:
        out.print(f"report: [bold]{escape(str(words.report))}[/]")
    out.print("[green]passed[/]" if report["passed"] else "[red]not passed[/]")
    return 0 if report["passed"] else 1


def _bias(audit: dict[str, Any]) -> None:
    """Where bias may enter: for people to judge, so no reason not to pass."""
    groups = "; ".join(
        f"{name}: " + ", ".join(f"{group} {size:,}" for group, size in sizes.items())
        for name, sizes in audit["groups"].items()
    )
    rows = [
        (each["source"], each["category"], each["attribute"], each["group"], each["evidence"], each["hint"])
        for each in audit["findings"]
    ]
    if rows:
        columns = ("source", "category", "attribute", "group", "evidence", "what to do")
        out.print(table("\nSources of bias", columns, rows))
    out.print(f"Bias: {len(rows)} of {audit['tests']} differences matter and are beyond chance ({escape(groups)}).")


def _contracts(words: Namespace) -> int:
    """The contract of each source, to paste and edit."""
    shown = _open(words).show_contracts()
    if words.json:
        print_json({"contracts": shown})
        return 0
    for each in shown:
        newest = each["versions"][-1]
        out.print(f"[dim]# {escape(each['source'])}: version {newest['version']}, in force since {newest['since']}[/]")
        out.print(escape(each["python"] + "\n"))
    return 0


def plan(words: Namespace) -> int:
    """What is derived, why, and what changed; or every feature."""
    if words.catalogue:
        return _catalogue(words)
    if words.worth:
        return show_worth(words, _open(words).worth())
    shown = _open(words).show_plan()
    if words.json:
        print_json(shown)
        return 0
    out.print(
        table(
            f"Plan of {shown['system']}",
            ("what", "choice", "because"),
            [tuple(each.values()) for each in shown["choices"]],
        )
    )
    columns = ("name", "kind", "version", "owner", "definition")
    rows = [[each[column] for column in columns] for each in shown["features"]]
    out.print(table("\nFeatures", ("feature", *columns[1:]), rows))
    for warning in shown["warnings"]:
        out.print(f"[yellow]warning[/] {escape(warning)}")
    for change in shown["changes"]:
        out.print(f"[cyan]changed[/] {escape(change['what'])}: runs again {escape(', '.join(change['runs_again']))}")
    if shown["next_training"]:
        told = shown["next_training"]
        out.print(f"a retraining of {told['rows']:,} rows costs about {told['cpu_seconds']:.3g} CPU s, by earlier runs")
    for model in shown["stale_models"]:
        does = f"; it {model['role']}, and is refused until `setpoint train` retires it" if model["role"] else ""
        told = f"learned from {model['base']!r} as {model['was']}, which is {model['found']} now{does}"
        out.print(f"[yellow]stale[/] model {model['model'][:12]} {escape(told)}")
    return 0


def _catalogue(words: Namespace) -> int:
    """Every feature with what is known of it."""
    shown = _open(words).catalogue()
    if words.json:
        print_json(shown)
        return 0
    rows = [
        (
            each["name"],
            each["version"],
            each["owner"] or None,
            ", ".join(each["used_by"]) or None,
            each["coverage"],
            each["distinct"],
            None if each["age"] is None else ("STALE " if each["stale"] else "") + each["age"].split(" ")[0],
            each["importance"],
        )
        for each in shown["features"]
    ]
    columns = ("feature", "version", "owner", "used by", "coverage", "distinct", "age", "importance")
    out.print(table(f"Features of {shown['system']}", columns, rows))
    for each in shown["features"]:
        if each["note"]:
            out.print(f"  {each['name']}: {escape(each['note'])}")
    for each in shown["proposed"]:
        out.print(f"[yellow]could go[/] {each['feature']}: {escape(each['because'])}")
    return 0


def train(words: Namespace) -> int:
    """One candidate, judged."""
    as_of = None if words.as_of is None else times.time(words.as_of)
    asked = {"ablate": words.ablate, "curve": words.curve, "framings": words.framings}
    report = _open(words).train(as_of=as_of, update=words.update, search=words.search, **asked)
    if words.report:
        write_training(report, words.report)
    if words.json:
        print_json(report)
    else:
        _print_gate(report)
        print_study(report)
    return 0 if report["passed"] else 1


def _print_gate(report: dict[str, Any]) -> None:
    out.print(f"model [bold]{report['model'][:12]}[/] on {report['rows']:,} rows, {spell(report['cpu_seconds'])} CPU s")
    rails = [(each["name"], each["value"], each["bound"], each["verdict"]) for each in report["guardrails"]]
    out.print(table("Guardrails", ("must", "value", "bound", "verdict"), rails))
    print_baselines(report)
    for each in report.get("preflight", ()):
        if each["level"] == "suspicion":
            out.print(f"[yellow]pre-flight[/] {escape(each['evidence'])} {escape(each['hint'])}")
    for line in report.get("confidence", ()):
        out.print(f"  {escape(line)}")
    print_weak_slices(report.get("weak"))
    print_fairness(report.get("fairness"), report.get("mitigated"))
    for reason in (*report["reasons"], *([report["training_rows"]] if "training_rows" in report else [])):
        out.print(f"  {escape(reason)}")
    if "update" in report:
        out.print(escape(report["update"]["reason"]))
    for line in report.get("ensemble", {}).get("words", ()):
        out.print(escape(line))
    if "use" in report:
        out.print(f"use: [bold]{escape(report['use']['verdict'])}[/] ({escape(report['use']['reason'])})")
    out.print("[green]passed the gate[/]" if report["passed"] else "[red]refused by the gate[/]")
    if report["waits"]:
        out.print(f"waits until a person approves it: [bold]setpoint approve {report['model'][:12]} --by NAME[/]")


def approve(words: Namespace) -> int:
    """A person's yes, or no, to a candidate."""
    return say_yes(words, _open(words))


def override(words: Namespace) -> int:
    """A candidate released although the gate refused it."""
    return say_all_the_same(words, _open(words))


def replay(words: Namespace) -> int:
    """History as if live."""
    live = _open(words)
    with _bar() as bar:
        task = bar.add_task("replay", total=None)

        def progress(report: TickReport, *, done: int, of: int) -> None:
            bar.update(task, description=f"replay {times.iso(report.at)[:10]}", completed=done, total=of)

        results = live.replay(
            start=None if words.start is None else times.time(words.start),
            end=None if words.end is None else times.time(words.end),
            batch=times.duration(words.batch),
            sample=words.sample,
            fresh=words.fresh,
            progress=progress,
        )
    folder = Path(results["folder"])
    report = words.report or folder / "report.html"
    write_report(results, report)
    if words.json:
        summary = results.pop("summary")
        print_json({**results, "report": str(report), "summary": summary})
        return 0
    _print_replay(results, report, words.project)
    return 0


def _bar() -> Progress:
    """What shows how far something is, to people who watch."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err, transient=True)


def _print_replay(results: dict[str, Any], report: Path, project: Path) -> None:
    metric = metric_of(results)
    columns = {
        "month": "month", "decisions": "decisions", "known": "labels", "void": "void",
        metric.key: f"{metric.name} live", metric.frozen: f"{metric.name} frozen",
        **({"ece": "ECE"} if metric.of_two else {}), "business": "value/1000", "alarms": "alarms",
        "retrainings": "trained", "promotions": "promoted", "rollbacks": "rolled back", "champion": "champion",
    }  # fmt: skip
    rows = [[month[name] for name in columns] for month in results["months"]]
    out.print(table(f"Replay of {results['system']}", list(columns.values()), rows))
    split, parity, summary = results["time_split"], results["parity"], results["summary"]
    if split:
        out.print(
            f"\ntime split {split['trained']} / {split['tested']}: AUC [bold]{split['auc']:.3f}[/] "
            f"[{split['auc_low']:.3f}, {split['auc_high']:.3f}], ECE {split['ece']:.3f}; "
            f"a random split of the same rows would have shown {split['random_split_auc']:.3f} "
            f"(flattering by {split['flattery']:+.3f})"
        )
    out.print(
        f"online path: {parity['sampled']:,} decisions, {parity['compared_values']:,} values, "
        f"{parity['mismatches']} differences"
    )
    out.print(
        f"{summary['cpu_seconds']:.0f} CPU s ("
        + ", ".join(f"{each['step']} {each['cpu_seconds']:.0f}" for each in results["steps"])
        + f"); peak {summary['peak_rss_mb']:.0f} MB; digest {summary['digest'][:12]}"
    )
    out.print(f"\nreport: [bold]{escape(str(report))}[/]")
    last = results["last_decision"]
    key, where = (escape(shlex.quote(str(word))) for word in (last["key"], project))
    out.print(
        f"try: [bold]setpoint status {where}[/] · [bold]setpoint why {key} {where}[/] · "
        f"[bold]setpoint serve {where} --clock {last['at'][:10]}[/]"
    )


def status(words: Namespace) -> int:
    """The whole loop on one screen, or what is stored of the rows that it learned from."""
    if asks_of_snapshots(words):
        return show_snapshots(words, _open(words))
    shown = _open(words).status()
    if words.json:
        print_json(shown)
        return 0
    for title, facts in shown["sections"].items():
        out.print(f"[bold]{title}[/]")
        for name, value in facts.items():
            out.print(f"  {name:<22} {escape(spell(value))}")
    return 0


def runs(words: Namespace) -> int:
    """Every training, one in full, or several side by side."""
    words.run, words.project = split_words(words.run)
    return show_runs(words, _open(words))


def why(words: Namespace) -> int:
    """One decision, model, incident or value explained."""
    shown = _open(words).why(
        words.subject, feature=words.feature, counterfactual=words.counterfactual, model=words.model
    )
    if words.json:
        print_json(shown)
        return 0
    out.print(f"[bold]{escape(shown['subject'])}[/]  {escape(shown['kind'])}")
    for line in shown["story"]:
        out.print(f"  {escape(line)}")
    for title, rows in shown["tables"].items():
        out.print(table(f"\n{title}", tuple(rows[0]), [tuple(row.values()) for row in rows]) if rows else "")
    return 0


def verify(words: Namespace) -> int:
    """What was logged, worked out again."""
    since, until = (None if each is None else times.time(each) for each in (words.since, words.until))
    report = _open(words).verify(since=since, until=until, features=words.feature, sample=words.sample)
    if words.json:
        print_json(plain(report))
        return 0 if report["passed"] else 1
    out.print(
        f"{report['decisions']:,} decisions from {report['from'] or '-'} to {report['to'] or '-'}: "
        f"{report['values']:,} values worked out again, {report['mismatches']:,} differ"
    )
    wrong = [tuple(each.values()) for each in report["features"] if each["mismatches"]]
    if wrong:
        out.print(table("\nFeatures that differ", ("feature", "values", "differ", "rate"), wrong))
    for each in report["differences"]:
        out.print(f"\n[bold]{each['feature']}[/] of {escape(each['key'])} at {each['at']} ({each['decision']})")
        out.print(escape(f"  logged {each['logged']!r}, worked out again {each['recomputed']!r}"))
        if each["because"]:
            out.print(f"  {escape(each['because'])}")
        elif each["behind"]:
            out.print("  no single event explains it; behind the value are:")
            out.print(table("", tuple(each["behind"][0]), [tuple(row.values()) for row in each["behind"]]))
    out.print("[green]the same bits[/]" if report["passed"] else "[red]not the same[/]")
    return 0 if report["passed"] else 1


def backfill(words: Namespace) -> int:
    """New and changed features for all decisions taken before."""
    live = _open(words)
    with _bar() as bar:
        task = bar.add_task("backfill", total=None)

        def progress(*, done: int, of: int, what: str) -> None:
            bar.update(task, description=f"backfill {what}", completed=done, total=of)

        report = live.backfill(progress=progress)
    if words.json:
        print_json(report)
        return 0
    columns = ("feature", "version", "worked out", "there before", "without a field", "fields")
    rows = [(*list(each.values())[:5], ", ".join(each["fields"]) or None) for each in report["features"]]
    out.print(table("Features that decisions lacked", columns, rows) if rows else "no decision lacks a feature")
    for source, count in report["state"].items():
        if count:
            out.print(f"online state: {count:,} rows of {source}")
    return 0


SHOWN = 60
"""Rows of an answer that people are shown; --json and --csv print all of them."""


def sql(words: Namespace) -> int:
    """One question about decisions, outcomes and sources."""
    answer = _open(words).sql(words.query)
    columns = answer.column_names
    rows = [list(row) for row in zip(*[plain(column.to_pylist()) for column in answer.columns], strict=True)]
    if words.json:
        print_json({"columns": columns, "rows": rows})
    elif words.csv:
        print_csv(columns, rows)
    else:
        out.print(table("", columns, rows[:SHOWN]))
        if len(rows) > SHOWN:
            out.print(f"and {len(rows) - SHOWN:,} more; --csv and --json print all")
    return 0


def _decider(model: str) -> str:
    return "the fallback rule" if model == RULE else f"model {model[:12]}"


def label(words: Namespace) -> int:
    """What people label by hand."""
    return run_label(words)


def serve(words: Namespace) -> int:
    """Decisions over HTTP until interrupted."""
    clock = SystemClock(starting_at=None if words.clock is None else times.time(words.clock))
    live = _open(words, host=words.host, port=words.port, clock=clock)
    name, settings = live.declared.name, live.settings
    with live.session() as session:

        def announce(url: str) -> None:
            out.print(f"[bold]{name}[/] decides at {url}/v1/{name}/decide by {_decider(session.serving.model)}")
            request = shlex.quote(json.dumps(live.example_request(clock.now())))
            out.print(escape(f"try: curl {url}/v1/{name}/decide --json {request}"))
            if live.declared.hand is not None:
                out.print(f"label at [bold]{url}/v1/{name}/label[/]")

        pages = {} if live.declared.hand is None else label_routes(name, live.label_queue())
        with session.refreshing(REFRESH_SECONDS):
            serve_http(App({name: session}, pages=pages), host=settings.host, port=settings.port, announce=announce)
    return 0
