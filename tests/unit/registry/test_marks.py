"""Tags, aliases, and the archive of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.errors import DataError, ModelCorrupt, NothingYet, WrongType
from setpoint.core.ports import Metadata
from setpoint.registry import marks
from setpoint.registry.archive import needs_of, pack, unpack
from setpoint.registry.models import check_files, seal


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    """A store in memory."""
    store = SqlMetadata("sqlite://")
    yield store
    store.close()


def a_model(root: Path) -> str:
    """A sealed model in a folder of models; its digest."""
    draft = root / "draft"
    (draft / "model").mkdir(parents=True)
    (draft / "scorer.json").write_text("{}\n")
    (draft / "model" / "model.txt").write_text("trees\n" * 500)
    model = seal(draft)
    draft.rename(root / model)
    return model


def test_what_people_said_of_a_model_can_be_asked_as_of_a_time(metadata: Metadata) -> None:
    """An alias moves from one model to another, and what it meant before stays known."""
    marks.mark(metadata, marks.TAG, model="m1", name="easter", at=1, by="ann")
    marks.mark(metadata, marks.ALIAS, model="m1", name="best", at=2)
    marks.mark(metadata, marks.ALIAS, model="m2", name="best", at=3)
    marks.mark(metadata, marks.UNTAG, model="m1", name="easter", at=4)
    marks.mark(metadata, marks.ARCHIVE, model="m1", at=5)
    now, before = marks.marks_of(metadata), marks.marks_of(metadata, known_at=2)
    assert (now.tags, now.aliases, now.archived) == ({}, {"best": "m2"}, {"m1": 5})
    assert (before.tags, before.aliases, before.archived) == ({"m1": ("easter",)}, {"best": "m1"}, {})
    marks.mark(metadata, marks.UNALIAS, model="m2", name="best", at=6)
    marks.mark(metadata, marks.UNARCHIVE, model="m1", at=7)
    assert marks.marks_of(metadata) == marks.Marks({}, {}, {})


@pytest.mark.parametrize("name", ["", "two words", "it's"])
def test_a_name_that_no_search_could_find_is_refused(metadata: Metadata, name: str) -> None:
    """Tags and aliases are words."""
    with pytest.raises(WrongType):
        marks.mark(metadata, marks.TAG, model="m1", name=name, at=1)


def test_an_archived_model_comes_back_with_every_byte(tmp_path: Path) -> None:
    """It leaves every folder that had it, the same files give the same archive, and a damaged one stays out."""
    here, there, archive = tmp_path / "live", tmp_path / "replay", tmp_path / "archive"
    model = a_model(here)
    assert a_model(there) == model
    packed = pack(archive, [here, there], model=model, needs=())
    first = packed.read_bytes()
    assert not (here / model).exists()
    assert not (there / model).exists()
    with pytest.raises(NothingYet):
        pack(archive, [here, there], model=model, needs=())
    packed.write_bytes(first[: len(first) // 2])
    with pytest.raises(ModelCorrupt, match="cannot be unpacked"):
        unpack(archive, [here], model=model)
    packed.write_bytes(first)
    unpack(archive, [here, there], model=model)
    assert check_files(here / model, expected=model) == check_files(there / model, expected=model) == model
    assert not packed.exists()
    assert pack(archive, [here, there], model=model, needs=()).read_bytes() == first


def test_a_model_that_something_refers_to_stays_where_it_is(tmp_path: Path, metadata: Metadata) -> None:
    """A loop that decides with it, or an alias, is named."""
    model = a_model(tmp_path / "live")
    release = {"champion": model, "challenger": None, "previous": None}
    metadata.put("loop", "shop", {"release": release, "frozen": None, "reference": model})
    needs = needs_of([metadata], {"best": model, "other": "m2"}, model)
    assert needs == ("it is what monitors compare with", "it decides", "the alias 'best' points to it")
    with pytest.raises(DataError, match="it decides; the alias 'best' points to it"):
        pack(tmp_path / "archive", [tmp_path / "live"], model=model, needs=needs)
    assert needs_of([metadata], {}, "m2") == ()
    assert (tmp_path / "live" / model).is_dir()
