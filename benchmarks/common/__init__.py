"""What the benchmarks share: rows, peers' interpreters, and how a result is printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "peers" / ".envs"
ABSENT = "absent"


@dataclass(frozen=True)
class Row:
    """One measured thing, lower is better: `most` bounds ours, `least_ratio` the cheapest peer over ours."""

    name: str
    ours: float
    unit: str
    size: str
    peers: Mapping[str, float | None] = field(default_factory=dict)
    most: float | None = None
    least_ratio: float | None = None
    shrunk: bool = False

    @property
    def ratio(self) -> float | None:
        """The cheapest installed peer over ours; None when no peer is installed."""
        there = [value for value in self.peers.values() if value is not None]
        return min(there) / self.ours if there and self.ours else None

    @property
    def target(self) -> str:
        """What was promised, in words."""
        parts = [] if self.most is None else [f"<= {self.most:g} {self.unit}".rstrip()]
        return " and ".join(parts + ([] if self.least_ratio is None else [f">= {self.least_ratio:g}x"]))

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; None when this run cannot tell."""
        if self.shrunk or (self.least_ratio is not None and self.ratio is None):
            return None
        return (self.most is None or self.ours <= self.most) and (
            self.least_ratio is None or (self.ratio or 0.0) >= self.least_ratio
        )

    def to_dict(self) -> dict[str, object]:
        """The row as JSON-like data."""
        peers = {name: ABSENT if value is None else value for name, value in self.peers.items()}
        return {
            "name": self.name,
            "ours": self.ours,
            "unit": self.unit,
            "peers": peers,
            "ratio": self.ratio,
            "target": self.target,
            "met": self.met,
            "size": self.size,
        }


def peer_python(name: str) -> Path | None:
    """The interpreter of a peer's environment; None when it is not installed."""
    python = PEERS / name / "bin" / "python"
    return python if python.exists() else None


def main(description: str, measure: Callable[..., list[Row]]) -> None:
    """Call `measure(quick=...)` and print a table, or JSON with `--json`; status 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller run, under 50 s")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    options = parser.parse_args()
    rows = measure(quick=options.quick)
    if options.json:
        print(json.dumps({"rows": [row.to_dict() for row in rows]}, indent=2))
    else:
        for row in rows:
            _show(row)
    raise SystemExit(any(row.met is False for row in rows))


def _show(row: Row) -> None:
    verdict = {True: "met", False: "NOT MET", None: "not judged"}[row.met]
    print(f"{row.name}: {row.ours:.4g} {row.unit} ({row.size}); target {row.target or 'none'}: {verdict}")
    for name, value in row.peers.items():
        told = ABSENT if value is None else f"{value:.4g} {row.unit}"
        times = "" if value is None or not row.ours else f", {value / row.ours:.1f}x ours"
        print(f"    {name}: {told}{times}")
