"""What every test shares: one hypothesis profile, the same examples on every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("setpoint", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("setpoint")
