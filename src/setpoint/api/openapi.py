"""The interface as an OpenAPI 3.1 document, from the systems that are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PROBLEMS = {
    400: "The body is no JSON.",
    408: "The body did not arrive in time.",
    409: "An outcome contradicts the one already recorded.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "The request cannot be decided; `field` names what is wrong.",
    503: "Nothing can be decided or recorded just now; nothing was.",
}

_DECISION: dict[str, Any] = {
    "type": "object",
    "required": ["id", "key", "at", "score", "action", "acted", "model", "arm", "propensity", "degraded"],
    "properties": {
        "id": {"type": "string", "description": "names the decision in its outcome and in the log"},
        "key": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "action": {"type": "string", "description": 'what to do; "none": nothing, "ask": ask a person'},
        "acted": {"type": "boolean"},
        "model": {"type": "string", "description": 'the digest of the model, or "rule"'},
        "arm": {"type": "string"},
        "propensity": {"type": "number", "minimum": 0, "maximum": 1},
        "degraded": {"type": "string", "description": 'why the model did not decide; "" when it did'},
        "set": {
            "type": "array",
            "items": {"type": "boolean"},
            "description": "what the label may be, as often as the goal's confidence promises",
        },
        "abstained": {"type": "boolean", "description": "whether the decision was handed to a person or the rule"},
        "why": {
            "type": "object",
            "description": "with ?explain=1: what each feature added to the score; `missing` where nobody can say",
            "properties": {
                "scale": {"type": "string"},
                "base": {"type": "number"},
                "reasons": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
                "others": {"type": "number"},
                "total": {"type": "number", "description": "the base, the reasons and the others added up"},
                "raw": {"type": "number", "description": "what the model says, before calibration"},
                "calibration": {"type": "string"},
                "missing": {"type": "string"},
                "outputs": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "of a goal that takes no action: why, for each number that is predicted",
                },
            },
        },
    },
}
_REASON = {
    "type": "object",
    "required": ["code", "feature", "value", "adds", "words"],
    "properties": {
        "code": {"type": "string", "description": "the feature and the direction; the same in every decision"},
        "feature": {"type": "string"},
        "value": {"type": ["number", "string", "boolean", "null"]},
        "adds": {"type": "number"},
        "words": {"type": "string"},
    },
}
_EXPLAIN = {
    "name": "explain",
    "in": "query",
    "description": "1: say why the decision has its score",
    "schema": {"type": "integer", "enum": [0, 1], "default": 0},
}
_TOLD: dict[str, Any] = {
    "type": "object",
    "required": ["value"],
    "properties": {
        "decision": {"type": "string", "description": "the id of the decision"},
        "key": {"type": ["string", "integer"], "description": "or the key of what was decided on"},
        "value": {},
        "at": {"type": "string", "format": "date-time", "description": "when it happened; default: now"},
    },
    "additionalProperties": False,
}
_OUTCOME: dict[str, Any] = {
    "type": "object",
    "required": ["id", "decision", "key", "value", "at", "known_at", "new"],
    "properties": {
        "id": {"type": "string"},
        "decision": {"type": ["string", "null"]},
        "key": {"type": ["string", "null"]},
        "value": {},
        "at": {"type": "string", "format": "date-time"},
        "known_at": {"type": "string", "format": "date-time"},
        "new": {"type": "boolean", "description": "false when it had been recorded before"},
    },
}
_RECEIPT = {
    "type": "object",
    "required": [
        "source", "known_at", "accepted", "positions", "repeated", "superseded", "skipped", "quarantined", "left_out",
    ],
    "properties": {
        "source": {"type": "string"},
        "known_at": {"type": "string", "format": "date-time", "description": "from when decisions may see them"},
        "accepted": {"type": "integer"},
        "positions": {
            "type": ["array", "null"],
            "items": {"type": "integer"},
            "description": "the first and the last position of the rows that they brought",
        },
        "repeated": {"type": "integer", "description": "were there before"},
        "superseded": {"type": "integer", "description": "are older than what is known, or take back nothing"},
        "skipped": {"type": "integer", "description": "have not happened yet"},
        "quarantined": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "rule", "reason"],
                "properties": {"row": {"type": "integer"}, "rule": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
        "left_out": {"type": "object", "description": "fields that the source does not have, each with the reason"},
    },
}  # fmt: skip
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "expected": {"type": "string"},
        "hint": {"type": "string"},
        "field": {"type": "string"},
        "receipt": {"$ref": "#/components/schemas/Receipt"},
    },
}


def openapi(
    requests: Mapping[str, Mapping[str, Any]],
    events: Mapping[str, Mapping[str, Mapping[str, Any]]],
    shapes: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The document for systems by name, each with the JSON Schemas of its requests, and of its events by source.

    `shapes` has of each system what depends on its goal: properties of a `decision`, and the `value` of an outcome.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {
        "Reason": _REASON,
        "Receipt": _RECEIPT,
        "Problem": _PROBLEM,
    }
    for system, request in requests.items():
        name = f"Request-{system}"
        schemas[name] = {part: value for part, value in request.items() if part != "$schema"}
        decision, told, outcome = f"Decision-{system}", f"Told-{system}", f"Outcome-{system}"
        schemas[decision] = _decision(shapes[system]["decision"])
        for named, form in ((told, _TOLD), (outcome, _OUTCOME)):
            schemas[named] = {**form, "properties": {**form["properties"], "value": shapes[system]["value"]}}
        paths[f"/v1/{system}/decide"] = {
            "post": {
                **_post(f"Decide for {system}", name, {200: ("The decision, already in the log.", decision)}, 409),
                "parameters": [_EXPLAIN],
            }
        }
        paths[f"/v1/{system}/outcome"] = {
            "post": _post(
                f"Tell an outcome to {system}",
                told,
                {201: ("Recorded.", outcome), 200: ("It had been recorded before.", outcome)},
            )
        }
        for source, shape in events.get(system, {}).items():
            named = f"Event-{system}-{source}"
            schemas[named] = {part: value for part, value in shape.items() if part != "$schema"}
            paths[f"/v1/{system}/events/{source}"] = {"post": _post_events(system, source, named)}
        paths[f"/v1/{system}/schema"] = {"get": _get(f"What a request of {system} holds, as JSON Schema")}
        paths[f"/v1/{system}/status"] = {"get": _get(f"The state of the loop of {system}")}
    paths["/livez"] = {"get": _get("Whether the process answers")}
    paths["/readyz"] = {"get": _get("Whether every system can decide now", 503)}
    paths["/metrics"] = {"get": _get("Counts and times in the format of Prometheus", media="text/plain")}
    paths["/openapi.json"] = {"get": _get("This document")}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Setpoint", "version": "1", "description": "Decisions, each logged before it is answered."},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _decision(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A decision with what is said of its prediction."""
    return {
        **_DECISION,
        "required": [*dict.fromkeys((*_DECISION["required"], *properties))],
        "properties": {**_DECISION["properties"], **properties},
    }


