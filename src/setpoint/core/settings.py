"""Settings: one frozen object, built once from arguments > environment > file > defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from setpoint.core.errors import NameUnknown, SettingInvalid


@dataclass(frozen=True)
class Settings:
    """Where things live and how many hands there are. Each has an environment variable `SETPOINT_<NAME>`.

    >>> Settings().seed
    0
    """

    home: str = ".setpoint"
    """Folder of everything a project writes: metadata, models, decision log, state, reports."""
    metadata: str = ""
    """URL of the metadata database; empty: SQLite in `home`."""
    online: str = ""
    """URL of the online state; empty: SQLite in `home`."""
    tables: str = ""
    """URL of the tables of the live system and of stored snapshots; empty: Parquet files in `home`."""
    seed: int = 0
    """The one seed that every random choice is derived from."""
    threads: int = 1
    """Threads of a training. The bytes of a model are the same whatever the number."""
    processes: int = 1
    """Processes that try the recipes of a search. What it finds is the same whatever the number."""
    memory_mb: int = 0
    """Most megabytes that sources may take in memory; 0: half of the machine's. Those beyond are mapped from files."""
    log_quota_mb: int = 10_000
    """Most megabytes that decision log segments may take before decisions are refused."""
    host: str = "127.0.0.1"
    """Address that `serve` listens on."""
    port: int = 8080
    """Port that `serve` listens on; 0: any free one."""


def _convert(name: str, kind: object, value: Any, origin: str) -> Any:
    if kind in ("int", int):
        try:
            return int(value)
        except (TypeError, ValueError):
            raise SettingInvalid(f"Setting {name!r} is {value!r} ({origin}).", expected="a whole number") from None
    return str(value)


def load_settings(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **arguments: Any,
) -> Settings:
    """The settings in force; arguments that are None count as not given.

    Raises NameUnknown for a setting that does not exist and SettingInvalid for a value of the wrong kind.

    >>> load_settings(environment={"SETPOINT_SEED": "7"}).seed
    7
    """
    environment = os.environ if environment is None else environment
    kinds = {field.name: field.type for field in fields(Settings)}
    values: dict[str, Any] = {}
    if file is not None and file.exists():
        for name, value in tomllib.loads(file.read_text()).items():
            if name not in kinds:
                raise NameUnknown("setting", name, kinds, where=str(file))
            values[name] = _convert(name, kinds[name], value, str(file))
    for name, kind in kinds.items():
        variable = f"SETPOINT_{name.upper()}"
        if variable in environment:
            values[name] = _convert(name, kind, environment[variable], f"environment {variable}")
    for name, value in arguments.items():
        if name not in kinds:
            raise NameUnknown("setting", name, kinds, where="Setpoint")
        if value is not None:
            values[name] = _convert(name, kinds[name], value, "argument")
    return Settings(**values)
