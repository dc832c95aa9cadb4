"""The gaps between groups, as `train` prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from setpoint.cli.render import out


def print_fairness(found: Sequence[dict[str, Any]] | None, mitigated: dict[str, Any] | None = None) -> None:
    """The first gap of each attribute that is shown to be one, and how many there are; nothing without attributes.

    What was done against a gap, and what it cost, comes first.
    """
    if mitigated is not None:
        out.print(f"mitigated: {escape(str(mitigated['words']))}")
    if not found:
        return
    looked, unequal = 0, 0
    for each in found:
        shown = [gap for gap in each["gaps"] if gap["shown"]]
        looked += sum(gap["p_value"] is not None for gap in each["gaps"])
        unequal += len(shown)
        if shown:
            more = f" ({len(shown) - 1} more on the card)" if len(shown) > 1 else ""
            out.print(f"[yellow]unequal[/] by {escape(str(each['attribute']))}: {escape(shown[0]['words'])}{more}")
    told = f"{unequal} of them" if unequal else "none"
    out.print(f"Groups: {looked} gaps looked at, {told} shown to be more than chance.")
