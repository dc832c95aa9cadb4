"""The guardrail on the worst slice, as it is declared."""

from __future__ import annotations

from typing import Any

import pytest

import setpoint as sp
from setpoint.core.errors import DeclarationError


def test_it_says_how_many_times_the_loss_of_the_others_is_allowed() -> None:
    """With the loss that is meant, and how many conditions a slice may have."""
    assert str(sp.worst_slice(sp.log_loss()) <= 1.5) == "worst_slice(log_loss()) <= 1.5"
    assert str(sp.worst_slice(sp.accuracy(), depth=3) <= 2) == "worst_slice(accuracy(), depth=3) <= 2"
    assert str(sp.worst_slice(sp.brier(), against="others")) == "worst_slice(brier(), against='others')"
    told = {"name": "worst_slice", "option": None, "by": None, "of": "brier"}
    assert sp.worst_slice(sp.brier()).to_dict() == told
    assert sp.worst_slice(sp.brier(), against="others").to_dict() == {**told, "against": "others"}
    assert not sp.worst_slice(sp.brier()).greater_is_better


def test_other_metrics_are_told_as_before() -> None:
    """Digests of declarations without it do not change."""
    assert sp.auc().to_dict() == {"name": "auc", "option": None, "by": None}


def test_a_limit_below_once_cannot_be_met() -> None:
    """Some slice is always at least as bad as the others."""
    with pytest.raises(DeclarationError, match="cannot be met"):
        sp.worst_slice(sp.log_loss()) <= 0.9  # noqa: B015


@pytest.mark.parametrize("metric", [sp.auc(), sp.latency(), sp.ece(), 3])
def test_only_means_over_decisions_can_be_sliced(metric: Any) -> None:
    """AUC is none, nor is calibration."""
    with pytest.raises(DeclarationError, match="worst_slice"):
        sp.worst_slice(metric)


def test_slices_have_three_conditions_at_most() -> None:
    """More would leave too few decisions to judge."""
    with pytest.raises(DeclarationError, match="depth=4"):
        sp.worst_slice(sp.log_loss(), depth=4)


def test_losses_are_compared_with_what_was_expected_or_with_the_others() -> None:
    """There is no third."""
    with pytest.raises(DeclarationError, match="against='mean'"):
        sp.worst_slice(sp.log_loss(), against="mean")


def test_it_is_a_guardrail_only() -> None:
    """It cannot be optimised, and has no gap."""
    with pytest.raises(DeclarationError, match="cannot be optimised"):
        sp.goal(
            sp.worst_slice(sp.log_loss()),
            business="eur",
            act=sp.act("block"),
            cost=sp.cost(false_positive=1, false_negative=1),
        )
    with pytest.raises(DeclarationError, match="a metric of decisions"):
        sp.gap(sp.worst_slice(sp.log_loss()), by="country")
