"""`setpoint`: verbs over one declaration."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from setpoint.core.errors import SetpointError

EXIT_CODES = """exit codes:
  0  done, nothing to object
  1  done, and the answer is no: findings, a refused model, a failed check
  2  not done: bad input or a bad declaration; the message says what to do
  130  interrupted; what was committed stays, run the same command to go on
"""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    top = argparse.ArgumentParser(
        prog="setpoint",
        description="A whole production machine learning system from one declaration.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="verb", required=True, metavar="VERB")

    def add(name: str, help: str, *, project: bool = True, **first: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help, description=help)
        for positional, words in first.items():
            command.add_argument(positional, help=words)
        if project:
            command.add_argument(
                "project", nargs="?", default=".", type=Path, help="the declaration, or its folder (default: here)"
            )
            command.add_argument("--home", help="folder of everything written (default: .setpoint beside the file)")
        command.add_argument("--json", action="store_true", help="print one JSON document")
        return command

    new = add("new", "Write a project to start from.", project=False)
    new.add_argument("template", help="the example to write: census, flights or mail")
    new.add_argument("folder", type=Path, help="where")
    new.add_argument("--from", dest="source", type=Path, help="the installed package that an example's data come from")
    new.add_argument("--force", action="store_true", help="write over the example's own files in an existing folder")

    check = add("check", "Check sources against their contracts and the declaration for leaks; nothing is trained.")
    check.add_argument("--contract", action="store_true", help="show each source's contract as Python to edit")
    check.add_argument("--quarantine", action="store_true", help="show the rows that were set aside, and why")
    check.add_argument("--file", type=Path, help="say whether the contract of --source would take in this file")
    check.add_argument("--source", help="with --quarantine or --export, only rows of this source; see --file")
    check.add_argument("--rule", help="with --quarantine or --export, only rows that broke this rule")
    check.add_argument("--state", default="open", help="with --quarantine or --export, rows of this state, or all")
    check.add_argument("--csv", action="store_true", help="with --quarantine, print comma-separated values")
    check.add_argument("--export", type=Path, metavar="FILE", help="write these rows to edit: .csv or .jsonl")
    check.add_argument("--fix", type=Path, metavar="FILE", help="take edited rows in again, under the contract")
    check.add_argument("--readmit", action="append", metavar="RULE|ID", help="take rows in again as they are")
    check.add_argument("--dismiss", action="append", metavar="RULE|ID", help="leave rows where they are for good")
    check.add_argument(
        "--report", nargs="?", const=Path("check.html"), type=Path, metavar="FILE", help="write a page (check.html)"
    )
    check.add_argument("--by", help="with --fix, --readmit and --dismiss, who says so (default: the user)")
    check.add_argument("--because", default="", help="with --fix, --readmit and --dismiss, why")

    plan = add("plan", "Show what is derived from the declaration, why, and what changed since the last plan.")
    plan.add_argument("--worth", action="store_true", help="say whether a model could be worth it, before any training")
    plan.add_argument("--catalogue", action="store_true", help="show every feature: owner, users, coverage, freshness")

    train = add("train", "Train one candidate on what is known, judge it and register it.")
    train.add_argument("--as-of", help="train on what was known at this time (default: now)")
    train.add_argument("--ablate", action="store_true", help="also say which features, and groups of them, are needed")
    train.add_argument("--framings", action="store_true", help="also compare what decisions framed otherwise are worth")
    train.add_argument("--curve", action="store_true", help="also say whether more data or another model would help")
    train.add_argument("--update", action="store_true", help="also update the champion, and take the better of the two")
    train.add_argument("--search", action="store_true", help="search for a recipe anew, instead of refitting the last")
    train.add_argument("--processes", type=int, metavar="N", help="try the recipes of a search in N processes")
    train.add_argument("--report", type=Path, help="also write what was found of the candidate as one HTML file")

    approve = add(
        "approve",
        "Say yes, or no, to the candidate that passed the gate and waits for a person.",
        candidate="the beginning of the candidate's digest, as `setpoint status` shows it",
    )
    approve.add_argument("--by", required=True, metavar="NAME", help="who says so")
    approve.add_argument("--reason", default="", help="why")
    approve.add_argument("--decline", action="store_true", help="say no: it does not go on")

    override = add(
        "override",
        "Release a candidate that the gate refused; who says so and why is recorded for good.",
        candidate="the beginning of the candidate's digest, as `setpoint runs` shows it",
    )
    override.add_argument("--by", required=True, metavar="NAME", help="who says so")
    override.add_argument("--reason", required=True, help="why")

    replay = add("replay", "Run history as if live: decisions, late labels, alarms, retrainings, releases.")
    replay.add_argument("--start", help="first decision time (default: the first day of the data)")
    replay.add_argument("--end", help="end of decision times (default: after the last day of the data)")
    replay.add_argument("--batch", default="1d", help="decide in batches of this length (no result depends on it)")
    replay.add_argument(
        "--sample", type=float, default=0.01, help="share of hours whose decisions also go through the online path"
    )
    replay.add_argument("--fresh", action="store_true", help="forget an earlier run of the same replay and start over")
    replay.add_argument("--report", type=Path, help="where to write the report (default: in the replay's folder)")

    serve = add("serve", "Answer decisions over HTTP with features, log, monitors and loop in one process.")
    serve.add_argument("--host", help="address (default 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port (default 8080; 0: any free one)")
    serve.add_argument("--clock", help="pretend that it is this time now, for demonstrations over old data")

    status = add("status", "Show the whole loop on one screen, or the snapshots that are stored.")
    status.add_argument("--snapshots", action="store_true", help="show what is stored of rows, and what needs it")
    status.add_argument(
        "--diff",
        nargs=2,
        metavar=("BEFORE", "AFTER"),
        help="show what differs between two snapshots: each a digest, a model, a hold, a time, or now",
    )
    status.add_argument("--examples", type=int, default=5, help="with --diff, rows of each sort to show (default: 5)")
    status.add_argument("--report", type=Path, help="with --diff, where to write it as an HTML report")
    status.add_argument("--hold", metavar="NAME", help="store the rows that are known, and keep them under this name")
    status.add_argument("--of", default="now", help="with --hold, which rows: as for --diff (default: now)")
    status.add_argument("--because", default="", help="with --hold, why")
    status.add_argument("--let-go", metavar="NAME", help="end a hold: its rows may be collected")
    status.add_argument("--collect", action="store_true", help="show what is stored that nothing needs, and its bytes")
    status.add_argument("--sweep", action="store_true", help="with --collect, remove it")

    runs = add("runs", "List every training, show one in full, or compare several.", project=False)
    runs.add_argument(
        "run",
        nargs="*",
        help="the beginning of a run's id or its model's digest, and at last, where it is not here, the project",
    )
    runs.add_argument("--passed", action="store_true", help="list only those that passed the gate")
    runs.add_argument("--since", help="list only those since this time")
    runs.add_argument(
        "--where", default="", help='list only those that meet this, such as "auc > 0.7 and tag = easter"'
    )
    runs.add_argument("--archived", action="store_true", help="list those whose model is in the archive as well")
    runs.add_argument("--live", action="store_true", help="show which model decided when, and since when that is known")
    runs.add_argument("--at", metavar="TIME", help="with --live, what decided at this time")
    runs.add_argument("--known-at", metavar="TIME", help="with --live, as was known at this time (default: now)")
    runs.add_argument("--tag", metavar="NAME", help="tag the model of this run")
    runs.add_argument("--untag", metavar="NAME", help="take a tag away")
    runs.add_argument("--alias", metavar="NAME", help="let this name point to the model of this run")
    runs.add_argument("--unalias", metavar="NAME", help="take the name away")
    runs.add_argument("--archive", action="store_true", help="move the model's files out of the way, into the archive")
    runs.add_argument("--unarchive", action="store_true", help="bring them back")
    runs.add_argument(
        "--restore", type=Path, metavar="DIR", help="write the run's model and all that it needs into a new folder"
    )
    runs.add_argument(
        "--environment", action="store_true", help="with --restore, build the Python of the run there too"
    )
    runs.add_argument(
        "--by", help="with --tag, --alias, --archive and their opposites, who says so (default: the user)"
    )
    runs.add_argument("--because", default="", help="with these, why")
    runs.add_argument("--home", help="folder of everything written (default: .setpoint beside the file)")

    label = add("label", "What people label by hand: the queue, votes, agreement, labels, and the page to label on.")
    label.add_argument("--add", type=int, metavar="N", help="put the newest N decisions into the queue")
    label.add_argument(
        "--fill",
        metavar="HOW",
        choices=("uncertainty", "margin", "entropy", "committee", "cost", "diversity", "clusters", "random", "errors"),
        help="put decisions into the queue whose label tells most, or (errors) labels that are likely wrong",
    )
    label.add_argument("--count", type=int, default=50, help="with --fill, how many (default: 50)")
    label.add_argument(
        "--random", type=float, help="with --fill, the share drawn at random, to judge with (default: as declared)"
    )
    label.add_argument("--as", dest="annotator", metavar="NAME", help="who votes")
    label.add_argument("--next", action="store_true", help="hand out the next item")
    label.add_argument("--vote", nargs=2, metavar=("ITEM", "CLASS"), help="vote for the class of an item")
    label.add_argument("--skip", metavar="ITEM", help="leave an item to others")
    label.add_argument("--note", default="", help="what to remember of the vote")
    label.add_argument("--undo", action="store_true", help="take back the last vote")
    label.add_argument("--decide", nargs=2, metavar=("ITEM", "CLASS"), help="settle a disagreement")
    label.add_argument("--import", dest="import_file", type=Path, metavar="FILE", help="take in items and votes")
    label.add_argument("--export", type=Path, metavar="FILE", help="write items and votes")
    label.add_argument("--format", choices=("label-studio", "csv"), default="label-studio", help="of the export")
    label.add_argument("--agreement", action="store_true", help="how far annotators agree, also with themselves")
    label.add_argument("--consensus", action="store_true", help="the labels that the votes make")
    label.add_argument("--programs", action="store_true", help="what each label program is worth")
    label.add_argument("--page", action="store_true", help="serve the page to label on, and nothing else")
    label.add_argument("--host", help="address of the page (default 127.0.0.1)")
    label.add_argument("--port", type=int, help="port of the page (default 8080; 0: any free one)")

    why = add(
        "why",
        "Explain one decision, alarm or refusal, or the events behind one value.",
        subject="the id or key of a decision; the id of a model, incident, snapshot, contract or file (of these a "
        "beginning is enough); or the name of a source's file",
    )
    why.add_argument("--feature", help="show the events behind the value of this feature in the decision")
    why.add_argument(
        "--counterfactual", action="store_true", help="also say which least changes would have changed the decision"
    )
    why.add_argument("--model", help="say what this model makes of the request of this key, for goals of every kind")

    verify = add("verify", "Work out again what was logged of decisions, and compare it bit for bit.")
    verify.add_argument("--since", help="first decision time (default: the first in the log)")
    verify.add_argument("--until", help="end of decision times (default: after the last in the log)")
    verify.add_argument("--feature", action="append", help="only this feature (may be given again)")
    verify.add_argument("--sample", type=float, default=1.0, help="share of decisions to look at (default: all)")

    add("backfill", "Work out new and changed features for all decisions taken before, while serving goes on.")

    sql = add(
        "sql",
        "Answer one SELECT over decisions, their outcomes and the sources, while decisions are taken.",
        query="such as: select model, avg(score) from decisions group by 1",
    )
    sql.add_argument("--csv", action="store_true", help="print comma-separated values")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    parsed = parser().parse_args(arguments)
    # What the verbs need (engines, statistics) is loaded once a verb is called, so that `--help` answers at once.
    verbs, render = import_module("setpoint.cli.verbs"), import_module("setpoint.cli.render")
    try:
        code: int = getattr(verbs, parsed.verb)(parsed)
        return code
    except SetpointError as error:
        if parsed.json:
            render.print_json({"error": error.to_dict()})
        else:
            render.err.print(f"[bold red]error[/] [dim]{error.code}[/]  {render.escape(str(error))}")
        return 2
    except KeyboardInterrupt:
        render.err.print("interrupted")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
