"""A client of a server answers as one engine: through its cores, and over real sockets.

``EQUIVALENCE_CALLS`` and ``EQUIVALENCE_SEED`` set how many calls and which, as for the shards.
"""

from __future__ import annotations

import os
import sys

import campaign
import pytest
from sequences import scenario
from sides import Pair, link_switched_async
from switched import link_switched
from through_servers import ConnectedPair

CALLS = int(os.environ.get("EQUIVALENCE_CALLS", "12000"))
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}")


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS // 4, f"{SEED}.server")), ids=str)
def test_a_client_of_a_server_answers_as_one_engine(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((1, 3), link_switched))
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.parametrize("batch", list(campaign.batches(1000, f"{SEED}.server.async")), ids=str)
def test_an_asyncio_client_answers_as_one_engine(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((2,), link_switched_async))
    assert outcome.difference is None, campaign.report(outcome)


@pytest.mark.parametrize("number", range(4))
def test_a_client_over_a_socket_answers_as_one_engine(number: int) -> None:
    pair = ConnectedPair((2,))
    difference = pair.difference(scenario(f"{SEED}.socket.{number}"))
    assert difference is None, str(difference)
    assert pair.calls > 5
