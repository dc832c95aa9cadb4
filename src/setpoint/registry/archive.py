"""The archive: files of models that nothing needs now, packed out of the way under their digest, and brought back."""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from setpoint.core import ids
from setpoint.core.errors import DataError, NothingYet
from setpoint.core.ports import Metadata
from setpoint.registry.lineage import models_in_use
from setpoint.registry.models import check_files, corrupt, folder_of


def needs_of(registries: Iterable[Metadata], aliases: Mapping[str, str], model: str) -> tuple[str, ...]:
    """What refers to a model: loops that decide with it or keep it, and aliases."""
    found = [f"it {words}" for metadata in registries for name, words in models_in_use(metadata) if name == model]
    found += [f"the alias {name!r} points to it" for name, of in sorted(aliases.items()) if of == model]
    return tuple(dict.fromkeys(found))


def pack(archive: Path, folders: Sequence[Path], *, model: str, needs: Sequence[str]) -> Path:
    """Move the files of a model from wherever they are into the archive; gives the packed file.

    Its digest is checked before and after. Raises DataError, moving nothing, where something needs the model. Whenever
    the process dies, its files are in at least one of the places.
    """
    if needs:
        raise DataError(
            f"The model {model[:12]} is needed: {'; '.join(needs)}.",
            expected="a model that nothing refers to",
            hint="Let another model take its place, or take the alias away first.",
        )
    found = [folder_of(each, model) for each in folders if folder_of(each, model).exists()]
    if not found:
        raise NothingYet(f"The model {model[:12]} has no files here.", expected="a model that is not in the archive")
    check_files(found[0], expected=model)
    archive.mkdir(parents=True, exist_ok=True)
    partial = archive / f".{ids.new('partial')}"
    try:
        _write(found[0], partial)
        _unpacked(partial, archive, model)
        partial.rename(_file(archive, model))
    finally:
        partial.unlink(missing_ok=True)
    for each in found:
        shutil.rmtree(each)
    return _file(archive, model)


def unpack(archive: Path, folders: Sequence[Path], *, model: str) -> None:
    """Bring the files of a model back from the archive to where models are; raises ModelCorrupt for damaged ones."""
    file = _file(archive, model)
    if not file.is_file():
        raise NothingYet(f"The model {model[:12]} is not in the archive.", expected="a model that was moved there")
    for each in folders:
        each.mkdir(parents=True, exist_ok=True)
        _unpacked(file, each, model, keep=True)
    file.unlink()


def _file(archive: Path, model: str) -> Path:
    return archive / f"{model}.tar.gz"


def _write(folder: Path, target: Path) -> None:
    """The same files give the same bytes."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)


def _unpacked(file: Path, root: Path, model: str, *, keep: bool = False) -> None:
    """Read a packed model and check its digest; with `keep` its folder stays below `root`."""
    partial = root / f".{ids.new('partial')}"
    try:
        try:
            with tarfile.open(file, mode="r:gz") as tar:
                tar.extractall(partial, filter="data")
        except (OSError, EOFError, tarfile.TarError) as error:
            raise corrupt(file, f"It cannot be unpacked: {error}.") from error
        check_files(partial, expected=model)
        target = folder_of(root, model)
        if keep and not target.exists():
            partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
