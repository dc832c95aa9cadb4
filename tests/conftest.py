"""What every test shares: one hypothesis profile, the same examples on every run; servers, started when first used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers import RedisServer, redis_server

settings.register_profile("setpoint", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("setpoint")


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server for all tests of this process; each of them takes a prefix of its own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server
