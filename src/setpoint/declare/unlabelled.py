"""Learning from decisions without a label, declared: how they are given one to train on, never to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from setpoint.core.errors import DeclarationError, WrongType

SELF_TRAINING, SPREADING, CONSISTENCY = "self-training", "label spreading", "consistency"


@dataclass(frozen=True)
class Unlabelled:
    """A method that labels decisions whose truth nobody knows, where it is at least so confident.

    `neighbours` and `keep` are those of label spreading, `noise` and `copies` those of consistency.
    """

    method: str
    confidence: float
    neighbours: int = 7
    keep: float = 0.2
    noise: float = 0.1
    copies: int = 4

    def to_dict(self) -> dict[str, Any]:
        """The declaration as JSON-like data, without what the method does not use."""
        found: dict[str, Any] = {"method": self.method, "confidence": self.confidence}
        if self.method == SPREADING:
            found |= {"neighbours": self.neighbours, "keep": self.keep}
        return found | {"noise": self.noise, "copies": self.copies} if self.method == CONSISTENCY else found


def self_training(*, confidence: float = 0.9) -> Unlabelled:
    """Decisions without a label get the one that a model of the labelled ones is confident of (Scudder 1965).

    >>> self_training(confidence=0.95).to_dict()
    {'method': 'self-training', 'confidence': 0.95}
    """
    return Unlabelled(SELF_TRAINING, _share("confidence", confidence, least=0.5))


def label_spreading(*, confidence: float = 0.9, neighbours: int = 7, keep: float = 0.2) -> Unlabelled:
    """Labels spread along a graph of nearest neighbours; known ones keep `1 - keep` of their own (Zhou et al. 2004).

    >>> label_spreading(neighbours=5).neighbours
    5
    """
    if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 1:
        raise WrongType(f"neighbours={neighbours!r}.", expected="a whole number, 1 or more")
    if not 0.0 < _share("keep", keep) < 1.0:
        raise DeclarationError(f"keep={keep!r}.", expected="a share between 0 and 1")
    return Unlabelled(SPREADING, _share("confidence", confidence, least=0.5), neighbours=neighbours, keep=float(keep))


def consistency(*, confidence: float = 0.9, noise: float = 0.1, copies: int = 4) -> Unlabelled:
    """Self-training on those decisions alone whose label stays the same in noisy copies (Sajjadi et al. 2016).

    `noise` is in standard deviations of each number.

    >>> consistency(noise=0.2).noise
    0.2
    """
    if isinstance(copies, bool) or not isinstance(copies, int) or copies < 1:
        raise WrongType(f"copies={copies!r}.", expected="a whole number, 1 or more")
    if isinstance(noise, bool) or not isinstance(noise, (int, float)) or not 0.0 < noise < float("inf"):
        raise WrongType(f"noise={noise!r}.", expected="a number above 0, in standard deviations")
    return Unlabelled(CONSISTENCY, _share("confidence", confidence, least=0.5), noise=float(noise), copies=copies)


def _share(name: str, value: float, *, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= 1.0:
        raise WrongType(f"{name}={value!r}.", expected=f"a share, {least:g} to 1")
    return float(value)
