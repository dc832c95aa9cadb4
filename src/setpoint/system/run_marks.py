"""What people say of runs: tags, aliases, and models that go to the archive and come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setpoint.registry import marks, models
from setpoint.registry.archive import needs_of, pack, unpack
from setpoint.system.opened import Opened
from setpoint.system.runs import find_run


def mark_run(opened: Opened, which: str, *, act: str, name: str, by: str, why: str) -> dict[str, Any]:
    """Tag the model of a run, or let an alias point to it; or take either away. Gives what it is called then."""
    model = find_run(opened, which).run["model"]
    now = opened.clock.now()
    marks.mark(opened.metadata, act, model=model, name=name, at=now, by=by, why=why)
    return _called(opened, model)


def archive_run(opened: Opened, which: str, *, by: str, why: str) -> dict[str, Any]:
    """Move the files of a run's model into the archive; raises DataError where something refers to the model."""
    model = find_run(opened, which).run["model"]
    with opened.workspaces.registries() as registries:
        needs = needs_of(registries, marks.marks_of(opened.metadata).aliases, model)
    file = pack(_archive(opened), _folders(opened, model), model=model, needs=needs)
    marks.mark(opened.metadata, marks.ARCHIVE, model=model, at=opened.clock.now(), by=by, why=why)
    return {**_called(opened, model), "file": str(file), "bytes": file.stat().st_size}


def unarchive_run(opened: Opened, which: str, *, by: str, why: str) -> dict[str, Any]:
    """Bring the files of a run's model back from the archive, under the digest that they had."""
    model = find_run(opened, which).run["model"]
    unpack(_archive(opened), _folders(opened, model), model=model)
    marks.mark(opened.metadata, marks.UNARCHIVE, model=model, at=opened.clock.now(), by=by, why=why)
    return _called(opened, model)


def _called(opened: Opened, model: str) -> dict[str, Any]:
    found = marks.marks_of(opened.metadata)
    return {
        "model": model,
        "tags": list(found.tags.get(model, ())),
        "aliases": list(found.names_of(model)),
        "archived": model in found.archived,
    }


def _archive(opened: Opened) -> Path:
    return opened.folders.home / "archive"


def _folders(opened: Opened, model: str) -> list[Path]:
    """Where the workspaces that registered a model keep its files."""
    found = []
    for folders, settings in opened.workspaces.every():
        metadata = folders.open_metadata(settings)
        try:
            if metadata.get(models.NOUN, model) is not None:
                found.append(folders.models)
        finally:
            metadata.close()
    return found
