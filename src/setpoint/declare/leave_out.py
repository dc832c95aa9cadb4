"""Features that no model of a system reads: still worked out, logged and watched, and left out by a pinned choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from setpoint.core.errors import DeclarationError, NameUnknown, WrongType

SAID = "declared"
"""Why a feature is left out where nothing is said."""


def check_leave_out(
    system: str, given: object, *, features: Sequence[str], expected: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The features that are left out, each with its reason; none where nothing is said.

    `expected` are features of which the goal expects a behaviour: models have to read those.

    >>> check_leave_out("shop", {"noise": "never chosen"}, features=["total", "noise"], expected=[])
    (('noise', 'never chosen'),)
    """
    told = given if isinstance(given, Mapping) else dict.fromkeys(_names(system, given), SAID)
    for name, reason in told.items():
        if name not in features:
            raise NameUnknown("feature", name, features, where=f"leave_out= of the system {system!r}")
        if not isinstance(reason, str) or not reason.strip():
            raise WrongType(f"leave_out= gives {name!r} the reason {reason!r}.", expected="a reason in words")
        if name in expected:
            raise DeclarationError(
                f"leave_out= names {name!r}, of which the goal expects a behaviour.",
                expected="features that models need not read",
            )
    if told and len(told) == len(features):
        raise DeclarationError(
            f"leave_out= of the system {system!r} names every feature.", expected="at least one that models read"
        )
    return tuple((name, told[name]) for name in features if name in told)


def _names(system: str, given: object) -> list[str]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise WrongType(
            f"leave_out= of the system {system!r} is {given!r}.",
            expected='names, such as ["noise"], or reasons by name, such as {"noise": "never chosen"}',
        )
    return list(given)
