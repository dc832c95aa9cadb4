"""Complete systems on real data, shipped with the package."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from setpoint.core.errors import DeclarationError, NameUnknown

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
    SourceMissing when it is not installed, DeclarationError where one is given to an example that needs none.

    >>> prepare_example("flights", Path("unused"))
    []
    """
    prepare = getattr(import_module(f"setpoint.examples.{name}"), "prepare", None)
    if prepare is None and package is not None:
        raise DeclarationError(
            f"The data of the example {name!r} are to come from {str(package)!r}, but it brings its own.",
            expected="no --from",
            hint="Only an example whose data Setpoint does not ship reads them from a package.",
        )
    found: list[str] = [] if prepare is None else prepare(folder, source=package)
    return found
