"""Learning on five real tables: what a system trained once loses on newer rows, beside AutoML of the same CPU time.

The tables come from a package that ships them (`peers/learn_tables.py`): hotel rates and flights have dates, and their
newest quarter is held out; of the others a quarter by lot. Ours is a whole training from files to the gate's verdict,
as `setpoint train` does it: with what is derived where nothing is said, and with `search=sp.search(seconds=...)`. Peers
get the same rows and as many CPU seconds by a clock that tells CPU time; what they spent is told beside it, since a
budget is not kept by all. Nobody sees the held-out rows.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from common import Row, main, peer_python
from common.costs import Cost, contend

TABLES = {
    "hotel_rates": ("regression", "RMSE", "11,544 rows by date, what a night costs"),
    "flights": ("binary", "log loss", "61,422 rows by date, late by a quarter of an hour"),
    "lending_club": ("binary", "log loss", "7,392 rows, loans that go bad"),
    "wa_churn": ("binary", "log loss", "5,282 rows, customers who leave"),
    "diamonds": ("regression", "RMSE", "40,455 rows, logarithm of the price"),
}
PEERS = {
    "LightGBM as it comes": ("lightgbm", "flaml"),
    "LightGBM tuned by Optuna": ("tuned", "flaml"),
    "FLAML": ("flaml", "flaml"),
    "AutoGluon": ("autogluon", "autogluon"),
}
"""Each peer's name in its script, and its environment."""

BUDGET, OF_SEARCH = 60.0, 0.75
"""CPU seconds of everybody, and the share of ours that the search may take: checks, gate and refit come on top."""
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def measure(*, quick: bool) -> list[Row]:
    """Losses and CPU by table, and the mean ranks; quick: one small table and a small budget, without AutoML."""
    tables, budget = (["wa_churn"], 6.0) if quick else (list(TABLES), BUDGET)
    peers = [name for name in PEERS if not quick or (PEERS[name][1] == "flaml" and name != "FLAML")]
    python = peer_python("flaml")
    if python is None:
        raise SystemExit("the tables come with the peer flaml: run benchmarks/peers/install flaml")
    rows, losses = [], list[dict[str, float]]()
    with tempfile.TemporaryDirectory() as folder:
        contend(python, "peers/learn_tables.py", folder, *tables)
        for table in tables:
            costs = compete(Path(folder) / table, TABLES[table][0], budget, peers)
            losses.append({name: cost.facts["loss"] for name, cost in costs.items()})
            rows += told(table, costs, quick=quick)
    return [*rows, ranked(losses, tables, quick=quick)]


def compete(table: Path, kind: str, budget: float, peers: list[str]) -> dict[str, Cost]:
    """What everybody loses on a table, and what it cost; a peer that is not installed is left out."""
    found = {
        "ours": contend(sys.executable, "learn_bench/ours.py", table, kind, OF_SEARCH * budget, **ALONE),
        "ours, nothing said": contend(sys.executable, "learn_bench/ours.py", table, kind, 0, **ALONE),
    }
    for name in peers:
        script, environment = PEERS[name]
        python = peer_python(environment)
        if python is not None:
            found[name] = contend(python, "peers/learn_automl.py", script, table, kind, budget, **ALONE)
    return found


def told(table: str, costs: dict[str, Cost], *, quick: bool) -> list[Row]:
    """The losses, and the CPU seconds that they cost."""
    _, unit, size = TABLES[table]
    ours, others = costs["ours"], {name: cost for name, cost in costs.items() if name != "ours"}
    words = f"{size}; {ours.facts['learner']} after {ours.facts['trials']} trials"
    loss = {name: cost.facts["loss"] for name, cost in others.items()}
    return [
        Row(f"{table}: loss on newer rows", ours.facts["loss"], unit, words, loss, shrunk=quick),
        Row(f"{table}: what it cost", ours.cpu, "CPU s", size, {name: each.cpu for name, each in others.items()}),
    ]


def ranked(losses: list[dict[str, float]], tables: list[str], *, quick: bool) -> Row:
    """The mean rank of everybody over the tables: 1 lost least."""
    names = [name for name in losses[0] if all(name in each for each in losses)]
    ranks = {name: sum(1 + sum(each[other] < each[name] for other in names) for each in losses) for name in names}
    means = {name: total / len(losses) for name, total in ranks.items()}
    size = f"{len(tables)} tables, {len(names)} contenders"
    return Row("mean rank", means.pop("ours"), "", size, means, shrunk=quick)


if __name__ == "__main__":
    main(__doc__.splitlines()[0], measure)
