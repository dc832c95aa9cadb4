"""What a leak audit or a pre-flight found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LEAK, FAULT, SUSPICION = "leak", "fault", "suspicion"


@dataclass(frozen=True)
class Finding:
    """One sign that the training could see what a decision cannot, or that it does not work.

    A "leak" and a "fault" hold the model back; a "suspicion" is reported for a person to judge. `feature` is empty when
    no single one is meant.
    """

    kind: str
    level: str
    feature: str
    evidence: str
    hint: str

    @property
    def blocks(self) -> bool:
        """Whether it holds the model back."""
        return self.level in (LEAK, FAULT)

    def to_dict(self) -> dict[str, Any]:
        """The finding as JSON-like data."""
        return {
            "kind": self.kind,
            "level": self.level,
            "feature": self.feature,
            "evidence": self.evidence,
            "hint": self.hint,
        }
