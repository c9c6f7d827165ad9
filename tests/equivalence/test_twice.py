"""Every call made twice with one key: answers as one engine does on which each is made once.

``EQUIVALENCE_CALLS`` and ``EQUIVALENCE_SEED`` set how many calls and which, as for the shards.
"""

from __future__ import annotations

import os
import sys

import campaign
import pytest
from sides import Pair
from twice import link_switched_twice, link_twice

pytestmark = pytest.mark.one_python

CALLS = int(os.environ.get("EQUIVALENCE_CALLS", "12000"))
SEED = os.environ.get("EQUIVALENCE_SEED", f"{sys.version_info.minor}")


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS // 5, f"{SEED}.twice")), ids=str)
def test_what_is_asked_twice_is_done_once_on_any_number_of_shards(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((1, 2, 3, 5), link_twice))
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.parametrize("batch", list(campaign.batches(CALLS // 10, f"{SEED}.twice.s")), ids=str)
def test_and_so_it_is_through_a_server(batch: campaign.Batch) -> None:
    outcome = campaign.run(batch, Pair((2,), link_switched_twice))
    assert outcome.difference is None, campaign.report(outcome)
    assert outcome.calls >= batch.calls
