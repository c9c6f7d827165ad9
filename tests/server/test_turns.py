"""How long a session may be the only one that changes what spans shards."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from byte_client import TURN, TURN_OVER, ByteClient
from served import Served

import openpit
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 1.0


@pytest.fixture
def path() -> Iterator[str]:
    builder = openpit.Engine.builder().sharded(shards=1).builtin(build_order_validation())
    served = Served(builder, turn_seconds=SECONDS)
    yield served.path
    served.stop()


def test_a_turn_that_takes_too_long_ends_the_session(path: str) -> None:
    with ByteClient(path) as client:
        client.send(client.head(TURN))
        client.read(TURN)
        assert client.bye() == ("turn", "its turn has taken more than 1 s")


def test_each_of_many_turns_has_its_own_time(path: str) -> None:
    with ByteClient(path) as client:
        client.send(client.head(TURN))
        client.read(TURN)
        end = time.monotonic() + 1.5 * SECONDS
        while time.monotonic() < end:
            client.send(client.head(TURN_OVER) + client.head(TURN))  # as one word
            client.read(TURN)
