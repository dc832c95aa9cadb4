"""On what a training ran: packages, the machine, the user's own code and its commit. Never part of a digest."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from setpoint.core.clock import machine_memory
from setpoint.core.digest import digest, digest_file

PACKAGE = Path(__file__).resolve().parents[1]
"""Where this package lies, its examples included, under whatever name they are loaded."""
GIT_SECONDS = 10
"""How long git may take to say which commit it is."""


def environment() -> dict[str, Any]:
    """Python, the platform, every installed package with its version, and which modules of them are loaded by now.

    >>> sorted(environment())
    ['implementation', 'machine', 'modules', 'packages', 'platform', 'python']
    """
    return {**_installed(), "modules": _loaded()}


def _loaded() -> list[str]:
    """The outermost names of the modules that are loaded from installed packages."""
    files = {name.partition(".")[0]: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
    return sorted(name for name, file in files.items() if file and "site-packages" in Path(file).parts)


@cache
def _installed() -> dict[str, Any]:
    """Python, the platform and every installed package with its version."""
    packages = {
        str(found.metadata["Name"]).lower(): found.version
        for found in importlib.metadata.distributions()
        if found.metadata["Name"]
    }
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.system(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items())),
    }


@cache
def hardware() -> dict[str, Any]:
    """The processor, the cores that this process may use, and the MiB of memory of the machine or control group.

    >>> sorted(hardware())
    ['cores', 'cpu', 'memory_mb']
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cpu": _processor(), "cores": cores, "memory_mb": machine_memory() // 2**20}


def user_code(folder: Path) -> dict[str, Any]:
    """The Python files of a folder that are loaded, by digest, with the digest of them all; and the git commit.

    Files of this package and of installed ones are none of them: packages are told by their versions. `git` is None
    outside of a repository and without git.

    >>> import tempfile
    >>> user_code(Path(tempfile.mkdtemp()))["files"]
    {}
    """
    folder = folder.resolve()
    files = {}
    for module in list(sys.modules.values()):
        told = getattr(module, "__file__", None)
        if not told or not told.endswith(".py"):
            continue
        path = Path(told).resolve()
        theirs = path.is_relative_to(folder) and not path.is_relative_to(PACKAGE)
        if theirs and "site-packages" not in path.parts and path.is_file():
            files[path.relative_to(folder).as_posix()] = digest_file(path)
    files = dict(sorted(files.items()))
    return {"files": files, "digest": digest(files), "git": git_commit(folder)}


def git_commit(folder: Path) -> dict[str, Any] | None:
    """The commit that a folder is at, and whether tracked files of the folder have changed since; None where none."""
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return {"commit": commit, "changed": None if changed is None else bool(changed)}


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None where it is not there, refuses or takes long."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "--no-optional-locks", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603 words of this file
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _processor() -> str:
    """The model of the processor, as Linux has it; else what the platform says."""
    told = Path("/proc/cpuinfo")
    if told.is_file():
        for line in told.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
