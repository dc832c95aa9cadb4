"""How often each value comes among what decisions see: how many are different, which are frequent, and quantiles.

Values are codes in the order that a fold needs; those of a key are numbered from 0. From one decision of a segment to
the next, rows enter and leave their counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from setpoint.data.arrays import Array
from setpoint.data.compiled import compiled
from setpoint.features.arrange import Arranged, sort_by
from setpoint.features.wide import Int, Truth

COUNTED: Mapping[str, int] = {"distinct": 0, "top": 1, "quantile": 2}
"""The folds that count values."""

DISTINCT, TOP, QUANTILE = COUNTED.values()

BLOCK = 128
"""Codes of a key whose counts are summed together, to find a rank."""

NO_RANK = 2**62
"""More codes than any key has: no key needs its codes in order."""


@dataclass(frozen=True, eq=False)
class Codes:
    """The code of the row at each place among those of its key, -1 for none.

    Key k has `begin[k + 1] - begin[k]` of them; `members` are their codes among those of the source.
    """

    codes: Array
    begin: Array
    members: Array


def codes_by_key(arranged: Arranged, codes: Array, many: int, *, ranked_above: int) -> Codes:
    """The codes of each key, from those below `many` of the rows at each place.

    A key with more than `ranked_above` different ones has them in the order of the source's.

    >>> from setpoint.features.arrange import arrange
    >>> rows = arrange(np.array([0, 0, 1], dtype=np.int32), 2, np.array([1, 2, 3]))
    >>> found = codes_by_key(rows, np.array([7, 5, 7], dtype=np.int32), 8, ranked_above=1)
    >>> found.codes.tolist(), found.begin.tolist(), found.members.tolist()
    ([1, 0, 0], [0, 2, 3], [5, 7, 7])
    """
    mine, begin = np.empty_like(codes), np.zeros(arranged.begin.size, dtype=np.int64)
    members = np.empty(codes.size, dtype=np.int64)
    found = number_codes(codes, arranged.begin, many, ranked_above, mine, begin, members)
    return Codes(mine, begin, members[:found].copy())


@compiled
def number_codes(
    codes: Array, keys: Array, many: Int, ranked_above: Int, mine: Array, begin: Array, members: Array
) -> Int:
    """Fill in the codes of each key; gives how many there are of all keys."""
    owner = np.full(many, -1, dtype=np.int64)
    number = np.zeros(many, dtype=np.int32)
    found = 0
    for key in range(keys.size - 1):
        begin[key] = found
        for place in range(keys[key], keys[key + 1]):
            code = codes[place]
            if code >= 0 and owner[code] != key:
                owner[code], number[code] = key, found - begin[key]
                members[found] = code
                found += 1
        size = found - begin[key]
        if size > ranked_above:
            order, spare = np.arange(size).astype(np.int32), np.empty(size, dtype=np.int32)
            sort_by(members, begin[key], order, spare, 0, size)
            for rank in range(size):
                spare[rank] = members[begin[key] + order[rank]]  # codes are numbered in 32 bits
            for rank in range(size):
                members[begin[key] + rank] = spare[rank]
                number[spare[rank]] = rank
        for place in range(keys[key], keys[key + 1]):
            mine[place] = number[codes[place]] if codes[place] >= 0 else -1
    begin[keys.size - 1] = found
    return found


@compiled
def count_in(
    codes: Array, first: Int, stop: Int, sign: Int, kind: Int, state: Array, counts: Array, more: Array
) -> None:
    """Let the rows at some places enter the counts, or with the sign -1 leave them.

    `state` is how many different codes there are and how many rows. `more` holds what a kind needs: of a top the codes
    that are there and each one's place among them, otherwise the sums of blocks.
    """
    for place in range(first, stop):
        code = codes[place]
        if code < 0:
            continue
        before = counts[code]
        counts[code] = before + sign
        state[1] += sign
        changed = before + sign if sign < 0 else before
        if changed == 0:
            state[0] += sign
        if kind == QUANTILE:
            more[0, code // BLOCK] += sign
        elif changed == 0:
            if kind == DISTINCT:
                more[0, code // BLOCK] += sign
            elif sign > 0:
                more[0, state[0] - 1], more[1, code] = code, state[0] - 1
            else:
                moved = more[0, state[0]]
                more[0, more[1, code]], more[1, moved] = moved, more[1, code]


@compiled
def ranked(counts: Array, sums: Array, rank: Int, once: Truth) -> Int:
    """The code at a rank from 1, every code taken as often as it comes, or once."""
    block, passed = 0, 0
    while passed + sums[block] < rank:
        passed += sums[block]
        block += 1
    code = block * BLOCK
    while True:
        passed += min(counts[code], 1) if once else counts[code]
        if passed >= rank:
            return code
        code += 1


@compiled
def find_tops(present: Array, many: Int, counts: Array, members: Array, base: Int, best: Array) -> Int:
    """Put the most frequent codes that are present into `best`, of equal ones the smaller first; gives how many."""
    found = 0
    for one in range(many):
        code = present[one]
        place = found
        while place > 0 and (
            counts[best[place - 1]] < counts[code]
            or (counts[best[place - 1]] == counts[code] and members[base + best[place - 1]] > members[base + code])
        ):
            place -= 1
        if place < best.size:
            found = min(found + 1, best.size)
            for behind in range(found - 1, place, -1):
                best[behind] = best[behind - 1]
            best[place] = code
    return found


@compiled
def list_spells(
    first: Int,
    last: Int,
    spells: Array,
    segment: Int,
    enter: Array,
    leave: Array,
    window: Int,
    lists: Array,
    links: Array,
) -> None:
    """Link the spells that enter at each decision of a segment (lists[0]), and those that leave (lists[1])."""
    lists[:, : last - first] = -1
    for spell in range(spells[segment], spells[segment + 1]):
        begins, ends = enter[spell] - first, leave[window, spell] - first
        if begins < ends:
            links[0, spell - spells[segment]], lists[0, begins] = lists[0, begins], spell
            if ends < last - first:
                links[1, spell - spells[segment]], lists[1, ends] = lists[1, ends], spell


@compiled
def fold_counted(
    segments: Array,
    low: Array,
    high: Array,
    spells: Array,
    row: Array,
    enter: Array,
    leave: Array,
    key: Array,
    codes: Array,
    begin: Array,
    members: Array,
    numbers: Array,
    kind: Int,
    parameters: Array,
    caps: Array,
    windows: Array,
    outputs: Array,
    out: Array,
) -> None:
    """Fold the codes of what decisions see; as `fold_moments`, with the parameter and the cap of each fold.

    `numbers` gives the number of each code of the source: of a quantile its value, of a distinct its hash. A top gives
    the code itself, -1 for none.
    """
    most, longest, linked = 0, 0, 0
    deepest: Int = 1
    for segment in range(segments.size - 1):
        if key[segments[segment]] >= 0:
            mine = key[segments[segment]]
            most = max(most, begin[mine + 1] - begin[mine])
        if spells[segment] < spells[segment + 1]:
            longest = max(longest, segments[segment + 1] - segments[segment])
            linked = max(linked, spells[segment + 1] - spells[segment])
    for fold in range(parameters.size):
        deepest = max(deepest, np.int64(parameters[fold]))
    counts = np.zeros(most, dtype=np.int64)
    more = np.zeros((2, most if kind == TOP else most // BLOCK + 1), dtype=np.int64)
    lists = np.empty((2, longest), dtype=np.int64)
    links = np.empty((2, linked), dtype=np.int64)
    best = np.empty(deepest if kind == TOP else 1, dtype=np.int64)
    state = np.zeros(2, dtype=np.int64)
    for segment in range(segments.size - 1):
        first, last = segments[segment], segments[segment + 1]
        late = spells[segment] < spells[segment + 1]
        base = begin[key[first]] if key[first] >= 0 else 0
        for window in range(windows.size - 1):
            if windows[window] == windows[window + 1]:
                continue
            if late:
                list_spells(first, last, spells, segment, enter, leave, window, lists, links)
            start, stop = low[window, first], low[window, first]
            for asked in range(first, last):
                new_start, new_stop = low[window, asked], high[asked]
                count_in(codes, start, min(new_start, stop), -1, kind, state, counts, more)
                count_in(codes, max(stop, new_start), new_stop, 1, kind, state, counts, more)
                start, stop = new_start, new_stop
                if late:
                    spell = lists[1, asked - first]
                    while spell >= 0:
                        count_in(codes, row[spell], row[spell] + 1, -1, kind, state, counts, more)
                        spell = links[1, spell - spells[segment]]
                    spell = lists[0, asked - first]
                    while spell >= 0:
                        count_in(codes, row[spell], row[spell] + 1, 1, kind, state, counts, more)
                        spell = links[0, spell - spells[segment]]
                tops = -1
                for fold in range(windows[window], windows[window + 1]):
                    present, rows, found = state[0], state[1], np.nan
                    if kind == DISTINCT:
                        found = float(present)
                        if present > caps[fold]:
                            code = ranked(counts, more[0], caps[fold], True)
                            below = (numbers[members[base + code]] + 1.0) / 18446744073709551616.0
                            found = np.rint(float(caps[fold] - 1) / below)
                    elif kind == QUANTILE:
                        if rows > 0:
                            rank = max(1, np.int64(np.ceil(parameters[fold] * float(rows))))
                            found = numbers[members[base + ranked(counts, more[0], rank, False)]]
                    else:
                        found = -1.0
                        if parameters[fold] <= present <= caps[fold]:
                            if tops < 0:
                                tops = find_tops(more[0], present, counts, members, base, best)
                            found = float(members[base + best[np.int64(parameters[fold]) - 1]])
                    out[asked, outputs[fold]] = found
            count_in(codes, start, stop, -1, kind, state, counts, more)
            if late:
                for spell in range(spells[segment], spells[segment + 1]):
                    if enter[spell] < leave[window, spell] and leave[window, spell] == last:
                        count_in(codes, row[spell], row[spell] + 1, -1, kind, state, counts, more)
