from __future__ import annotations

import pytest

from setpoint.core import errors, ids
from setpoint.core.digest import digest, digest_bytes
from setpoint.core.rng import seed_for


def test_new_ids_are_unique_and_in_order() -> None:
    """Ids made one after the other sort in that order."""
    made = [ids.new("d") for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_derived_ids_do_not_confuse_their_parts() -> None:
    """("1", "12") and ("11", "2") are different things."""
    assert ids.derived("d", "1", "12") != ids.derived("d", "11", "2")


def test_a_digest_depends_on_content_only() -> None:
    """The order of a dict does not matter, the order of a list does."""
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest_bytes(b"ab", b"c") != digest_bytes(b"a", b"bc")


def test_a_digest_refuses_what_has_no_canonical_form() -> None:
    """NaN has no JSON form."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(float("nan"))


def test_seeds_for_different_purposes_differ() -> None:
    """One seed gives independent seeds for each purpose."""
    seeds = {seed_for(0, purpose, str(index)) for purpose in ("search", "bootstrap") for index in range(1000)}
    assert len(seeds) == 2000


def test_every_error_has_its_own_code_and_refines_a_builtin() -> None:
    """Codes are stable and unique, so that programs can tell errors apart."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SetpointError)
    ]
    assert len({kind.code for kind in kinds}) == len(kinds)


def test_an_error_says_what_happened_what_was_expected_and_what_to_do() -> None:
    """The three parts are in the text and in the data."""
    error = errors.NameUnknown("column", "carier", ["carrier", "origin"], where="Source 'flights'")
    assert str(error) == (
        "Source 'flights' has no column 'carier'. Expected: one of carrier, origin. Did you mean 'carrier'?"
    )
    assert error.to_dict()["code"] == "name-unknown"
