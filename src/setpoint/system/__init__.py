"""A declaration opened on backends, and every verb of it."""

from setpoint.system.live import REFRESH_SECONDS, Live, open_system

__all__ = ["REFRESH_SECONDS", "Live", "open_system"]
