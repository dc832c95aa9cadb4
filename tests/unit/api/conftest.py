from __future__ import annotations

from tests.unit.api.client import served

__all__ = ["served"]
