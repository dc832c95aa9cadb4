"""Transfer from a frozen base model: what it gives where labels are few, and what another base does to its children."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.wordllama import open_wordllama
from setpoint.cli.main import main
from setpoint.core.errors import BaseChanged, MissingExtra, NameUnknown
from setpoint.core.rng import seed_for
from setpoint.core.times import DAY, HOUR, time
from setpoint.declare.plan import Plan, Profile, make_plan
from setpoint.features.reader import FeatureReader
from setpoint.measure.delong import auc_difference
from setpoint.measure.intervals import Interval
from setpoint.measure.rows import as_rows
from setpoint.system import backends
from tests.text_bases import Letters

START = time("2026-01-01")
ROWS, DAYS = 3000, 60
VOCABULARY = [
    "this",
    "noon",
    "cheap",
    "loans",
    "now",
    "free",
    "steep",
    "debt",
    "my",
    "patch",
    "bug",
    "day",
    "lunch",
    "log",
]

FILE = """
import setpoint as sp

mails = sp.events("mails", "mails.parquet", key="mail", at="ts")
verdicts = sp.events("verdicts", "verdicts.parquet", id="mail", at="ts", delay="0s")
system = sp.System(
    "inbox",
    decide=sp.decide(mails, fields=["subject"]),
    features={
        "subject": sp.embedding(sp.field("subject"), base="letters", size=8),
        "length": sp.field("subject").length(),
    },
    label=sp.label(verdicts.spam, on="mail", within="1d"),
    goal=sp.goal(sp.auc(), business="eur", act=sp.act("hide"), cost=sp.cost(false_positive=5, false_negative=1)),
    release=sp.release(sp.shadow("1d"), refresh="30d", fallback=sp.rule(sp.field("subject").length() > 99)),
)
"""

Open = Callable[[int], sp.Live]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mails, mostly spam where their subject has the letters for it, and a declaration that embeds the subject."""
    folder = tmp_path_factory.mktemp("inbox")
    rng = np.random.default_rng(0)
    at = np.sort(rng.integers(START, START + DAYS * DAY, ROWS))
    subject = [" ".join(words) for words in rng.choice(VOCABULARY, (ROWS, 6))]
    share = Letters().embed(subject, 8)
    odd = (share - share.mean(axis=0)) / share.std(axis=0) @ np.array([2, -2, 1, -2, 0, 2, 1, 1])
    spam = rng.random(ROWS) < 1 / (1 + np.exp(-odd))
    ids, stamp = [f"m{number}" for number in range(ROWS)], pa.timestamp("us", tz="UTC")
    pq.write_table(pa.table({"mail": ids, "ts": pa.array(at, stamp), "subject": subject}), folder / "mails.parquet")
    told = {"mail": ids, "ts": pa.array(at + HOUR, stamp), "spam": spam}
    pq.write_table(pa.table(told), folder / "verdicts.parquet")
    (folder / "inbox.py").write_text(FILE)
    return folder


