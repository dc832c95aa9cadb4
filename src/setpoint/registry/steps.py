"""The step table: one row is hash(code, config, inputs) to output: cache, resume point, lineage edge and lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from setpoint.core.digest import digest, digest_file
from setpoint.core.errors import Busy
from setpoint.core.ports import Clock, Metadata
from setpoint.core.times import HOUR


@dataclass(frozen=True)
class Step:
    """One step that ran, or was found to have run before."""

    key: str
    output: dict[str, Any]
    cached: bool


@cache
def code_digest() -> str:
    """The digest of every source file of the package: other code, other steps."""
    folder = Path(__file__).parent.parent
    return digest({str(path.relative_to(folder)): digest_file(path) for path in sorted(folder.rglob("*.py"))})


def run_step(
    name: str,
    compute: Callable[[], Mapping[str, Any]],
    *,
    config: Mapping[str, Any],
    inputs: Mapping[str, Any],
    metadata: Metadata,
    clock: Clock,
    owner: str,
) -> Step:
    """The output of a step: from the table when the same code ran on the same inputs, computed otherwise.

    The output is JSON-like data, such as the digest of a model. While one owner computes, another that asks for the
    same step is refused with Busy; an owner that died and came back takes its step up again, and anybody else may
    after an hour of the clock.
    """
    key = digest({"step": name, "code": code_digest(), "config": config, "inputs": inputs})
    found = metadata.get("step", key)
    if found is not None:
        return Step(key, found["output"], cached=True)
    now = clock.now()
    if not metadata.lease(f"step/{key}", owner, now, now + HOUR):
        raise Busy(f"Another process runs the step {name!r} on the same inputs.", hint="Wait for it, or end it.")
    try:
        output = dict(compute())
        metadata.put("step", key, {"name": name, "config": config, "inputs": inputs, "output": output, "at": now})
    finally:
        metadata.release(f"step/{key}", owner)
    return Step(key, output, cached=False)
