"""The gaps between groups, as `train` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out


def print_fairness(found: Sequence[dict[str, Any]] | None) -> None:
    """Every gap that is shown to be one, and how many were looked at; nothing where no attribute is protected."""
    if not found:
        return
    gaps = [(each["attribute"], gap) for each in found for gap in each["gaps"] if gap["p_value"] is not None]
    shown = [(name, gap) for name, gap in gaps if gap["shown"]]
    for name, gap in shown:
        out.print(f"[yellow]unequal[/] by {escape(str(name))}: {escape(gap['words'])}")
    told = f"{len(shown)} of them" if shown else "none"
    out.print(f"Groups: {len(gaps)} gaps looked at, {told} shown to be more than chance.")
