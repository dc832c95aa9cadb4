"""Runs: what a training was given, what came out, on what it ran and what it cost."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from setpoint.core.errors import NameUnknown
from setpoint.core.ids import derived
from setpoint.core.ports import Metadata
from setpoint.registry.environment import environment, hardware
from setpoint.registry.steps import code_digest

NOUN = "run"
CODE = "code"
"""The noun of the user's own files, by the digest of them all, as they were when a run trained by them."""
DECLARED = "declared"
"""The noun of declarations by digest, as they were when a run trained by them."""


@dataclass(frozen=True)
class Run:
    """One training. Its identity is what it was given; what was measured (CPU, memory, the machine) is not part of it.

    `parameters` hold the recipe, `metrics` the held-out metrics by name; `inputs` the digests of plan, snapshot and
    training set; `declaration` is the digest of the declaration, `user_code` that of the user's own files and the git
    commit, as `registry.environment.user_code` has them. `curve` is the loss on the validation rows after each round,
    for learners that have rounds; `steps` what each step cost, and `forecast` what was expected by earlier runs, of as
    many usable `rows`, `tried` the trials of a search. `at` is when it ran by the system's clock.
    """

    system: str
    model: str
    at: int
    seed: int
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    code: str = field(default_factory=code_digest)
    environment: Mapping[str, Any] = field(default_factory=environment)
    hardware: Mapping[str, Any] = field(default_factory=hardware)
    declaration: str = ""
    user_code: Mapping[str, Any] = field(default_factory=dict)
    curve: Mapping[str, Any] | None = None
    steps: Sequence[Mapping[str, Any]] = ()
    rows: int | None = None
    tried: int = 0
    forecast: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        """The identity of the run: the same inputs, code and seed give the same one."""
        given = [f"{name}={value}" for name, value in sorted(self.inputs.items())]
        return derived("run", self.system, self.model, self.code, str(self.seed), *given)

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON-like data."""
        return {"run": self.id, **asdict(self), "steps": list(self.steps)}


def put(metadata: Metadata, run: Run) -> str:
    """Store a run; gives its identity. The same run again replaces what was measured."""
    metadata.put(NOUN, run.id, run.to_dict())
    return run.id


def put_code(metadata: Metadata, code: Mapping[str, Any], folder: Path) -> None:
    """Keep the user's own files, as `registry.environment.user_code` tells of them, so that a run can be restored."""
    if metadata.get(CODE, code["digest"]) is None:
        files = {name: b64encode((folder / name).read_bytes()).decode() for name in code["files"]}
        metadata.put(CODE, code["digest"], {"digest": code["digest"], "files": files})


def get_code(metadata: Metadata, code: Mapping[str, Any]) -> dict[str, bytes]:
    """The user's own files by path, byte for byte; none for a run from before they were kept."""
    found = metadata.get(CODE, code["digest"]) or {"files": {}}
    return {name: b64decode(content) for name, content in found["files"].items()}


def get(metadata: Metadata, run: str) -> dict[str, Any]:
    """The document of a run; raises NameUnknown when there is none."""
    found = metadata.get(NOUN, run)
    if found is None:
        raise NameUnknown("run", run, [each["run"] for each in metadata.find(NOUN)], where="The registry")
    return found


def runs_of(metadata: Metadata, model: str) -> list[dict[str, Any]]:
    """The runs that gave a model, in order of writing."""
    return metadata.find(NOUN, model=model)
