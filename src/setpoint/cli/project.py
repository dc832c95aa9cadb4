"""Finding the declaration: a file, or the one declaration of a folder."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path

from setpoint.core.errors import DeclarationError, NothingYet, SetpointError, did_you_mean
from setpoint.declare.declaration import System


def find_declaration(path: Path) -> Path:
    """The file that declares a system: the one given, or the only Python file of a folder that declares one."""
    if path.is_file():
        return path
    if not path.is_dir():
        near = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise NothingYet(
            f"There is no file or folder {str(path)!r}.",
            expected="a Python file that declares a system",
            hint=did_you_mean(path.name, near) or "`setpoint new flights DIR` writes one to start from.",
        )
    declaring = [
        each for each in sorted(path.glob("*.py")) if "System(" in each.read_text(encoding="utf-8", errors="replace")
    ]
    if len(declaring) == 1:
        return declaring[0]
    raise NothingYet(
        f"The folder {str(path)!r} has {len(declaring) or 'no'} files that declare a system.",
        expected="one, or the file's name" if declaring else "a Python file with sp.System(...)",
        hint=f"Name one of {[each.name for each in declaring]}."
        if declaring
        else "`setpoint new flights DIR` writes one to start from.",
    )


def load_declaration(path: Path) -> tuple[System, Path]:
    """The system that a file declares, and the folder its sources are relative to.

    Raises DeclarationError when the file cannot be run or declares none or several systems.
    """
    file = find_declaration(path).resolve()
    name = f"_setpoint_declaration_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise DeclarationError(f"{file.name} is not a Python file.", expected="a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SetpointError:
        raise
    except Exception as error:  # the file is foreign code: whatever it raises, it declares nothing
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f" Line {lines[-1]} of it raises." if lines else ""
        raise DeclarationError(
            f"{file.name} cannot be run: {type(error).__name__}: {error}.{where}",
            expected="a file that declares a system",
        ) from error
    systems = [value for value in vars(module).values() if isinstance(value, System)]
    if len(systems) != 1:
        raise DeclarationError(f"{file.name} declares {len(systems)} systems.", expected="one sp.System(...)")
    return systems[0], file.parent
