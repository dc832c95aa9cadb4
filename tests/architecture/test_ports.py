"""Ports: few methods, and their laws in words."""

from __future__ import annotations

import inspect

import pytest

from setpoint.core import ports

PORTS = [
    value
    for _, value in inspect.getmembers(ports, inspect.isclass)
    if value.__module__ == ports.__name__ and getattr(value, "_is_protocol", False)
]


def test_there_are_ports() -> None:
    """The checks below have something to check."""
    assert len(PORTS) >= 3


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_a_port_states_its_laws(port: type) -> None:
    """The docstring of a port says what every backend owes, under the word Laws."""
    assert "Laws:" in (port.__doc__ or "")


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.__name__)
def test_a_port_is_small(port: type) -> None:
    """A port has at most eight methods."""
    own = [name for name, value in vars(port).items() if inspect.isfunction(value) and not name.startswith("_")]
    assert 1 <= len(own) <= 8
