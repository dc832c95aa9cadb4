"""Functions compiled when first called, for features: what `setpoint.data.compiled` gives."""

from __future__ import annotations

from setpoint.data.compiled import compiled

__all__ = ["compiled"]
