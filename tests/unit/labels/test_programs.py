"""Label programs, run over rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import setpoint as sp
from setpoint.core.errors import NameUnknown, NothingYet
from setpoint.labels.label_model_gold import Gold
from setpoint.labels.program_labels import fit_programs, soft_rows
from setpoint.labels.programs import apply_to_table

SUBJECT, LINKS = sp.field("subject"), sp.field("links")
MAILS = pa.table({"subject": ["FREE", "re: minutes", None, "hello"], "links": [12.0, None, 3.0, 0.0]})


@sp.label_program(SUBJECT)
def shouts(subject: str) -> str | None:
    """Capitals only; fails on NULL."""
    return "spam" if subject.isupper() else None


@sp.label_program(SUBJECT, LINKS)
def answers(subject: str | None, links: float | None) -> str | None:
    """A reply without links."""
    return "ham" if subject is not None and subject.startswith("re:") and links is None else None


@sp.label_program(SUBJECT)
def misspelt(subject: str | None) -> str | None:
    """Gives a class that there is not."""
    return "spma" if subject == "FREE" else None


@sp.label_program(LINKS, whole=True)
def many_links(links: np.ndarray) -> np.ndarray:
    """An array of objects, None where it abstains."""
    return np.where(links > 10, "spam", np.where(links < 1, "ham", None))


@sp.label_program(LINKS, whole=True)
def above_the_mean(links: np.ndarray) -> np.ndarray:
    """What it gives a row depends on the other rows."""
    return np.where(links > np.nanmean(links), "spam", None)


@sp.label_program(LINKS, whole=True)
def wrong_word(links: np.ndarray) -> np.ndarray:
    """Gives what is no class for rows without links."""
    return np.where(links > 10, "spam", "nothing")


@sp.label_program(LINKS, whole=True)
def raises_on_null(links: np.ndarray) -> np.ndarray:
    """Fails on a batch that has a NULL."""
    if np.isnan(links).any():
        raise ValueError("a NULL")
    return np.where(links > 10, "spam", None)


def votes(*programs: sp.programs, table: pa.Table = MAILS):  # type: ignore[valid-type]
    """The matrix of some programs."""
    return apply_to_table(sp.programs(programs, classes=["ham", "spam"]), table)


def test_a_program_of_one_row_gets_plain_values() -> None:
    """None for NULL, and its votes are numbers of classes."""
    matrix = votes(answers)
    assert matrix.votes.dtype == np.int8
    assert matrix.votes[:, 0].tolist() == [-1, 0, -1, -1]
    assert matrix.runs[0].errors == 0


def test_a_row_on_which_a_program_raises_abstains_and_is_counted() -> None:
    """The first of them is told with the values that the program had, and the line on which it failed."""
    matrix = votes(shouts)
    assert matrix.votes[:, 0].tolist() == [1, -1, -1, -1]
    assert matrix.runs[0].errors == 1
    told = matrix.runs[0].first_error or ""
    assert told.startswith("shouts(None) raised AttributeError: 'NoneType' object has no attribute 'isupper' (line ")


def test_an_answer_that_is_no_class_is_an_error() -> None:
    """A misspelt class is told, not silently left out."""
    matrix = votes(misspelt)
    assert (matrix.votes == -1).all()
    assert matrix.runs[0].first_error == "misspelt('FREE') gave 'spma', which is none of ['ham', 'spam'] nor None"


def test_a_program_of_arrays_runs_on_all_rows_at_once() -> None:
    """Where shuffled rows, and rows on their own, get the same votes."""
    matrix = votes(many_links)
    assert matrix.votes[:, 0].tolist() == [1, -1, -1, 0]
    assert matrix.runs[0].whole
    assert matrix.runs[0].reason == "the same on 4 rows, shuffled, and on 4 rows alone"


def test_a_program_whose_votes_depend_on_other_rows_runs_row_by_row() -> None:
    """So a row has the same vote in whatever batch it comes."""
    matrix = votes(above_the_mean)
    assert not matrix.runs[0].whole
    assert matrix.runs[0].reason == "a row on its own has another vote than among others"
    assert (matrix.votes == -1).all()


def test_a_program_of_arrays_that_raises_runs_row_by_row() -> None:
    """One bad row does not take the votes of the others."""
    matrix = votes(raises_on_null)
    assert matrix.votes[:, 0].tolist() == [1, -1, -1, -1]
    assert matrix.runs[0].errors == 1
    assert "raised ValueError: a NULL" in (matrix.runs[0].first_error or "")


def test_answers_of_arrays_that_are_no_class_are_counted() -> None:
    """They abstain."""
    matrix = votes(wrong_word)
    assert matrix.votes[:, 0].tolist() == [1, -1, -1, -1]
    assert matrix.runs[0].errors == 3
    assert matrix.runs[0].first_error == "wrong_word(None) gave 'nothing', which is none of ['ham', 'spam'] nor None"


def test_many_rows_get_what_each_gets_alone() -> None:
    """The law of one and many."""
    rng = np.random.default_rng(0)
    table = pa.table({"subject": rng.choice(["FREE", "re: a", "hello"], 3000), "links": rng.normal(5, 6, 3000)})
    every = votes(shouts, answers, many_links, table=table).votes
    for row in (0, 1500, 2999):
        alone = votes(shouts, answers, many_links, table=table.slice(row, 1)).votes
        assert alone.tolist() == [every[row].tolist()]


def test_truth_values_and_numbers_of_classes_are_understood() -> None:
    """A label's classes are False and True; 0 and 1 are the same."""

    def run(program: sp.programs) -> list[int]:  # type: ignore[valid-type]
        found: list[int] = apply_to_table(sp.programs([program]), MAILS).votes[:, 0].tolist()
        return found

    assert run(over_ten) == [1, -1, -1, -1]
    assert run(over_ten_whole) == [1, 0, 0, 0]


