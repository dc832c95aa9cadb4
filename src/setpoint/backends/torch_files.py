"""A network on disk: its arrays as safetensors, and JSON that says what they are and seals both; never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from setpoint.core.digest import digest, digest_bytes
from setpoint.core.errors import MissingExtra, ModelCorrupt

ARRAYS, SEAL = "model.safetensors", "model.json"
EXTRA = "torch"


def write_arrays(folder: Path, arrays: Mapping[str, np.ndarray], body: Mapping[str, Any]) -> None:
    """Write arrays and what is said of them, with the digests that they are checked against."""
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise MissingExtra("safetensors", EXTRA) from error
    data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    (folder / ARRAYS).write_bytes(data)
    (folder / SEAL).write_bytes(_sealed({**body, "arrays": digest_bytes(data)}))


def read_arrays(folder: Path, *, learner: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and what is said of them; raises ModelCorrupt, before reading an array, where a byte has changed."""
    try:
        from safetensors.numpy import load
    except ImportError as error:
        raise MissingExtra("safetensors", EXTRA) from error
    try:
        data, seal = (folder / ARRAYS).read_bytes(), (folder / SEAL).read_bytes()
        body = json.loads(seal)
        sealed = body.pop("digest")
        if seal == _sealed(body) and sealed == digest(body) and body["learner"] == learner:
            if body.pop("arrays") == digest_bytes(data):
                return load(data), body
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _corrupt(folder, f"cannot be read: {error}", learner) from error
    raise _corrupt(folder, "has other digests than it was saved with", learner)


def _corrupt(folder: Path, why: str, learner: str) -> ModelCorrupt:
    return ModelCorrupt(
        f"The model in {folder.name} {why}.",
        expected=f"{ARRAYS} and {SEAL} as {learner!r} saved them",
        hint="Restore the files or train again; a changed model never decides.",
    )


def _sealed(body: Mapping[str, Any]) -> bytes:
    return json.dumps({**body, "digest": digest(dict(body))}, sort_keys=True, indent=1).encode() + b"\n"
