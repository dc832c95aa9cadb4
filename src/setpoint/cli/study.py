"""What was asked of a training beside the gate's answer, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out, table


def print_study(report: Mapping[str, Any]) -> None:
    """Tables of features and their groups, and of the learning curve, as far as they were asked for."""
    if "selection" in report:
        _selection(report["selection"])
    if "ablation" in report:
        _ablation(report["ablation"])
    if "learning_curve" in report:
        _curve(report["learning_curve"])
    if "framings" in report:
        _framings(report["framings"])


def _selection(found: Mapping[str, Any]) -> None:
    rows = [
        (each["feature"], f"{each['share']:.0%}", each["generalises"], each["verdict"], each["because"])
        for each in found["features"]
    ]
    title = f"Features chosen by {found['stability']['choices']} halves of {found['days']} days"
    out.print(table(title, ("feature", "chosen", "elsewhere", "verdict", "because"), rows))
    if found["spare"]:
        told = ", ".join(f'"{name}"' for name in found["spare"])
        out.print(escape(f"models need not read them where the system says leave_out=[{told}]"))
    stable = found["stability"]
    if stable["index"] is not None:
        out.print(f"stability {stable['index']:.2f} (95 % interval {stable['low']:.2f} to {stable['high']:.2f})")


def _ablation(found: Mapping[str, Any]) -> None:
    rows = [
        (
            f"{each['by']} {each['name']}",
            ", ".join(each["features"]),
            each["worse"]["estimate"],
            each["worse"]["low"],
            each["worse"]["high"],
            each["verdict"],
        )
        for each in found["groups"]
    ]
    columns = ("without", "features", "worse by", "low", "high", "verdict")
    out.print(table(f"{found['metric']} without groups of features", columns, rows))


def _curve(found: Mapping[str, Any]) -> None:
    rows = [
        (each["which"], each["rows"], each["loss"]["estimate"], each["loss"]["low"], each["loss"]["high"], each["seen"])
        for each in found["points"]
    ]
    columns = ("rows", "how many", "on newer rows", "low", "high", "on rows learned from")
    out.print(table(f"Learning curve ({found['loss'].replace('_', ' ')})", columns, rows))
    out.print(f"advice: [bold]{found['advice']}[/]: {escape(found['because'])}")


def _framings(found: Mapping[str, Any]) -> None:
    rows = [
        (
            each["name"],
            each["value"]["estimate"],
            each["difference"]["estimate"],
            each["difference"]["low"],
            each["difference"]["high"],
            each["how"],
        )
        for each in found["framings"]
    ]
    columns = ("framing", f"{found['unit']} per 1000", "more than declared", "low", "high", "what it does")
    out.print(table(f"Framings on {found['rows']:,} decisions of {found['days']} days", columns, rows))
    out.print(f"best: [bold]{escape(found['best'])}[/] ({escape(found['because'])})")
