"""Base models in the registry: what a model learned from, who is stale, and who is told first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.errors import BaseChanged
from setpoint.core.ports import BaseVersion, Metadata
from setpoint.registry.bases import bases_of, check_bases, stale, stale_models, told_bases

OLD, NEW, OTHER = (
    BaseVersion("wordllama", version, digest) for version, digest in (("3", "a"), ("4", "a"), ("3", "b"))
)


def body(model: str, **bases: BaseVersion) -> dict[str, object]:
    """The document of a model, as far as this goes."""
    return {"model": model, "bases": told_bases(bases)} if bases else {"model": model}


@pytest.fixture
def registry() -> Iterator[Metadata]:
    """The documents of a workspace whose loop has a champion."""
    metadata = SqlMetadata("sqlite://")
    release = {"champion": "m2", "challenger": None, "previous": None}
    metadata.put("loop", "inbox", {"release": release, "frozen": "m2", "reference": "m2"})
    yield metadata
    metadata.close()


@pytest.mark.parametrize("now", [NEW, OTHER])
def test_another_package_version_or_other_weights_are_another_base(now: BaseVersion) -> None:
    """Either makes what learned from it stale, and refused."""
    found = stale(body("m1", wordllama=OLD), {"wordllama": now})
    assert found is not None
    assert (found.was, found.found) == (str(OLD), str(now))
    with pytest.raises(BaseChanged, match=r"The model m1 was made with the base model 'wordllama' as wordllama 3"):
        check_bases(body("m1", wordllama=OLD), {"wordllama": now})


def test_a_base_that_is_declared_no_more_is_another_one() -> None:
    """Its features are not computed any more."""
    found = stale(body("m1", wordllama=OLD), {})
    assert found is not None
    assert found.found == "not declared any more"


def test_a_model_without_a_base_is_never_stale() -> None:
    """Whatever is installed; nor is one whose base is the same."""
    assert bases_of(body("m1")) == {}
    assert stale(body("m1"), {"wordllama": NEW}) is None
    assert stale(body("m1", wordllama=OLD), {"wordllama": OLD, "more": NEW}) is None
    check_bases(body("m1", wordllama=OLD), {"wordllama": OLD})


def test_stale_models_are_told_once_those_in_use_first(registry: Metadata) -> None:
    """With what they are needed for."""
    for model, base in (("m1", OLD), ("m2", OLD), ("m3", NEW)):
        registry.put("model", model, body(model, wordllama=base))
    found = stale_models([registry, registry], {"wordllama": NEW})
    assert [(one.model, one.role) for one in found] == [("m2", "decides"), ("m1", "")]
    assert found[1].to_dict() == {"model": "m1", "base": "wordllama", "was": str(OLD), "found": str(NEW), "role": ""}
