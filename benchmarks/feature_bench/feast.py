"""Feast, once for everything it is compared in: importing it takes it longer than most of its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common import peer_python
from common.costs import contend


@dataclass(frozen=True)
class Feast:
    """What Feast cost: its lookup of the newest rows, and by store a get of 1, 10 and 100 keys in CPU seconds."""

    title: str
    cpu: float
    peak: float
    got: Mapping[str, Mapping[str, float]]


def measure_feast(
    folder: Path, result: Path, stores: Mapping[str, tuple[str, str]], *, keys: int, values: int, quick: bool
) -> Feast | None:
    """Feast on the files of a folder and on stores of so many keys with so many values; None where it is absent."""
    python = peer_python("feast")
    if python is None:
        return None
    places = [word for name, (_, theirs) in stores.items() for word in (name.lower(), theirs)]
    rounds = 2 if quick else 5
    told = contend(python, "peers/features_feast.py", rounds, folder, result, keys, values, *places).facts
    found = {name: told[name.lower()]["got"] for name in stores}
    return Feast(f"Feast {told['version']}", told["lookup"]["cpu"], told["lookup"]["peak"], found)
