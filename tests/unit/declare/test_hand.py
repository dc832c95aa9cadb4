"""The declaration of labels of hand."""

from __future__ import annotations

from typing import Any

import pytest

from setpoint.core.errors import DeclarationError
from setpoint.core.times import MINUTE
from setpoint.declare.hand import hand


def test_the_declaration_says_everything_as_data() -> None:
    """Classes, guidelines, votes, the class that means true, the consensus, repeats, the lease and the random share."""
    assert hand(["bad", "good"], guidelines="Look.", votes=2).to_dict() == {
        "classes": ["bad", "good"],
        "guidelines": "Look.",
        "votes": 2,
        "positive": "bad",
        "consensus": "majority",
        "repeat": 0.05,
        "lease": 10 * MINUTE,
        "random": 0.2,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"classes": "bad"},
        {"classes": ["bad"]},
        {"classes": ["bad", "bad"]},
        {"classes": ["bad", " "]},
        {"votes": 0},
        {"votes": True},
        {"positive": "ugly"},
        {"consensus": "mean"},
        {"repeat": 1.5},
        {"lease": "0s"},
        {"guidelines": 5},
        {"random": 0},
        {"random": 0.005},
        {"random": 1.2},
        {"random": True},
        {"random": "half"},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    """A declaration that nobody could label by is an error at once."""
    with pytest.raises(DeclarationError):
        hand(**{"classes": ["bad", "good"], **wrong})


def test_some_labels_are_always_asked_for_at_random() -> None:
    """What is picked cannot judge, so a share for what can is part of every declaration."""
    assert hand(["bad", "good"], random=0.5).random == 0.5
    with pytest.raises(DeclarationError, match="hardly any decision") as told:
        hand(["bad", "good"], random=0.0)
    assert "at least 0.01" in str(told.value)


def test_a_class_has_a_number() -> None:
    """Votes are kept as numbers of classes; a class that is none is told with the closest one."""
    declared = hand(["bad", "good"])
    assert declared.number("good") == 1
    with pytest.raises(DeclarationError, match="Did you mean 'good'"):
        declared.number("god")


def test_how_people_label_is_no_part_of_what_is_decided() -> None:
    """Other guidelines change neither the declaration's digest nor what was trained by it; copies keep them."""
    import copy
    import pickle

    from setpoint.declare.declaration import System
    from tests.unit.serve.shop import shop

    bare = shop().system
    parts = {name: getattr(bare, name) for name in ("decide", "label", "goal", "release")}
    features = {feature.name: feature.expr for feature in bare.features}
    declared = System(bare.name, **parts, features=features, hand=hand(["bad", "good"], guidelines="Look."))
    assert declared.digest == bare.digest
    assert copy.deepcopy(declared).hand == declared.hand
    assert pickle.loads(pickle.dumps(declared)).hand == declared.hand
    with pytest.raises(DeclarationError, match="hand="):
        System(bare.name, **parts, features=features, hand=["bad", "good"])  # type: ignore[arg-type]
