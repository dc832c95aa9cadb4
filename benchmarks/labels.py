"""Label models: probabilities from votes of programs, against Snorkel, crowd-kit and majority vote.

Votes have a planted truth, drawn anew by each seed, or are of the mail example. Everyone gets the same class balance,
the same gold rows and a temperature with shifts fitted on them; gold rows are not scored. What a peer makes of votes
is measured in a process of its own, imports and a first call on a few rows left out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import Row, main, peer_python
from common.costs import Cost, contend
from label_bench.jobs import write_job
from label_bench.mail import HOW, load_mail
from label_bench.planted import KINDS, plant
from scipy.stats import t as student

from setpoint.labels.label_model_gold import majority_scores
from setpoint.labels.label_model_table import softmax
from setpoint.measure.class_calibration import fit_sharpness
from setpoint.measure.class_metrics import CLASS_METRICS

GOLD = 200
FIRST_SEED = 1000
"""Seeds from here on were never looked at while the models were made."""

PEERS = {
    "Snorkel": ("snorkel", "peers/labels_snorkel.py", ()),
    "Snorkel, no balance": ("snorkel", "peers/labels_snorkel.py", ("unbalanced",)),
    "crowd-kit": ("crowdkit", "peers/labels_crowdkit.py", ()),
}
COSTED = ("Snorkel", "crowd-kit")
SLOW = {"crowd-kit": 1_000_000}
"""Peers that are asked only about so many votes: more would take minutes each, for no more news."""
METRICS = {"log loss": ("log_loss", "nats"), "1 - F1": ("f1", "")}
Job = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """Jobs that make one row: votes of one kind by several seeds, or one set of votes with several draws of gold."""

    size: str
    jobs: list[Job]
    truths: list[np.ndarray]


def measure(*, quick: bool) -> list[Row]:
    """What labels are worth on planted votes and on mail, then what they cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = range(FIRST_SEED, FIRST_SEED + (2 if quick else 5))
        groups = [
            planted(folder, kind, 5_000 if quick else 100_000, programs, seeds=seeds)
            for programs in ((10,) if quick else (10, 30))
            for kind in KINDS
        ]
        rows = compared(folder, groups + mail(folder, draws=1 if quick else 10), quick=quick)
        for kind in ("copied",) if quick else ("independent", "copied"):
            for programs in (10,) if quick else (10, 30):
                for size in (20_000,) if quick else (100_000, 1_000_000):
                    rows += costs(folder, kind, size, programs, quick=quick)
        return rows


def planted(folder: Path, kind: str, size: int, programs: int, *, seeds: Sequence[int]) -> Group:
    """Votes of one kind by several seeds."""
    jobs, truths = [], []
    for seed in seeds:
        made = plant(kind, size, programs, seed=seed)
        name = f"{kind} {programs} {seed}"
        jobs.append(_job(folder, name, made.votes, made.truth, made.balance.tolist(), seed))
        truths.append(made.truth)
    return Group(f"{kind}, {size:,} rows x {programs} programs, {len(jobs)} seeds", jobs, truths)


def mail(folder: Path, *, draws: int) -> list[Group]:
    """The mail example with several draws of gold rows; nothing where its package is not in the cache."""
    found = load_mail()
    if found is None:
        print(f"The mail example is skipped: its package is not in the cache. Run: {HOW}", file=sys.stderr)
        return []
    share = float(found.truth.mean())
    jobs = [
        _job(folder, f"mail {seed}", found.votes, found.truth, [1 - share, share], seed)
        for seed in range(FIRST_SEED, FIRST_SEED + draws)
    ]
    size = f"mail, {found.truth.size:,} rows x {len(found.names)} programs, {draws} draws of gold"
    return [Group(size, jobs, [found.truth] * draws)]


def _job(folder: Path, name: str, votes: np.ndarray, truth: np.ndarray, balance: list[float], seed: int) -> Job:
    rng = np.random.default_rng([77, seed])
    gold = rng.choice(truth.size, GOLD, replace=False)
    pairs = [[int(row), int(truth[row])] for row in gold]
    return write_job(folder, name, votes, size=votes.size, balance=balance, seed=seed, gold=pairs)


def compared(folder: Path, groups: list[Group], *, quick: bool) -> list[Row]:
    """Rows of each group: ours with the choice made by gold, beside the peers with the same gold rows."""
    every = [job for group in groups for job in group.jobs]
    _run(folder, sys.executable, "label_bench/ours.py", every, "choose", into="ours")
    there = []
    for peer, (environment, script, words) in PEERS.items():
        python = peer_python(environment)
        asked = [job for job in every if _timely(peer, job["size"], quick=quick)]
        if python is not None and asked:
            _run(folder, python, script, asked, *words, into=peer)
            there.append(peer)
    return [row for group in groups for row in _rows(folder, group, there, quick=quick)]


def _timely(peer: str, votes: int, *, quick: bool) -> bool:
    """Whether a peer is asked about so many votes; the slow ones never in the quick form."""
    return peer not in SLOW or (not quick and votes <= SLOW[peer])


