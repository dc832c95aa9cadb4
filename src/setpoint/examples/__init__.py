"""Complete systems on real data, shipped with the package."""

from __future__ import annotations

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
