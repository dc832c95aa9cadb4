"""What label programs are worth, printed: a table for people, one JSON document for machines."""

from __future__ import annotations

from rich.markup import escape

from setpoint.cli.render import out, print_json, table
from setpoint.labels.label_model import LabelFit
from setpoint.labels.vote_report import VoteReport
from setpoint.measure.intervals import Interval


def print_vote_report(report: VoteReport, fit: LabelFit | None = None, *, as_json: bool = False) -> int:
    """Print the report, and what gold rows say of the label model; gives the exit code, 1 where something is wrong."""
    wrong = bool(report.findings) or (fit is not None and fit.refused is not None)
    if as_json:
        print_json({"report": report.to_dict(), "fit": None if fit is None else fit.to_dict(), "passed": not wrong})
        return int(wrong)
    columns = ("program", "votes for", "covers", "overlaps", "conflicts", "errors", "right on gold", "of", "by chance")
    rows = [
        (
            each.name,
            " ".join(f"{name}:{count}" for name, count in each.votes.items() if count) or None,
            each.coverage,
            each.overlaps,
            each.conflicts,
            each.errors,
            spell_interval(each.accuracy),
            None if each.accuracy is None else each.accuracy.n,
            each.chance,
        )
        for each in report.programs
    ]
    out.print(table(f"Label programs, {report.rows:,} rows, {report.voted:.1%} with a vote", columns, rows))
    if report.dependent:
        out.print(table("Share more than the class", ("program", "and", "strength"), report.dependent))
    shares = [
        (
            name,
            spell_interval(None if report.balance is None else report.balance[name]),
            None if report.estimated is None else report.estimated[name],
        )
        for name in report.programs[0].votes
    ]
    out.print(table("Classes", ("class", "among gold rows", "by the label model"), shares))
    if fit is not None:
        found = [
            ("the choice", fit.worth, None),
            *[(name, each, fit.gained[name]) for name, each in fit.beside.items()],
        ]
        shown = [(name, spell_interval(value), spell_interval(gain)) for name, value, gain in found]
        out.print(table(f"{fit.metric} on gold rows", ("", fit.metric, "the choice less this"), shown))
        ways = [(name, value, "chosen" if name == fit.model.method else None) for name, value in fit.ways.items()]
        out.print(table("Models", ("model", fit.metric, ""), ways))
        for note in fit.notes:
            out.print(f"  {escape(note)}")
        if fit.refused is not None:
            out.print(f"[bold red]refused[/]  {escape(fit.refused)}")
    for finding in report.findings:
        out.print(f"[bold]finding[/]  {escape(finding)}")
    return int(wrong)


def spell_interval(value: Interval | None) -> str | None:
    """A value with its bounds.

    >>> spell_interval(Interval(0.75, 0.5, 0.875, 0.95, 9, 9, 0, "wilson"))
    '0.750 (0.500 to 0.875)'
    """
    return None if value is None else f"{value.estimate:.3f} ({value.low:.3f} to {value.high:.3f})"
