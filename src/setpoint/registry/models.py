"""Models on disk and in the metadata: files under their digest, and a document that says all about them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from setpoint.core import ids
from setpoint.core.digest import digest, digest_file
from setpoint.core.errors import ModelCorrupt, NameUnknown
from setpoint.core.ports import Metadata

NOUN = "model"
MANIFEST = "manifest.json"


def seal(folder: Path) -> str:
    """Write down the digest of every file in a folder; gives the digest of them all, which names a model."""
    files = _digests(folder)
    (folder / MANIFEST).write_text(json.dumps(files, sort_keys=True, indent=1) + "\n")
    return digest(files)


def check_files(folder: Path, *, expected: str | None = None) -> str:
    """The digest of a sealed folder; raises ModelCorrupt when a file is missing, added or changed since.

    With `expected` the digest must also be this one.
    """
    try:
        listed = json.loads((folder / MANIFEST).read_text())
        found = _digests(folder)
    except (OSError, ValueError) as error:
        raise corrupt(folder, f"Its {MANIFEST} cannot be read: {error}.") from error
    if listed != found:
        known = listed if isinstance(listed, dict) else {}
        changed = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
        raise corrupt(folder, f"These files are not what was saved: {', '.join(changed) or MANIFEST}.")
    name = digest(found)
    if expected is not None and name != expected:
        raise corrupt(folder, f"Its files have the digest {name}, not {expected}.")
    return name


def corrupt(folder: Path, problem: str) -> ModelCorrupt:
    """The error of a model whose files are not what was registered."""
    return ModelCorrupt(
        f"The model in {folder.name} is damaged. {problem}",
        expected="the files as they were saved",
        hint="Restore them from a copy or train again; a changed model never decides.",
    )


def folder_of(root: Path, model: str) -> Path:
    """Where the files of a model are."""
    return root / model


def put(root: Path, metadata: Metadata, *, model: str, save: Callable[[Path], object], body: Mapping[str, Any]) -> Path:
    """Register a model: its files by `save`, then its document; gives the folder of the files.

    The files appear under their digest whole or not at all, whenever the process dies. Registering the same model
    again keeps its files; damaged ones are replaced. Raises ModelCorrupt when `save` writes other files than `model`
    names.
    """
    target = folder_of(root, model)
    if not _intact(target, model):
        root.mkdir(parents=True, exist_ok=True)
        partial = root / f".{ids.new('partial')}"
        partial.mkdir()
        try:
            save(partial)
            check_files(partial, expected=model)
            if target.exists():
                target.rename(root / f".{ids.new('damaged')}")
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    metadata.put(NOUN, model, {**body, "model": model})
    return target


def get(metadata: Metadata, model: str) -> dict[str, Any]:
    """The document of a model; raises NameUnknown when there is none."""
    found = metadata.get(NOUN, model)
    if found is None:
        known = [each["model"] for each in metadata.find(NOUN)]
        raise NameUnknown("model", model, known, where="The registry")
    return found


def all_models(metadata: Metadata, **equal: Any) -> list[dict[str, Any]]:
    """The documents of models whose top-level values equal these, in order of registration."""
    return metadata.find(NOUN, **equal)


def _intact(folder: Path, model: str) -> bool:
    try:
        return check_files(folder, expected=model) == model
    except ModelCorrupt:
        return False


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: digest_file(path) for name, path in named.items() if name != MANIFEST}
