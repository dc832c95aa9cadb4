"""A capsule: one model with all that it needs, in a folder that stands by itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from setpoint.core.errors import DataError, SourceMissing
from setpoint.registry.environment import PACKAGE, environment
from setpoint.registry.models import check_files
from setpoint.registry.steps import code_digest

MODEL, RECORD, DECLARATION, CARD = "model", "record.json", "declaration.json", "card.md"
REQUIREMENTS, CODE, OWN, PROBE = "requirements.txt", "code", "package", "probe.parquet"
PYTHON = "environment"
"""Below this is the Python that was built for it."""


@dataclass(frozen=True)
class Capsule:
    """What goes into the folder; `code` are the user's own files as they were, by path."""

    model: Path
    run: Mapping[str, Any]
    document: Mapping[str, Any]
    declaration: Mapping[str, Any] | None
    card: str
    code: Mapping[str, bytes]
    probe: pa.Table | None

    def write(self, folder: Path) -> None:
        """Write the folder, whose model keeps its digest; raises DataError where it is there and not empty.

        Raises ModelCorrupt for damaged files. Setpoint itself goes in as it is here, where its code is that of the run.
        """
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"The folder {folder} is not empty.", expected="a new folder to restore into")
        check_files(self.model, expected=self.run["model"])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.model, folder / MODEL)
        for name, content in self.code.items():
            path = folder / CODE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if self.run["code"] == code_digest():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PACKAGE, folder / OWN / PACKAGE.name, ignore=ignored)
        _write_json(folder / RECORD, {"run": self.run, "model": self.document})
        if self.declaration is not None:
            _write_json(folder / DECLARATION, self.declaration)
        (folder / CARD).write_text(self.card, encoding="utf-8")
        packages = self.run["environment"]["packages"]
        lines = [f"{name}=={version}" for name, version in packages.items() if name != PACKAGE.name]
        (folder / REQUIREMENTS).write_text("\n".join(lines) + "\n")
        if self.probe is not None:
            pq.write_table(self.probe, folder / PROBE)


def record_in(folder: Path) -> dict[str, Any]:
    """The run and the model's document of a capsule; raises SourceMissing where the folder is none."""
    file = folder / RECORD
    if not file.is_file():
        raise SourceMissing(f"{folder} has no {RECORD}.", expected="a folder that `setpoint runs RUN --restore` wrote")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def differing(run: Mapping[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """What is another here than where the run was: by name, what it was and what it is; None where it is not there.

    >>> differing({"code": code_digest(), "environment": environment()})
    {}
    """
    then, now = run["environment"], environment()
    found = {name: (then.get(name), now.get(name)) for name in ("python", "implementation", "platform", "machine")}
    theirs, ours = then["packages"], now["packages"]
    found |= {name: (theirs.get(name), ours.get(name)) for name in sorted({*theirs, *ours})}
    found["code of setpoint"] = (run["code"][:12], code_digest()[:12])
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _write_json(path: Path, data: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
