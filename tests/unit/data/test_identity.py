"""Identity of rows: repeats, contradictions and identities from content."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from setpoint.data.identity import codes_of, content_ids, find_repeats


def repeats(
    codes: list[int], known_at: list[int], **payload: list[object]
) -> tuple[list[int], list[tuple[int, int, str]]]:
    """The repeated rows, and the contradicting ones with the row and the column that they contradict."""
    columns = {}
    for name, values in payload.items():
        columns[name] = pa.array(values, pa.string() if name == "y" else pa.int64())
    found = find_repeats(np.arange(len(codes)), np.array(codes), np.array(known_at), columns)
    clashes = zip(found.other.tolist(), found.first.tolist(), found.column, strict=True)
    return sorted(found.same.tolist()), list(clashes)


def test_rows_of_different_identity_never_repeat() -> None:
    """However equal they are."""
    assert repeats([0, 1, 2], [5, 5, 5], x=[1, 1, 1]) == ([], [])
    assert repeats([], [], x=[]) == ([], [])


def test_the_smallest_known_at_stays() -> None:
    """And of equal ones the first row."""
    assert repeats([0, 0, 0], [9, 3, 3], x=[1, 1, 1]) == ([0, 2], [])


def test_another_content_contradicts_the_first_known() -> None:
    """The first column that differs is named; a repeat of the contradiction is one too."""
    assert repeats([0, 0, 0, 0], [1, 2, 3, 4], x=[1, 1, 1, 1], y=["a", "b", "a", "b"]) == (
        [2],
        [(1, 0, "y"), (3, 0, "y")],
    )
    assert repeats([0, 0], [2, 1], x=[5, 6]) == ([], [(0, 1, "x")])


def test_null_equals_null_and_nothing_else() -> None:
    """A null that was filled in later is another content."""
    assert repeats([0, 0], [1, 2], x=[None, None]) == ([1], [])
    assert repeats([0, 0, 0], [1, 2, 3], x=[None, 0, None]) == ([2], [(1, 0, "x")])


def test_only_the_rows_asked_about_count() -> None:
    """A row that was set aside for another reason neither repeats nor contradicts."""
    payload = {"x": pa.array([1, 2, 1])}
    found = find_repeats(np.array([0, 2]), np.array([4, 4]), np.array([0, 0, 0]), payload)
    assert (found.same.tolist(), found.other.tolist()) == ([2], [])


@pytest.mark.parametrize(
    "column", [pa.array(["a", "b", "a", None, None]), pa.array([1, 2, 1, 0, 0]), pa.array([0.5, 2, 0.5, 1, 1])]
)
def test_equal_values_share_a_code(column: pa.Array) -> None:
    """Of one column, or of several together."""
    codes = codes_of(column.fill_null("?") if column.null_count else column)
    assert codes.tolist() == [0, 1, 0, 2, 2]
    both = codes_of(column.fill_null("?") if column.null_count else column, np.array([1, 1, 1, 1, 7]))
    assert both[0] == both[2]
    assert len(set(both.tolist())) == 4


def test_content_ids_are_16_digits_of_the_content() -> None:
    """The same content has the same identity whatever its place, chunk or neighbours."""
    rows = {"x": pa.array([1.5, None, 2.0]), "y": pa.array(["a", "", None]), "z": pa.array([True, None, False])}
    ids = content_ids(rows, np.zeros(3, np.int64)).to_pylist()
    assert len(set(ids)) == 3
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids)
    turned = {name: column.take(pa.array([2, 0, 1])) for name, column in reversed(rows.items())}
    assert content_ids(turned, np.zeros(3, np.int64)).to_pylist() == [ids[2], ids[0], ids[1]]
    sliced = {name: pa.concat_arrays([column, column]).slice(2, 2) for name, column in rows.items()}
    assert content_ids(sliced, np.zeros(2, np.int64)).to_pylist() == [ids[2], ids[0]]


def test_whatever_differs_gives_another_identity() -> None:
    """A value, a null, the column a value is in, or where a text ends."""
    variants = [
        {"x": pa.array(["ab"]), "y": pa.array(["c"])},
        {"x": pa.array(["a"]), "y": pa.array(["bc"])},
        {"x": pa.array(["c"]), "y": pa.array(["ab"])},
        {"x": pa.array(["ab"]), "y": pa.array([None], pa.string())},
        {"x": pa.array(["ab"]), "y": pa.array([""])},
        {"x": pa.array(["ab"]), "z": pa.array(["c"])},
        {"x": pa.array(["ab\x00"]), "y": pa.array(["c"])},
        {"x": pa.array([0]), "y": pa.array(["c"])},
        {"x": pa.array([None], pa.int64()), "y": pa.array(["c"])},
        {"x": pa.array([2**53]), "y": pa.array(["c"])},
        {"x": pa.array([2**53 + 1]), "y": pa.array(["c"])},
        {"x": pa.array([-(2**53) - 1]), "y": pa.array(["c"])},
    ]
    ids = [content_ids(variant, np.zeros(1, np.int64))[0].as_py() for variant in variants]
    assert len(set(ids)) == len(variants)


def test_a_whole_number_is_the_same_as_integer_and_float() -> None:
    """A fraction further down the file does not change who the other rows are."""
    zero = np.zeros(2, np.int64)
    whole = content_ids({"x": pa.array([3, -4])}, zero)
    assert content_ids({"x": pa.array([3.0, -4.0])}, zero).equals(whole)


def test_equal_rows_are_numbered_as_they_became_known() -> None:
    """The first has no number, so it keeps its identity when a second comes."""
    ids = content_ids({"x": pa.array([7, 7, 8, 7])}, np.array([30, 10, 0, 20])).to_pylist()
    assert [one[17:] for one in ids] == ["2", "", "", "1"]
    assert len({one[:16] for one in ids}) == 2


def test_many_texts_have_many_identities() -> None:
    """No two of two hundred thousand short and long texts collide."""
    texts = pa.array([f"{number:x}" * (1 + number % 7) for number in range(200_000)])
    distinct = len(set(texts.to_pylist()))
    ids = content_ids({"x": texts}, np.zeros(200_000, np.int64))
    assert len({one[:16] for one in ids.to_pylist()}) == distinct
