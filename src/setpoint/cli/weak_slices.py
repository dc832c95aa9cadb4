"""The slices in which a model is weak, as `train` prints them."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from setpoint.cli.render import out


def print_weak_slices(found: dict[str, Any] | None) -> None:
    """Where the model loses more than it expects, and how many slices were looked at; nothing of older models."""
    if found is None:
        return
    weak = [each for each in found["slices"] if each["worse"]]
    for each in weak:
        out.print(f"[yellow]weak slice[/] {escape(each['words'])}")
    told = f"{len(weak)} of them" if weak else "none"
    out.print(
        f"Slices: {found['looked_at']:,} looked at on validation rows, {told} shown on {found['rows']:,} newer ones "
        "to lose more than the model expects."
    )
