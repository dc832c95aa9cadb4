"""Refusal: a batch of which too many rows break the contract of their source is not taken in at all."""

from __future__ import annotations

from collections.abc import Mapping

from setpoint.core.errors import BatchRefused
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.faults import Violations
from setpoint.data.contracts.tally import Tally


def refuse_broken(contract: Contract, violations: Violations, *, due: int, hint: str) -> None:
    """Raise BatchRefused where more of the rows that are `due` break the contract, or one of its rules, than it allows.

    `hint` is what whoever brought the batch can do.
    """
    tally = Tally()
    tally.add(violations)
    tally.refuse(contract, due=due, hint=hint)


def refuse_unfit(name: str, rule: str, reasons: Mapping[int, str], *, of: int, refuse_above: float) -> None:
    """Raise BatchRefused where more of so many good rows than a share cannot be taken in, for these reasons."""
    if len(reasons) > refuse_above * of:
        raise BatchRefused(
            f"{len(reasons)} of {of} rows of source {name!r} break the rule {rule}: "
            f"{'; '.join(list(reasons.values())[:3])}.",
            expected=f"at most {refuse_above:.0%}",
            hint="Give these sums fewer decimals=, or put a range on the column in the contract.",
        )
