"""Many decisions at once: the rows of the decision log that the same requests, one by one, would leave."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from setpoint.core.records import ABSTAINED, FEATURE, FIELD, POSITION, PREDICTION_SET, RULE
from setpoint.data.arrays import Array, Mask
from setpoint.data.log.decisions import plan_sources
from setpoint.data.log.predictions import greatest, no_predictions, predicted_columns, usable
from setpoint.declare.prediction import Form
from setpoint.serve.fallback import MODEL_FAILED, NO_MODEL, RULE_THRESHOLD, UNSURE, rules_say
from setpoint.serve.route import choose_route
from setpoint.serve.snapshot import Doubts, Scorer, Serving

_ALPHABET = np.frombuffer(b"0123456789abcdefghjkmnpqrstvwxyz", dtype=np.uint8)
_logger = logging.getLogger("setpoint.serve")


def decide_many(
    requests: pa.Table,
    at: Array,
    features: pa.Table,
    serving: Serving,
    *,
    positions: Mapping[str, Array] | None = None,
) -> pa.Table:
    """The decision log's rows for many requests, each taken at its own time with its own row of features.

    Score, threshold, action, model and reason of each row are those that `decide` gives for it alone. The identity of
    a decision is derived from its system and key, so that deciding again gives the same. `positions` are those of the
    sources that the features had seen; NULL where they are not given.
    """
    route = choose_route(serving)
    fields = requests.select(list(serving.plan.fields))
    form = serving.form
    numbers, failed = no_predictions(form, len(at)), np.ones(len(at), dtype=bool)
    thresholds = np.full(len(at), RULE_THRESHOLD if form.acts else math.nan)
    reason = NO_MODEL
    if route.scorer is not None and len(at):
        reason = MODEL_FAILED
        numbers = _predictions(route.scorer, features, form, len(at))
        failed = ~usable(form, numbers)
        if form.acts:
            thresholds = np.where(failed, RULE_THRESHOLD, route.scorer.threshold.of(fields, len(at)))
    scores = greatest(numbers)
    sure = _sure(route.scorer, serving, scores, failed, features=features, fields=fields)
    handed = sure.abstained & serving.asks_rule
    reasons = _either(failed, reason, "")
    if handed.any():
        reasons = pc.if_else(pa.array(handed), UNSURE, reasons)
        failed, thresholds = failed | handed, np.where(handed, RULE_THRESHOLD, thresholds)
    if failed.any():
        said = rules_say(serving, fields, features, at)
        numbers = np.where(failed if said.ndim == 1 else failed[:, None], said, numbers)
        scores = greatest(numbers)
    key = requests[serving.key]
    columns = {
        "decision_id": decision_ids(serving.system, key),
        "key": key,
        "at": pa.array(at, pa.int64()),
        "score": pa.array(scores, pa.float64()),
        "acted": pa.array((scores >= thresholds) & ~(sure.abstained & ~failed), pa.bool_()),
        "threshold": pa.array(thresholds, pa.float64()),
        "model": _either(failed, RULE, serving.model),
        "arm": _either(failed, route.arm, route.arm),
        "propensity": pa.array(np.full(len(at), route.propensity)),
        "degraded": reasons,
        "definitions": pa.repeat(pa.scalar(serving.definitions), len(at)),
    }
    columns |= predicted_columns(form, numbers)
    if serving.doubts:
        columns[PREDICTION_SET] = pa.array(sure.sets, pa.string(), mask=failed)
        columns[ABSTAINED] = pa.array(sure.abstained, pa.bool_())
    columns |= {FIELD + name: fields[name] for name in serving.plan.fields}
    columns |= {FEATURE + name: features[name] for name in serving.plan.features}
    columns |= {POSITION + name: _known(positions, name, len(at)) for name in plan_sources(serving.plan)}
    return pa.table(columns)


def decision_ids(system: str, keys: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The identity of each decision: `ids.derived("d", system, key)`, spelled for all of them at once.

    >>> from setpoint.core.ids import derived
    >>> decision_ids("flights", pa.array(["UA1545"]))[0].as_py() == derived("d", "flights", "UA1545")
    True
    """
    texts = keys.to_pylist()
    start = f"{system}\x1f".encode()
    hashed = b"".join([hashlib.blake2b(start + str(text).encode(), digest_size=14).digest() for text in texts])
    bits = np.unpackbits(np.frombuffer(hashed, dtype=np.uint8).reshape(len(texts), 14), axis=1)[:, :110]
    digits = bits.reshape(len(texts), 22, 5) @ np.array([16, 8, 4, 2, 1], dtype=np.uint8)
    spelled = np.empty((len(texts), 24), dtype=np.uint8)
    spelled[:, 0], spelled[:, 1] = ord("d"), ord("_")
    spelled[:, 2:] = _ALPHABET[digits]
    offsets = np.arange(0, 24 * len(texts) + 1, 24, dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(spelled))


def _predictions(scorer: Scorer, features: pa.Table, form: Form, rows: int) -> Array:
    """What is predicted of each row; NaN for a row on which the model fails, whatever it does to the others."""
    try:
        found = np.asarray(scorer.score(features), dtype=np.float64)
        if found.shape == no_predictions(form, rows).shape:
            return found
        _logger.warning("The model %s gave %s for %d rows.", scorer.digest, found.shape, rows)
    except Exception:  # a model is foreign code: the rows that it can score are scored
        _logger.warning("The model %s failed on a batch of %d rows.", scorer.digest, rows, exc_info=True)
    found = np.array([_prediction(scorer, row, form) for row in features.to_pylist()], dtype=np.float64)
    return found if form.names else found[:, 0]


class _Sure(NamedTuple):
    """How sure rows are, and which are handed over."""

    sets: Array
    abstained: Mask


def _sure(
    scorer: Scorer | None, serving: Serving, scores: Array, failed: Mask, *, features: pa.Table, fields: pa.Table
) -> _Sure:
    """How sure the model is of each row that it scored; nothing is known of the others."""
    found = _Sure(np.full(failed.size, None, dtype=object), np.zeros(failed.size, dtype=bool))
    if not serving.doubts or not isinstance(scorer, Doubts) or failed.all():
        return found
    kept = pa.array(np.flatnonzero(~failed))
    told = scorer.sure(scores[~failed], features=features.take(kept), fields=fields.take(kept))
    if told is not None:
        found.sets[~failed], found.abstained[~failed] = told.sets, told.abstained
    return found


def _prediction(scorer: Scorer, row: dict[str, object], form: Form) -> tuple[float, ...]:
    try:
        found = scorer.predict_row(row) if form.names else (float(scorer.score_row(row)),)
        if len(found) == form.width:
            return found
    except Exception:  # foreign code, as above
        _logger.debug("The model %s failed on a row.", scorer.digest, exc_info=True)
    return (math.nan,) * form.width


def _known(positions: Mapping[str, Array] | None, name: str, rows: int) -> pa.Array:
    return pa.nulls(rows, pa.int64()) if positions is None else pa.array(positions[name], pa.int64())


def _either(failed: Mask, where: str, otherwise: str) -> pa.Array:
    if where == otherwise or failed.all() or not failed.any():
        return pa.repeat(pa.scalar(where if where == otherwise or failed.any() else otherwise), len(failed))
    return pc.if_else(pa.array(failed), pa.scalar(where), pa.scalar(otherwise))