@sp.label_program(LINKS)
def over_ten(links: float | None) -> int | None:
    """1 for True."""
    return 1 if links is not None and links > 10 else None


@sp.label_program(LINKS, whole=True)
def over_ten_whole(links: np.ndarray) -> np.ndarray:
    """Truth values."""
    return links > 10


def test_a_column_that_is_not_there_is_named() -> None:
    """With those that are."""
    with pytest.raises(NameUnknown, match="The table has no column 'subject'"):
        votes(shouts, table=pa.table({"links": [1.0]}))


def test_no_label_is_made_before_there_is_enough_gold() -> None:
    """The declared number of rows has to be looked up first."""
    declared = sp.programs([many_links], classes=["ham", "spam"], gold=100)
    with pytest.raises(NothingYet, match="2 of the 100 gold rows"):
        fit_programs(declared, apply_to_table(declared, MAILS), Gold.of([0, 3], [1, 0]))


def test_declared_programs_become_probabilities_with_their_lineage() -> None:
    """The model says which programs, in which version, and which gold rows made it."""
    rng = np.random.default_rng(3)
    spam = rng.random(4000) < 0.4
    links = np.where(spam, rng.normal(14, 5, 4000), rng.normal(0, 5, 4000))
    subject = np.where(
        rng.random(4000) < np.where(spam, 0.5, 0.05), "FREE", np.where(rng.random(4000) < 0.5, "re: x", "x")
    )
    declared = sp.programs([shouts, starts_re, many_links], classes=["ham", "spam"])
    matrix = apply_to_table(declared, pa.table({"subject": subject, "links": links}))
    fit = fit_programs(declared, matrix, Gold.of(np.arange(200), spam[:200].astype(int)), seed=5)
    assert fit.refused is None
    assert (fit.probabilities(matrix.votes).argmax(axis=1) == spam).mean() > 0.85
    assert fit.model.lineage["programs"] == {p.name: p.version for p in (shouts, starts_re, many_links)}
    assert (fit.model.lineage["gold rows"], fit.model.lineage["seed"]) == (200, 5)


@sp.label_program(SUBJECT)
def starts_re(subject: str | None) -> str | None:
    """A reply."""
    return "ham" if subject is not None and subject.startswith("re:") else None


def test_uncertain_labels_train_as_weighted_rows() -> None:
    """Each row weighs one in all, rows with a truth of their own are left out, and the expectation is kept."""
    p = np.array([[0.3, 0.7], [0.995, 0.005], [0.5, 0.5], [0.2, 0.8]])
    rows = soft_rows(p, np.array([True, True, False, True]))
    assert rows.index.tolist() == [0, 0, 1, 3, 3]
    assert np.bincount(rows.index, weights=rows.weight).tolist() == [1.0, 1.0, 0.0, 1.0]
    assert np.bincount(rows.index, weights=rows.weight * rows.y)[[0, 3]] == pytest.approx([0.7, 0.8])
