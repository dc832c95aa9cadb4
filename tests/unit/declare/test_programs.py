"""Label programs as they are declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError, WrongType
from setpoint.declare.programs import METRICS, LabelProgram
from setpoint.measure.class_metrics import CLASS_METRICS

SUBJECT = sp.field("subject")


@sp.label_program(SUBJECT)
def shouts(subject: str) -> bool | None:
    """Capitals only."""
    return True if subject.isupper() else None


@sp.label_program(sp.field("links"), whole=True)
def many_links(links: np.ndarray) -> np.ndarray:
    """More than ten links."""
    return np.where(links > 10, 1.0, np.nan)


def made(body: str, *, name: str = "f") -> LabelProgram:
    """A program of this body, its source text where inspect finds it."""
    import linecache

    text = f"def {name}(x):\n    return {body}\n"
    file = f"<program {name} {body}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {}
    exec(compile(text, file, "exec"), space)
    return sp.label_program(SUBJECT)(space[name])


def test_a_program_can_be_tried_out() -> None:
    """It is still a function, with a name and what it reads."""
    assert shouts("FREE MONEY") is True
    assert shouts("minutes") is None
    assert (shouts.name, shouts.reads, shouts.whole) == ("shouts", (SUBJECT,), False)


def test_another_source_text_is_another_version() -> None:
    """Also with the same name: other votes may come of it."""
    assert made("x == 'a'").version == made("x == 'a'").version
    assert made("x == 'a'").version != made("x == 'b'").version


def test_programs_are_told_as_data() -> None:
    """Equal content, equal data; what can be chosen has a default."""
    declared = sp.programs([shouts, many_links], balance={False: 0.9, True: 0.1})
    assert declared.to_dict() == {
        "programs": [shouts.to_dict(), many_links.to_dict()],
        "classes": [False, True],
        "gold": 200,
        "balance": [0.9, 0.1],
        "metric": "log_loss",
        "errors": 0.01,
    }


def test_the_metrics_that_can_choose_are_those_that_are_measured() -> None:
    """The language and the statistics have the same words."""
    assert set(METRICS) == set(CLASS_METRICS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"gold": 10}, "50 or more"),
        ({"gold": 0}, "50 or more"),
        ({"metric": "auc"}, "log_loss, brier, accuracy, f1"),
        ({"balance": {True: 1.0}}, "a share for each"),
        ({"balance": {False: 0.5, True: 0.6}}, "sum to 1"),
        ({"classes": ["a"]}, "2 to 100 classes"),
        ({"classes": ["a", "a"]}, "2 to 100 classes"),
        ({"errors": 2}, "a share of rows"),
    ],
)
def test_what_cannot_mean_anything_is_refused(options: dict[str, Any], words: str) -> None:
    """Above all too little gold: nothing would say whether the labels are any good."""
    with pytest.raises(DeclarationError, match=words):
        sp.programs([shouts], **options)


def test_two_programs_of_one_name_are_refused() -> None:
    """The report names them."""
    with pytest.raises(DeclarationError, match="Two label programs are named 'shouts'"):
        sp.programs([shouts, shouts])


def test_what_is_no_program_is_refused() -> None:
    """A plain function has no version and says not what it reads."""
    with pytest.raises(WrongType, match="label_program"):
        sp.programs([len])  # type: ignore[list-item]


def test_a_program_reads_what_one_row_has() -> None:
    """An aggregate, the time and the action are no part of a row; a name in quotes is no column."""
    purchases = sp.events("purchases", "p.parquet", id="id", at="ts")
    with pytest.raises(DeclarationError, match="Name the aggregate as a feature"):
        sp.label_program(sp.count(purchases, by="user", last="3d"))
    with pytest.raises(WrongType, match=r"sp\.field"):
        sp.label_program("subject")  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="one argument for each"):
        sp.label_program(SUBJECT, sp.field("links"))(shouts.function)


def test_a_program_that_reads_the_function_around_it_is_refused() -> None:
    """Its source text would not say what it computes."""
    word = "free"

    def says(subject: str) -> bool | None:
        return True if word in subject else None

    with pytest.raises(DeclarationError, match="label program 'says' reads word of the function around it"):
        sp.label_program(SUBJECT)(says)
