"""Items and votes through Label Studio's JSON and CSV, whatever they hold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from setpoint.labels.exchange import read_csv, read_label_studio, write_csv, write_label_studio
from setpoint.labels.items import Item
from setpoint.labels.votes import DECIDING, SKIP, VOTE, Vote

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
MOMENT = st.integers(0, 4_000_000_000_000_000)
NAMES = ("ann", "bob@x.org", 'Ünï, "c"')


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Item], list[Vote]]:
    """Some items, and votes on them: first looks, second looks in order of time, decisions and skips."""
    keys = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    items = [Item(key, draw(st.dictionaries(TEXT.filter(lambda n: n != "setpoint_item"), TEXT))) for key in keys]
    votes = []
    for key in keys:
        for name in draw(st.sets(st.sampled_from(NAMES))):
            moments = sorted(draw(st.sets(MOMENT, min_size=1, max_size=2)))
            looks = [*range(len(moments)), *([DECIDING] if draw(st.booleans()) else [])]
            for look, at in zip(looks, [*moments, moments[-1] + 1], strict=False):
                skip = look != DECIDING and draw(st.booleans())
                value = None if skip else draw(TEXT)
                seconds = draw(st.none() | st.floats(0, 1e6))
                kind = SKIP if skip else VOTE
                votes.append(Vote(key, name, value, at, 1, kind, look, draw(st.just("") | TEXT), seconds))
    return items, votes


def in_order(votes: list[Vote]) -> list[Vote]:
    """Votes in an order of their own."""
    return sorted(votes, key=lambda vote: (vote.item, vote.annotator, vote.look))


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_label_studio_gives_back_every_vote(world: tuple[list[Item], list[Vote]]) -> None:
    """Items and votes are equal after the way there and back."""
    items, votes = read_label_studio(write_label_studio(*world))
    assert items == world[0]
    assert in_order(votes) == in_order(world[1])


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_csv_gives_back_every_vote(world: tuple[list[Item], list[Vote]]) -> None:
    """Votes are equal, whatever signs are in them; items keep their keys."""
    items, votes = read_csv(write_csv(*world))
    assert [item.key for item in items] == [item.key for item in world[0]]
    assert in_order(votes) == in_order(world[1])