@pytest.fixture
def opened(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The project as it is opened where a release of the base is installed."""

    def with_base(release: int) -> sp.Live:
        monkeypatch.setitem(backends.BASES, "letters", lambda: Letters(release))  # type: ignore[arg-type]
        return sp.open_system(declared(), root=project, home=str(tmp_path))

    def declared() -> sp.System:
        names: dict[str, Any] = {}
        exec(FILE, names)
        found: sp.System = names["system"]
        return found

    return with_base


NOW = START + (DAYS + 2) * DAY


def trained(live: sp.Live) -> dict[str, Any]:
    """What training all that is known gave."""
    return live.train(as_of=NOW)


def test_what_a_model_was_made_of_names_its_base(opened: Open) -> None:
    """The card, the lineage of the model, and from the base back to the models that learned from it."""
    with opened(1) as live:
        report = trained(live)
        assert report["passed"], report["reasons"]
        assert "- **base models**: letters, letters 1.0, weights 000000000000: frozen" in report["card"]
        made_from = live.why(report["model"])["tables"]["Made from"]
        told = {"what": "base model", "digest": Letters(1).version.digest, "detail": "letters as letters 1.0, frozen"}
        assert made_from[1] == told
        for subject in ("letters", Letters(1).version.digest):
            back = live.why(subject)
            assert (back["kind"], back["tables"]["Used by"][0]) == ("base model", told)
            assert [link["digest"] for link in back["tables"]["Used by"] if link["what"] == "model"] == [
                report["model"]
            ]


def test_another_base_invalidates_its_children(opened: Open) -> None:
    """The plan tells the change and who is stale, the old model is refused, and training retires it for a new one."""
    with opened(1) as live:
        live.show_plan()
        old = trained(live)["model"]
        assert live.decide({"mail": "x1", "subject": "cheap loans now"}).model == old
        versions = dict(live.plan.versions)
    with opened(2) as live:
        shown = live.show_plan()
        assert [(change["what"], change["before"], change["after"]) for change in shown["changes"]] == [
            ("base model letters", "letters 1.0 (weights 000000000000)", "letters 2.0 (weights 000000000000)")
        ]
        (stale,) = shown["stale_models"]
        assert (stale["model"], stale["base"], stale["role"]) == (old, "letters", "decides")
        assert {name for name, version in live.plan.versions.items() if version != versions[name]} == {
            f"subject_{place}" for place in range(8)
        }
        with pytest.raises(BaseChanged, match=r"letters 1\.0 .* here it is letters 2\.0") as refused:
            live.decide({"mail": "x2", "subject": "cheap loans now"})
        assert "setpoint train" in (refused.value.hint or "")
        report = trained(live)
        new = report["model"]
        acts = [(act["act"], act["subject"]) for act in report["acts"]]
        assert acts[-3:] == [("retire", old), ("train", new), ("promote", new)]
        assert live.decide({"mail": "x3", "subject": "cheap loans now"}).model == new
        assert [(one["model"], one["role"]) for one in live.show_plan()["stale_models"]] == [(old, "")]
        assert live.show_plan()["changes"] == []
    with opened(1) as live, pytest.raises(BaseChanged):
        live.decide({"mail": "x4", "subject": "cheap loans now"})


def test_a_replay_on_another_base_is_another_replay(opened: Open) -> None:
    """Nothing of the first is gone on with; the same base takes up the same one. Online, every value has its bits."""
    folders = []
    for release in (1, 2, 1):
        with opened(release) as live:
            results = live.replay(start=START, end=START + 3 * DAY, sample=1.0)
        folders.append(results["folder"])
        assert results["parity"]["sampled"] > 100
        assert results["parity"]["mismatches"] == 0
    assert folders[0] == folders[2] != folders[1]


def test_a_plan_on_the_command_line_tells_stale_models(
    project: Path, opened: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what becomes of them."""
    with opened(1) as live:
        old = trained(live)["model"]
    opened(2).close()
    monkeypatch.setenv("SETPOINT_HOME", str(tmp_path))
    assert main(["plan", str(project / "inbox.py")]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"stale model {old[:12]} learned from 'letters' as letters 1.0" in told
    assert "is refused until `setpoint train` retires it" in told


def test_without_the_extra_the_line_that_installs_it_is_told(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first verb that looks at the data; nothing is imported before."""
    names: dict[str, Any] = {}
    exec(FILE.replace('base="letters", size=8', "size=64"), names)
    with sp.open_system(names["system"], root=project, home=str(tmp_path)) as live:
        open_wordllama.cache_clear()
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        with pytest.raises(MissingExtra, match=r"pip install 'setpoint\[text\]'"):
            live.check()


def test_a_base_that_nobody_has_is_told_with_those_there_are(project: Path, tmp_path: Path) -> None:
    """A name that was misspelled, for instance."""
    names: dict[str, Any] = {}
    exec(FILE.replace('base="letters"', 'base="wordlama"'), names)
    with sp.open_system(names["system"], root=project, home=str(tmp_path)) as live:
        with pytest.raises(NameUnknown, match="no base model 'wordlama'") as told:
            live.check()
        assert "Did you mean 'wordllama'?" in (told.value.hint or "")


MODULES = "stats special linalg signal ndimage optimize sparse interpolate spatial integrate fft cluster.hierarchy"
WORDS = "distribution|test|random|statistic|probability|sample|variance"


def summaries() -> pa.Table:
    """The first sentences that SciPy says of its functions, and whether these are of scipy.stats: real, short texts."""
    found: dict[str, bool] = {}
    for name in MODULES.split():
        module = importlib.import_module(f"scipy.{name}")
        for word in sorted(module.__all__):
            said = inspect.getdoc(getattr(module, word, None)) or ""
            prose = [
                part.split() for part in said.split("\n\n") if len(part.split()) > 3 and "(" not in part.split()[0]
            ]
            if prose and not inspect.ismodule(getattr(module, word)):
                found.setdefault(" ".join(prose[0])[:150], name == "stats")
    return pa.table({"page": [f"p{n}" for n in range(len(found))], "text": list(found), "y": list(found.values())})


def pages_plan(*, embedded: bool) -> Plan:
    """Is a page about statistics? By its length, its words, and whether it says what one would look for; or more."""
    pages = sp.events("pages", "pages.parquet", key="page", at="ts")
    truth = sp.events("truth", "truth.parquet", id="page", at="ts", delay="0s")
    text = sp.field("text")
    features: dict[str, Any] = {
        "length": text.length(),
        **{word: text.matches(rf"(?is).*\b{word}s?\b.*") for word in WORDS.split("|")},
    }
    if embedded:
        features["text"] = sp.embedding(text, size=256)
    system = sp.System(
        "pages",
        decide=sp.decide(pages, fields=["text"]),
        features=features,
        label=sp.label(truth.y > 0, on="page", within="1d"),
        goal=sp.goal(sp.auc(), business="clicks", act=sp.act("a"), cost=sp.cost(false_positive=1, false_negative=1)),
        release=sp.release(sp.shadow("1d"), fallback=sp.rule(text.length() > 9)),
    )
    kinds = {"page": "text", "ts": "time"}
    schemas = {"pages": {**kinds, "text": "text"}, "truth": {**kinds, "y": "number"}}
    return make_plan(system, schemas, Profile({}, 1.0), bases={"wordllama": open_wordllama()})


def test_few_labels_tell_more_with_the_base_model() -> None:
    """Of 1,250 functions, which are of statistics? With 50, 100 and 200 labels the AUC on all others rises.

    Beside the length of what is said and seven words that one would look for. The 95 % interval for the difference
    (DeLong) lies above 0.03, whichever are labelled.
    """
    pages = summaries()
    requests, at = pages.select(["page", "text"]), np.full(pages.num_rows, START, dtype=np.int64)
    without, also = (
        np.column_stack([column.to_numpy() for column in FeatureReader(plan, {}).read(requests, at).columns])
        for plan in (pages_plan(embedded=False), pages_plan(embedded=True))
    )
    y = pages["y"].to_numpy().astype(np.float64)
    for labels in (50, 100, 200):
        for draw in range(3):
            gained = difference(without, also, y, labels=labels, draw=draw)
            assert gained.low > 0.03, (labels, draw, gained)


def difference(without: np.ndarray, also: np.ndarray, y: np.ndarray, *, labels: int, draw: int) -> Interval:
    """By how much the AUC on the other rows is higher, after learning from some rows drawn at random."""
    order = np.random.default_rng(seed_for(draw, "few labels", str(labels))).permutation(y.size)
    known, rest = order[:labels], order[labels:]
    scores = []
    for matrix in (without, also):
        model, _ = LogisticLearner().fit({}, matrix[known], y[known], categories=[], seed=0)
        scores.append(as_rows(y[rest], model.predict(matrix[rest])))
    return auc_difference(scores[0], scores[1], codes=np.arange(rest.size), clusters=rest.size, level=0.95)
