"""How many rows break which rule of a contract, counted over as many batches as they come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from setpoint.core.errors import BatchRefused
from setpoint.data.contracts.contract import Contract
from setpoint.data.contracts.faults import Violations

Ints = npt.NDArray[np.int64]

EXAMPLES = 3
"""How many reasons a refusal tells."""


class Tally:
    """What rows break, with the first reasons for each rule.

    A row counts for its first rule, and for a rule with a share of its own whenever it breaks that.

    >>> from setpoint.data.contracts.faults import Fault
    >>> tally = Tally()
    >>> for rows in ([True, False], [True, True]):
    ...     tally.add(Violations.of([Fault("range", np.array(rows), lambda row: f"row {row}")], 2))
    >>> tally.bad, tally.reasons["range"]
    (3, ['row 0', 'row 0', 'row 1'])
    """

    def __init__(self) -> None:
        self.rules, self.reasons = Counter[str](), dict[str, list[str]]()
        self._broken, self._told = Counter[str](), dict[str, list[str]]()

    @property
    def bad(self) -> int:
        """How many rows break a rule."""
        return self.rules.total()

    def add(self, violations: Violations) -> None:
        """Count the rows of one more batch."""
        self.rules.update(violations.counts())
        rules = np.array([fault.rule for fault in violations.faults] + [""])
        for rule in violations.counts():
            rows = np.flatnonzero(rules[violations.first] == rule)
            _note(self.reasons, rule, rows, violations.reason)
        for fault in violations.faults:
            self._broken[fault.rule] += int(np.count_nonzero(fault.rows))
            _note(self._told, fault.rule, np.flatnonzero(fault.rows), fault.explain)

    def refuse(self, contract: Contract, *, due: int, hint: str) -> None:
        """Raise BatchRefused where more of the rows that are `due` break the contract, or a rule, than it allows.

        `hint` is what whoever brought them can do.
        """
        name = contract.info.name
        if self.bad > contract.refuse_above * due:
            top = min(self.rules, key=lambda rule: (-self.rules[rule], rule))
            raise BatchRefused(
                f"{self.bad} of {due} rows of source {name!r} break its contract, {self.rules[top]} of them the rule "
                f"{top}: {'; '.join(self.reasons[top])}.",
                expected=f"at most {contract.refuse_above:.0%}; nothing of the batch was taken in",
                hint=f"{hint}, or state the new contract.",
            )
        for rule in contract.rules:
            broken = self._broken[rule.name]
            if rule.refuse_above is not None and broken > rule.refuse_above * due:
                raise BatchRefused(
                    f"{broken} of {due} rows of source {name!r} break the rule {rule.name}: "
                    f"{'; '.join(self._told[rule.name])}.",
                    expected=f"at most {rule.refuse_above:.0%}; nothing of the batch was taken in",
                    hint=f"{hint}, or state another share for this rule.",
                )


def _note(found: dict[str, list[str]], rule: str, rows: Ints, explain: Callable[[int], str]) -> None:
    known = found.setdefault(rule, [])
    known += [explain(int(row)) for row in rows[: EXAMPLES - len(known)]]
