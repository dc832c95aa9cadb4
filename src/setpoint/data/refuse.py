"""Refusal: a batch of which too many rows break the contract of their source is not taken in at all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from setpoint.core.errors import BatchRefused
from setpoint.data.contract import Contract
from setpoint.data.faults import Violations


def refuse_broken(contract: Contract, violations: Violations, *, due: int, hint: str) -> None:
    """Raise BatchRefused where more of the rows that are `due` break the contract, or one of its rules, than it allows.

    `hint` is what whoever brought the batch can do.
    """
    name, count = contract.info.name, int(violations.bad.sum())
    if count > contract.refuse_above * due:
        rules = violations.counts()
        top = next(iter(rules))
        examples = [int(row) for row in np.flatnonzero(violations.bad) if violations.rule(int(row)) == top][:3]
        told = "; ".join(violations.reason(row) for row in examples)
        raise BatchRefused(
            f"{count} of {due} rows of source {name!r} break its contract, {rules[top]} of them the rule {top}: "
            f"{told}.",
            expected=f"at most {contract.refuse_above:.0%}; nothing of the batch was taken in",
            hint=f"{hint}, or state the new contract.",
        )
    for rule in contract.rules:
        if rule.refuse_above is None:
            continue
        broken = int(violations.breaking(rule.name).sum())
        if broken > rule.refuse_above * due:
            raise BatchRefused(
                f"{broken} of {due} rows of source {name!r} break the rule {rule.name}: "
                f"{violations.told(rule.name, 3)}.",
                expected=f"at most {rule.refuse_above:.0%}; nothing of the batch was taken in",
                hint=f"{hint}, or state another share for this rule.",
            )


def refuse_unfit(name: str, rule: str, reasons: Mapping[int, str], *, of: int, refuse_above: float) -> None:
    """Raise BatchRefused where more of so many good rows than a share cannot be taken in, for these reasons."""
    if len(reasons) > refuse_above * of:
        raise BatchRefused(
            f"{len(reasons)} of {of} rows of source {name!r} break the rule {rule}: "
            f"{'; '.join(list(reasons.values())[:3])}.",
            expected=f"at most {refuse_above:.0%}",
            hint="Give these sums fewer decimals=, or put a range on the column in the contract.",
        )