def _rows(folder: Path, group: Group, there: Sequence[str], *, quick: bool) -> list[Row]:
    """A row for each metric, the mean over jobs; with what the peers lack against ours, as an interval over jobs."""
    values = {"ours": _scored(folder / "ours", group, calibrated=True)}
    asked = [peer for peer in there if _timely(peer, group.jobs[0]["size"], quick=quick)]
    values |= {peer: _scored(folder / peer, group, calibrated=False) for peer in asked}
    values["majority vote"] = _majority(group)
    rows = []
    for shown, (metric, unit) in METRICS.items():
        of = {name: np.array([each[metric] for each in found]) for name, found in values.items()}
        if metric == "f1":
            of = {name: 1 - each for name, each in of.items()}
        peers = {name: float(of[name].mean()) if name in of else None for name in (*PEERS, "majority vote")}
        gaps = "; ".join(f"{name} {_interval(of[name] - of['ours'])}" for name in of if name != "ours")
        size = f"{group.size}; more than ours: {gaps}"
        rows.append(
            Row(f"{shown}, {group.size.split(',')[0]}", float(of["ours"].mean()), unit, size, peers, shrunk=quick)
        )
    return rows


def _interval(gaps: np.ndarray) -> str:
    """The mean of differences with Student's 95 % interval."""
    half = float(student.ppf(0.975, gaps.size - 1) * gaps.std(ddof=1) / np.sqrt(gaps.size)) if gaps.size > 1 else 0.0
    return f"{gaps.mean():.4f} ({gaps.mean() - half:.4f} to {gaps.mean() + half:.4f})"


def _scored(folder: Path, group: Group, *, calibrated: bool) -> list[dict[str, float]]:
    found = []
    for job, truth in zip(group.jobs, group.truths, strict=True):
        p = np.load(folder / f"{job['name']}.npy")
        found.append(_values(p if calibrated else _calibrated(np.log(np.clip(p, 1e-9, 1)), job), truth, job))
    return found


def _majority(group: Group) -> list[dict[str, float]]:
    found = []
    for job, truth in zip(group.jobs, group.truths, strict=True):
        scores = majority_scores(np.load(job["votes"]), len(job["balance"]))
        found.append(_values(_calibrated(scores, job), truth, job))
    return found


def _calibrated(scores: np.ndarray, job: Job) -> np.ndarray:
    """The temperature and shifts that ours gets too, from the same gold rows."""
    rows, y = (np.array(column) for column in zip(*job["gold"], strict=True))
    sharpness, shift = fit_sharpness(scores[rows], y)
    return softmax(sharpness * (scores - scores.mean(axis=1, keepdims=True)) + shift)


def _values(p: np.ndarray, truth: np.ndarray, job: Job) -> dict[str, float]:
    rest = np.ones(truth.size, dtype=bool)
    rest[[row for row, _ in job["gold"]]] = False
    return {metric: CLASS_METRICS[metric](truth[rest], p[rest]) for metric, _ in METRICS.values()}


def costs(folder: Path, kind: str, size: int, programs: int, *, quick: bool) -> list[Row]:
    """CPU and memory of one model, and of the choice among models."""
    made = plant(kind, size, programs, seed=FIRST_SEED)
    runs = 1 if quick else 2
    jobs = [_job(folder, "cost", made.votes, made.truth, made.balance.tolist(), FIRST_SEED)]
    peers: dict[str, Cost | None] = {}
    for peer in COSTED:
        environment, script, words = PEERS[peer]
        python = peer_python(environment)
        if python is None or not _timely(peer, size * programs, quick=quick):
            peers[peer] = None
        else:
            peers[peer] = _run(folder, python, script, jobs, *words, into=peer, runs=runs)
    one = _run(folder, sys.executable, "label_bench/ours.py", jobs, "fit", into="ours", runs=runs)
    chosen = _run(folder, sys.executable, "label_bench/ours.py", jobs, "choose", into="ours", runs=runs)
    shown = f"{kind}, {size:,} rows x {programs} programs"
    cpu = {name: None if cost is None else cost.cpu for name, cost in peers.items()}
    memory = {name: None if cost is None else cost.peak for name, cost in peers.items()}
    return [
        Row("one model", one.cpu, "CPU s", shown, cpu, least_ratio=1.0, shrunk=quick),
        Row("one model, memory above the votes", one.peak, "MB", shown, memory, least_ratio=2.0, shrunk=quick),
        Row("choice among models", chosen.cpu, "CPU s", shown, cpu, least_ratio=0.5, shrunk=quick),
        Row("choice, memory above the votes", chosen.peak, "MB", shown, memory, shrunk=quick),
    ]


def _run(folder: Path, python: str | Path, script: str, jobs: list[Job], *words: str, into: str, runs: int = 1) -> Cost:
    """The cheapest of some runs of a contender over jobs."""
    (folder / into).mkdir(exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps(jobs))
    return contend(python, script, folder / "jobs.json", folder / into, *words, runs=runs, OMP_NUM_THREADS="1")


if __name__ == "__main__":
    main(__doc__ or "", measure)
