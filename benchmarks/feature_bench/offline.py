"""Windowed features and the newest value of many decisions from files on disk, against engines that read them too."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import Row, peer_python
from common.costs import Cost, contend

from feature_bench.agree import differing
from feature_bench.data import write
from feature_bench.feast import Feast

OURS = "feature_bench/ours.py"
DUCKDB, POLARS = "DuckDB", "Polars"
PEERS = {
    DUCKDB: (Path(sys.executable), "peers/features_duckdb.py"),
    POLARS: (peer_python("polars"), "peers/features_polars.py"),
}


@dataclass(frozen=True)
class Contest:
    """One thing computed by ours and by peers from the files of a folder."""

    folder: Path
    what: str
    ours: Cost
    peers: Mapping[str, Cost | None]

    def cpu(self, *names: str) -> dict[str, float | None]:
        """The CPU seconds of peers, None of an absent one."""
        return {name: cost and cost.cpu for name, cost in self._titled(names).items()}

    def peak(self, *names: str) -> dict[str, float | None]:
        """The most memory of peers in MB, None of an absent one."""
        return {name: cost and cost.peak for name, cost in self._titled(names).items()}

    def whole(self, *names: str) -> str:
        """The CPU seconds of whole processes, with start, imports, a first call and writing the values down."""
        told = [f"{self.ours.whole:.1f} ours"]
        told += [f"{cost.whole:.1f} {name}" for name in names if (cost := self.peers[name]) is not None]
        return f"whole processes {', '.join(told)}"

    def result(self, name: str) -> Path:
        """The values of a contender."""
        return result(self.folder, self.what, name)

    def _titled(self, names: tuple[str, ...]) -> dict[str, Cost | None]:
        found = {name: self.peers[name] for name in names}
        return {f"{name} {cost.facts['version']}" if cost else name: cost for name, cost in found.items()}


def result(folder: Path, what: str, name: str) -> Path:
    """Where the values of a contender are put."""
    return folder / f"{what}-{name}.npz"


def contest(folder: Path, what: str, *names: str, runs: int) -> Contest:
    """Ours and these peers, one after the other."""
    ours = contend(sys.executable, OURS, what, folder, result(folder, what, "ours"), runs=runs)
    peers: dict[str, Cost | None] = {}
    for name in names:
        python, script = PEERS[name]
        peers[name] = python and contend(python, script, what, folder, result(folder, what, name), runs=runs)
    return Contest(folder, what, ours, peers)


def windows(folder: Path, *, quick: bool) -> list[Row]:
    """28 windowed features, with and without late payments."""
    events, asks = (200_000, 50_000) if quick else (10_000_000, 1_000_000)
    size = f"{events:,} payments of 100,000 cards, {asks:,} decisions, 28 features, Parquet to a table in memory"
    held = write(folder, events, asks) / 2**20
    done = contest(folder, "windows", DUCKDB, POLARS, runs=1 if quick else 2)
    rows = [
        Row(
            f"28 windowed features, against {name}",
            done.ours.cpu,
            "CPU s",
            f"{size}; {done.whole(name)}",
            done.cpu(name),
            least_ratio=ratio,
            shrunk=quick,
        )
        for name, ratio in ((DUCKDB, 25.0), (POLARS, 4.0))
    ]
    times = {name: peak and peak / held for name, peak in done.peak(DUCKDB, POLARS).items()}
    rows.append(
        Row(
            "peak memory of the process",
            done.ours.peak / held,
            "x input",
            f"{held:,.0f} MB in memory",
            times,
            most=6.0,
            shrunk=quick,
        )
    )
    rows += [_agreement(done, name, f"28 features, {asks:,} decisions") for name in done.peers if done.peers[name]]
    return rows + _late(folder, size, quick=quick)


def _agreement(done: Contest, name: str, size: str) -> Row:
    told = "count, min, max, last exactly, sum, mean, std to 1e-9"
    return Row(
        f"{done.what} unlike {name}'s",
        differing(done.result("ours"), done.result(name)),
        "values",
        f"{size}; {told}",
        most=0.0,
    )


def _late(folder: Path, size: str, *, quick: bool) -> list[Row]:
    """The same with payments that became known up to three days late, each decision seeing what it could have."""
    values, known = result(folder, "windows", "late"), result(folder, "known", DUCKDB)
    ours = contend(sys.executable, OURS, "windows", folder, values, "late", runs=1 if quick else 2)
    python, script = PEERS[DUCKDB]
    assert python is not None
    contend(python, script, "known", folder, known)
    with np.load(known) as found:
        sample = found["count_1h"].size
    places = np.arange(sample) * 100 + 7
    return [
        Row("28 windowed features, 5 % of payments late", ours.cpu, "CPU s", f"{size}; as known at each decision"),
        Row(
            "late windows unlike DuckDB's pairs",
            differing(values, known, places=places),
            "values",
            f"28 features, {sample:,} decisions",
            most=0.0,
        ),
    ]


def growth(folder: Path) -> list[Row]:
    """How the cost of 28 windowed features grows with the payments."""
    asks, rows = 1_000_000, []
    for events, names in {1_000_000: (DUCKDB, POLARS), 50_000_000: ()}.items():
        held = write(folder / f"{events}", events, asks) / 2**20
        done = contest(folder / f"{events}", "windows", *names, runs=1)
        told = f"28 features, {asks:,} decisions, {held:,.0f} MB of input, peak {done.ours.peak / held:.1f}x"
        rows.append(Row(f"growth: {events:,} payments", done.ours.cpu, "CPU s", told, done.cpu(*names)))
    return rows


def lookup_size(folder: Path, *, quick: bool) -> int:
    """Write as many payments as decisions; gives how many."""
    size = 100_000 if quick else 1_000_000
    write(folder, size, size)
    return size


def lookup(folder: Path, size: int, feast: Feast | None, *, quick: bool) -> list[Row]:
    """The newest payment of each decision's card."""
    done = contest(folder, "lookup", DUCKDB, POLARS, runs=1 if quick else 3)
    told = f"{size:,} payments x {size:,} decisions, one value, Parquet to a table in memory"
    memory = f"; peak {done.ours.peak:,.0f} MB ours" + (f", {feast.peak:,.0f} MB Feast" if feast else "")
    theirs = {feast.title: feast.cpu} if feast else {"Feast": None}
    ours = done.ours.cpu
    rows = [
        Row("as-of lookup, against Feast", ours, "CPU s", told + memory, theirs, least_ratio=100.0, shrunk=quick),
        Row(
            "as-of lookup, against DuckDB ASOF",
            ours,
            "CPU s",
            f"{told}; at most 1.2 times its CPU; {done.whole(DUCKDB)}",
            done.cpu(DUCKDB),
            least_ratio=0.83,
            shrunk=quick,
        ),
        Row("as-of lookup, against Polars join_asof", ours, "CPU s", told, done.cpu(POLARS)),
    ]
    return rows + [
        _agreement(done, name, f"as-of lookup, {size:,} values") for name in (DUCKDB, POLARS) if done.peers[name]
    ]
