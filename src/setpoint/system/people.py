"""What people said of decisions, for the human baseline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from setpoint.labels.hand_labels import hand_labels
from setpoint.labels.votes import current_votes
from setpoint.learn.people import Votes
from setpoint.system.label import label_queue
from setpoint.system.opened import Opened


def votes_on(opened: Opened, keys: pa.Array) -> Votes | None:
    """The votes of first looks on these decisions, by their places; None where nobody labels."""
    hand = opened.declared.hand
    if hand is None:
        return None
    place = {key: number for number, key in enumerate(keys.cast(pa.string()).to_pylist())}
    given = [
        vote
        for vote in current_votes(label_queue(opened).history())
        if vote.value is not None and vote.look == 0 and vote.item in place
    ]
    told = {label.item for label in hand_labels(opened.declared.name, opened.metadata) if label.value is not None}
    return Votes(
        np.array([place[vote.item] for vote in given], dtype=np.intp),
        np.array([vote.annotator for vote in given], dtype=object),
        np.array([vote.value == hand.positive for vote in given], dtype=bool),
        np.array([vote.item in told for vote in given], dtype=bool),
    )
