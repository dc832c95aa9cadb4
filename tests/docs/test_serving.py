"""docs/serving.md against the application: every path and every metric has its heading."""

from __future__ import annotations

from setpoint.api.metrics import HELP
from setpoint.api.openapi import openapi
from tests.docs.pages import sections


def test_every_path_is_explained_and_no_other() -> None:
    """The headings are the paths of the OpenAPI document, with their methods."""
    paths = openapi({"{system}": {}}, {"{system}": {"{source}": {}}}, {"{system}": {"decision": {}, "value": {}}})[
        "paths"
    ]
    answered = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {heading for heading in sections("serving.md") if " /" in heading} == answered


def test_every_metric_of_the_server_is_explained_and_no_other() -> None:
    """The headings are the metrics that a scrape gives."""
    assert {heading for heading in sections("serving.md") if heading.startswith("setpoint_")} == set(HELP)
