"""Building again the Python that a run had: the versions that it recorded, in an environment of their own."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from setpoint.core.errors import DataError
from setpoint.registry.environment import PACKAGE

SECONDS = 1800
"""How long an installer may take."""


def needed(run: Mapping[str, Any]) -> list[str]:
    """What to install, as name==version: all that Setpoint needs and what the training had loaded, as it was then.

    Tools that were installed beside and never loaded are left out.
    """
    packages = run["environment"]["packages"]
    loaded = _distributions(run["environment"].get("modules", ()))
    names = (_closure([PACKAGE.name]) | _closure(loaded)) - {PACKAGE.name}
    return [f"{name}=={packages[name]}" for name in sorted(names) if name in packages]


def rebuild(folder: Path, requirements: Sequence[str], *, python: str) -> Path:
    """An environment in a folder with these packages and nothing else; gives its interpreter.

    `python` is the version that is wanted. By uv where it is there, which also finds another Python; else by venv and
    pip. Raises DataError where a package or that Python cannot be had.
    """
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    inside = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if uv is not None:
        _run([uv, "venv", "--quiet", "--python", python, str(folder)], "the environment")
        _run([uv, "pip", "install", "--quiet", "--no-deps", "--python", str(inside), *requirements], "the packages")
        return inside
    here = ".".join(str(part) for part in sys.version_info[:3])
    if here != python:
        raise DataError(
            f"The run had Python {python}, and this is {here}.",
            expected="uv, which finds the other one, or the same Python",
            hint="Install uv, or restore with that Python.",
        )
    _run([sys.executable, "-m", "venv", str(folder)], "the environment")
    _run([str(inside), "-m", "pip", "install", "--quiet", "--no-deps", *requirements], "the packages")
    return inside


def ask(python: Path, code: str, *words: str, paths: Sequence[Path]) -> str:
    """The last line that code prints in a Python, which finds modules in these paths and knows nothing else of here.

    Raises DataError where it fails.
    """
    found = os.pathsep.join(str(path.resolve()) for path in paths)
    told = {"PYTHONPATH": found, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=told)  # noqa: S603 our own code
    if done.returncode:
        raise DataError(f"The Python that was rebuilt could not do it: {done.stderr.strip()[-500:]}")
    return done.stdout.splitlines()[-1]


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603 versions
    if done.returncode:
        raise DataError(
            f"{what.capitalize()} could not be made: {done.stderr.strip()[-500:]}",
            expected="an index that has them",
            hint="The capsule's requirements.txt lists every package of the run.",
        )


def _distributions(modules: Iterable[str]) -> set[str]:
    """The packages that modules belong to, as far as they are installed here."""
    known = importlib.metadata.packages_distributions()
    return {name.lower() for module in modules for name in known.get(module, ())}


def _closure(names: Iterable[str]) -> set[str]:
    """Packages and all that they need in turn, extras aside."""
    found, waiting = set[str](), [_plain(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [_plain(each) for each in required if "extra ==" not in each]
    return {_recorded(name) for name in found}


def _plain(requirement: str) -> str:
    """The name of a requirement, as indexes spell it.

    >>> _plain("Typing_Extensions>=4; python_version < '3.13'")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]).lower()


def _recorded(name: str) -> str:
    """A package's name as runs record it: as its own metadata has it, in small letters."""
    try:
        return str(importlib.metadata.metadata(name)["Name"]).lower()
    except importlib.metadata.PackageNotFoundError:
        return name
