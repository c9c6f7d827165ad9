from __future__ import annotations

import json

from openpit.cli.decisions import accepted_line, quoted, rejected_line
from openpit.pretrade.rejects import Reject

RATE = Reject._of(
    "RateLimitExceeded",
    "rate limit exceeded: account barrier",
    'submitted 3 orders in "1s" window',
    "RateLimitPolicy",
    "order",
)
PNL = Reject._of("PnlKillSwitchTriggered", "stopped", "", "PnlBoundsKillSwitchPolicy", "account")


def test_an_accepted_order() -> None:
    assert accepted_line(7, "42") == '{"order":7,"account":42,"accepted":true,"rejects":[]}\n'


def test_a_rejected_order_lists_every_reject_in_order() -> None:
    line = rejected_line("A-1", quoted("desk é"), [RATE, PNL])

    assert line == (
        '{"order":"A-1","account":"desk \\u00e9","accepted":false,"rejects":['
        '{"code":"RateLimitExceeded","reason":"rate limit exceeded: account barrier",'
        '"details":"submitted 3 orders in \\"1s\\" window","policy":"RateLimitPolicy",'
        '"scope":"order"},'
        '{"code":"PnlKillSwitchTriggered","reason":"stopped","details":"",'
        '"policy":"PnlBoundsKillSwitchPolicy","scope":"account"}]}\n'
    )
    assert json.loads(line)["rejects"][1]["scope"] == "account"
