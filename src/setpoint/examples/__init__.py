"""Complete systems on real data, shipped with the package."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from setpoint.core.errors import NameUnknown

_HERE = Path(__file__).parent
EXAMPLES = tuple(sorted(path.parent.name for path in _HERE.glob("*/__init__.py")))
"""The names of the examples."""


def example_folder(name: str) -> Path:
    """The folder of an example: its declaration and, under `data`, its tables.

    >>> sorted(path.name for path in (example_folder("flights") / "data").glob("a*.parquet"))
    ['airlines.parquet', 'airports.parquet']
    """
    folders = {path.parent.name: path.parent for path in _HERE.glob("*/__init__.py")}
    if name not in folders:
        raise NameUnknown("example", name, folders, where="Setpoint")
    return folders[name]


def prepare_example(name: str, folder: Path, *, package: Path | None = None) -> list[str]:
    """Write what an example needs and Setpoint does not ship into a folder; gives the names of the files.

    `package` is the folder of the installed package that the data come from, where it is not found by itself. Raises
    SourceMissing when it is not installed.
    """
    prepare = getattr(import_module(f"setpoint.examples.{name}"), "prepare", None)
    found: list[str] = [] if prepare is None else prepare(folder, source=package)
    return found
