"""Functions over arrays of numbers, compiled when the first of them is called: importing one costs nothing.

Numba is imported and its cache on disk is read at that call. A compiled function may call others by their global
names, wherever they were imported to.

Numba asks whether a function's own file has changed before it takes machine code from the cache, and that code holds
what the function calls. Here any change in the compiled functions of a folder makes all of them be compiled again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, update_wrapper
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_waiting: list[_Waiting] = []


def compiled(function: F) -> F:
    """The function, compiled by numba when it or another compiled one is first called.

    It releases the interpreter's lock, and its machine code is kept on disk for later processes. Arrays are not checked
    at their bounds, so arguments must have been checked. A signed integer must never overflow, since the compiler
    relies on that; what may wrap around is `np.uint64`.

    >>> @compiled
    ... def double(number):
    ...     return number + number
    >>> double.python(4)
    8
    """
    found: Any = _Waiting(function)
    return found  # type: ignore[no-any-return]


class _Waiting:
    """A function that is not compiled yet: `python` is the function as it was written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.python = function
        self.dispatcher: Callable[..., Any] | None = None
        _waiting.append(self)

    def __call__(self, *arguments: Any) -> Any:
        if self.dispatcher is None:
            _compile_all()
        assert self.dispatcher is not None
        return self.dispatcher(*arguments)


def _compile_all() -> None:
    """Give every waiting function to numba, and put the results where the functions stood in their modules."""
    import numba  # noqa: PLC0415 (half a second, spent only where rows are folded)

    found = list(_waiting)
    for waiting in found:
        dispatcher: Any = numba.njit(nogil=True, cache=True)(waiting.python)
        if hasattr(dispatcher, "_cache"):  # a plain function under NUMBA_DISABLE_JIT
            dispatcher._cache._cache_file._source_stamp = _stamp(Path(waiting.python.__code__.co_filename).parent)
        waiting.dispatcher = dispatcher
    for waiting in found:
        names = waiting.python.__globals__
        for name, value in list(names.items()):
            if isinstance(value, _Waiting) and value.dispatcher is not None:
                names[name] = value.dispatcher
    del _waiting[: len(found)]


@cache
def _stamp(folder: Path) -> bytes:
    """A digest of the modules of a folder that have compiled functions."""
    found = sha256()
    for path in sorted(folder.glob("*.py")):
        text = path.read_bytes()
        if b"@compiled" in text:
            found.update(text)
    return found.digest()
