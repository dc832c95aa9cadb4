"""Models on disk and in the metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from setpoint.backends.metadata import SqlMetadata
from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.core.ports import Metadata
from setpoint.registry import models


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    """A store in memory."""
    store = SqlMetadata("sqlite://")
    yield store
    store.close()


def saver(text: str = "weights") -> Callable[[Path], str]:
    """Writes a model of two files, one in a folder of its own."""

    def save(folder: Path) -> str:
        (folder / "inside").mkdir(exist_ok=True)
        (folder / "inside" / "model.txt").write_text(text)
        (folder / "scorer.json").write_text("{}")
        return models.seal(folder)

    return save


def name_of(tmp_path: Path, text: str = "weights") -> str:
    """The digest that such a model has."""
    folder = tmp_path / f"name-{text}"
    folder.mkdir(exist_ok=True)
    return saver(text)(folder)


def test_a_model_is_found_under_its_digest(tmp_path: Path, metadata: Metadata) -> None:
    """Its files and its document, which carries the digest."""
    model = name_of(tmp_path)
    folder = models.put(tmp_path / "models", metadata, model=model, save=saver(), body={"auc": 0.7})
    assert folder == models.folder_of(tmp_path / "models", model)
    assert models.check_files(folder, expected=model) == model
    assert models.get(metadata, model) == {"auc": 0.7, "model": model}


def test_registering_twice_is_registering_once(tmp_path: Path, metadata: Metadata) -> None:
    """The files stay as they are and the newer document holds."""
    model, root = name_of(tmp_path), tmp_path / "models"
    models.put(root, metadata, model=model, save=saver(), body={"n": 1})
    written = (root / model / "scorer.json").stat().st_mtime_ns
    models.put(root, metadata, model=model, save=saver(), body={"n": 2})
    assert (root / model / "scorer.json").stat().st_mtime_ns == written
    assert models.all_models(metadata) == [{"n": 2, "model": model}]
    assert [path.name for path in root.iterdir()] == [model]


def test_damaged_files_are_replaced_when_the_model_is_registered_again(tmp_path: Path, metadata: Metadata) -> None:
    """Training it again mends it; what was damaged is kept aside."""
    model, root = name_of(tmp_path), tmp_path / "models"
    folder = models.put(root, metadata, model=model, save=saver(), body={})
    (folder / "inside" / "model.txt").write_text("changed")
    with pytest.raises(ModelCorrupt, match=r"inside/model\.txt"):
        models.check_files(folder)
    models.put(root, metadata, model=model, save=saver(), body={})
    assert models.check_files(folder, expected=model) == model


def test_files_of_another_digest_are_refused_and_leave_nothing(tmp_path: Path, metadata: Metadata) -> None:
    """A model is never registered under a name that is not its own."""
    model, root = name_of(tmp_path), tmp_path / "models"
    with pytest.raises(ModelCorrupt, match=model):
        models.put(root, metadata, model=model, save=saver("others"), body={})
    assert list(root.iterdir()) == []
    assert metadata.find(models.NOUN) == []


def test_a_save_that_dies_leaves_no_model(tmp_path: Path, metadata: Metadata) -> None:
    """Files appear whole or not at all."""
    model, root = name_of(tmp_path), tmp_path / "models"

    def dies(folder: Path) -> None:
        (folder / "scorer.json").write_text("{")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        models.put(root, metadata, model=model, save=dies, body={})
    assert list(root.iterdir()) == []
    models.put(root, metadata, model=model, save=saver(), body={})
    assert models.check_files(root / model) == model


@pytest.mark.parametrize("manifest", [None, "", "[]", "{", '{"scorer.json": 1}'])
def test_a_folder_without_a_sound_manifest_is_refused(tmp_path: Path, manifest: str | None) -> None:
    """Missing, empty, torn or of another shape."""
    saver()(tmp_path)
    path = tmp_path / models.MANIFEST
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(ModelCorrupt):
        models.check_files(tmp_path)


def test_an_unknown_model_is_named_with_those_there_are(tmp_path: Path, metadata: Metadata) -> None:
    """A mistyped digest gets a hint."""
    model = name_of(tmp_path)
    models.put(tmp_path / "models", metadata, model=model, save=saver(), body={})
    with pytest.raises(NameUnknown, match=f"Did you mean '{model}'"):
        models.get(metadata, model[:-1] + "x")


def test_the_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    """Another name or another byte is another model."""
    names = {name_of(tmp_path), name_of(tmp_path, "others")}
    folder = tmp_path / "renamed"
    folder.mkdir()
    saver()(folder)
    (folder / "scorer.json").rename(folder / "score.json")
    names.add(models.seal(folder))
    assert len(names) == 3