def _post(summary: str, body: str, good: Mapping[int, tuple[str, str]], without: int = 0) -> dict[str, Any]:
    answers = {
        str(status): {"description": words, "content": {"application/json": {"schema": _ref(schema)}}}
        for status, (words, schema) in good.items()
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(body)}}},
        "responses": {**answers, **_problems(*[status for status in _PROBLEMS if status != without])},
    }


def _post_events(system: str, source: str, event: str) -> dict[str, Any]:
    one = _ref(event)
    bodies: dict[str, Any] = {"application/json": {"schema": {"anyOf": [one, {"type": "array", "items": one}]}}}
    bodies |= {lines: {"schema": one} for lines in ("application/x-ndjson", "application/jsonl")}
    good = {"202": "Those accepted are in the log.", "200": "There was nothing new."}
    answers = {
        status: {"description": words, "content": {"application/json": {"schema": _ref("Receipt")}}}
        for status, words in good.items()
    }
    return {
        "summary": f"Tell events of {source} to {system}",
        "requestBody": {"required": True, "content": bodies},
        "responses": {**answers, **_problems(*[status for status in _PROBLEMS if status != 409])},
    }


def _get(summary: str, *problems: int, media: str = "application/json") -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": {media: {}}}, **_problems(*problems)},
    }


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": _PROBLEMS[status],
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
        for status in statuses
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
