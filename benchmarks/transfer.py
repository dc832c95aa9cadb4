"""Transfer: what a frozen base model of texts adds where labels are few, and what it costs.

"Pairs out of order" is 1 - AUC on all rows that were not labelled, on average over draws of the labelled ones: of a
positive and a negative row, how often the negative one has the higher score. Ours has the task's own features and the
embedding of its text; the peers have the features alone, the embedding alone, and tf-idf of words and pairs of words
with the same logistic regression (its vocabulary of the labelled texts only). The mails are those of the example, and
are left out where their npm package is not installed; the summaries are the first sentences of SciPy's docstrings.
"""

from __future__ import annotations

import importlib
import inspect
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from common import Row, main
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import setpoint as sp
from setpoint.backends.sklearn import LogisticLearner
from setpoint.backends.wordllama import open_wordllama
from setpoint.core.errors import SourceMissing
from setpoint.data.arrays import to_array
from setpoint.data.language.evaluate import Inputs, evaluate
from setpoint.declare.embedding import with_bases
from setpoint.declare.expr import Column, Expr, walk
from setpoint.examples.mail.corpus import find_package, read_corpus
from setpoint.examples.mail.mail import system as mail
from setpoint.measure.rows import as_rows
from setpoint.measure.scores import auc_of, rank

MODULES = "stats special linalg signal ndimage optimize sparse interpolate spatial integrate fft cluster.hierarchy"
WORDS = ("distribution", "test", "random", "statistic", "probability", "sample", "variance")
SIZES = (64, 256)


class Task:
    """Texts with their features and labels."""

    def __init__(self, name: str, table: pa.Table, text: str, features: dict[str, Expr]) -> None:
        kinds = {field.name: "text" if pa.types.is_string(field.type) else "number" for field in table.schema}
        fields = {each: to_array(table[each], kind) for each, kind in kinds.items() if each != "y"}
        inputs, bases = Inputs(table.num_rows, fields=fields), {"wordllama": open_wordllama()}
        found = [evaluate(expr, inputs) for expr in features.values()]
        numbers = sp.embedding(sp.field(text), size=SIZES[-1])
        embedded = [evaluate(with_bases(numbers[label], bases), inputs) for label in numbers.labels]
        self.name, self.texts = name, [each or "" for each in table[text].to_pylist()]
        self.y = table["y"].to_numpy().astype(np.float64)
        self.matrices = {
            "ours": np.column_stack([*found, *embedded]),
            f"with {SIZES[0]} numbers": np.column_stack([*found, *embedded[: SIZES[0]]]),
            "features alone": np.column_stack(found),
            "embedding alone": np.column_stack(embedded),
        }

    def wrong(self, labels: int, draws: int) -> dict[str, float]:
        """The share of pairs out of order, on average over draws."""
        found: dict[str, list[float]] = {}
        for draw in range(draws):
            order = np.random.default_rng(draw).permutation(self.y.size)
            known, rest = order[:labels], order[labels:]
            scores = {name: self._fit(matrix, known)[rest] for name, matrix in self.matrices.items()}
            scores["tf-idf"] = self._words(known, rest)
            for name, p in scores.items():
                found.setdefault(name, []).append(1 - float(auc_of(rank(as_rows(self.y[rest], p))[0])))
        return {name: float(np.mean(values)) for name, values in found.items()}

    def _fit(self, matrix: np.ndarray, known: np.ndarray) -> np.ndarray:
        model, _ = LogisticLearner().fit({}, matrix[known], self.y[known], categories=[], seed=0)
        return np.asarray(model.predict(matrix))

    def _words(self, known: np.ndarray, rest: np.ndarray) -> np.ndarray:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=1)
        model = LogisticRegression(C=10.0, max_iter=300)
        model.fit(words.fit_transform([self.texts[place] for place in known]), self.y[known])
        return np.asarray(model.predict_proba(words.transform([self.texts[place] for place in rest]))[:, 1])


def summaries() -> Task:
    """Which functions of SciPy are of its statistics, by the first sentences that are said of them."""
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
    text = sp.field("text")
    looked_for = {word: text.matches(rf"(?is).*\b{word}s?\b.*") for word in WORDS}
    table = pa.table({"text": list(found), "y": list(found.values())})
    return Task("summaries", table, "text", {"length": text.length(), **looked_for})


def mails(*, quick: bool) -> Task | None:
    """Which mails are spam: the example's features that the mail itself tells; None without the corpus."""
    try:
        table = read_corpus(find_package(Path.cwd()))
    except SourceMissing:
        return None
    table = table.rename_columns([name if name != "spam" else "y" for name in table.column_names])
    table = table.slice(0, 2000) if quick else table
    own = {
        feature.name: feature.expr
        for feature in mail.features
        if feature.name != "top_level" and not any(hasattr(node, "source") for node in walk(feature.expr))
    }
    assert not any(isinstance(node, Column) for expr in own.values() for node in walk(expr))
    fields = ["sender", "subject", "body", "html", "links", "receivers", "y"]
    return Task("mails", table.select(fields), "body", own)


def cost(texts: list[str], what: str, numbers: int) -> Row:
    """CPU milliseconds for 1,000 texts, each of them another one."""
    base, best = open_wordllama(), float("inf")
    for _ in range(3):
        before = time.process_time()
        base.embed(texts, numbers)
        best = min(best, time.process_time() - before)
    size = f"{len(texts):,} {what} of {np.mean([len(text) for text in texts]):.0f} characters, {numbers} numbers"
    return Row(f"embedding {what}", 1e6 * best / len(texts), "CPU ms per 1,000", size)


def measure(*, quick: bool) -> list[Row]:
    """Pairs out of order by task and number of labels, then the cost."""
    rows, tasks = [], [task for task in (summaries(), mails(quick=quick)) if task is not None]
    for task in tasks:
        for labels in (50, 100, 200):
            found = task.wrong(labels, 3 if quick else 20)
            ours = found.pop("ours")
            size = f"{task.name}, {labels} labels of {task.y.size:,}, {3 if quick else 20} draws"
            rows.append(Row("pairs out of order", ours, "share", size, found, shrunk=quick))
        rows += [cost(list(dict.fromkeys(task.texts))[:1000], task.name, numbers) for numbers in SIZES]
    return rows


if __name__ == "__main__":
    main(__doc__ or "", measure)
