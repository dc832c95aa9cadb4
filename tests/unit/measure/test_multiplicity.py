"""Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest

from setpoint.core.errors import DataError
from setpoint.measure.multiplicity import holm


def test_holm_gives_the_values_of_the_r_manual() -> None:
    """p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") of R."""
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])


def test_the_order_of_tests_does_not_matter() -> None:
    """Each p-value is adjusted the same wherever it stands."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_a_test_that_could_not_be_made_does_not_count() -> None:
    """NaN stays NaN and costs the others nothing."""
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert holm([]).size == 0


def test_any_false_alarm_is_as_rare_as_stated() -> None:
    """Of 4,000 families of ten true null hypotheses about 5 % raise an alarm at 5 %."""
    families = np.random.default_rng(1).random((4000, 10))
    alarms = np.mean([holm(family).min() < 0.05 for family in families])
    assert 0.04 < alarms < 0.06


def test_numbers_that_are_no_chances_are_refused() -> None:
    """A p-value of 1.2 is an error of the caller."""
    with pytest.raises(DataError):
        holm([0.1, 1.2])
