"""Decisions as JSON lines: one per order, in the flow's order, the same bytes each time.

::

    {"order":7,"account":42,"accepted":true,"rejects":[]}
    {"order":8,"account":42,"accepted":false,"rejects":[{"code":"RateLimitExceeded","reason":"...",
     "details":"...","policy":"RateLimitPolicy","scope":"order"}]}

(each on one line). A flow's decisions do not depend on the number of shards nor on the size of the
batches, and neither do these files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.pretrade.rejects import Reject

__all__ = ["accepted_line", "quoted", "rejected_line"]

_quoted = json.JSONEncoder(separators=(",", ":")).encode


def quoted(name: int | str) -> str:
    """Return an order's or an account's id as JSON writes it."""
    return str(name) if type(name) is int else _quoted(name)


def accepted_line(order: int | str, account: str) -> str:
    """Return the line of an order that was accepted, its end included.

    ``account`` is :func:`quoted` already: an account has many orders.
    """
    order = order if type(order) is int else _quoted(order)
    return f'{{"order":{order},"account":{account},"accepted":true,"rejects":[]}}\n'


def rejected_line(order: int | str, account: str, rejects: Sequence[Reject]) -> str:
    """Return the line of an order that was rejected, as :func:`accepted_line` does."""
    listed = ",".join(
        f'{{"code":{_quoted(reject.code)},"reason":{_quoted(reject.reason)},'
        f'"details":{_quoted(reject.details)},"policy":{_quoted(reject.policy)},'
        f'"scope":{_quoted(reject.scope)}}}'
        for reject in rejects
    )
    return (
        f'{{"order":{quoted(order)},"account":{account},"accepted":false,"rejects":[{listed}]}}\n'
    )
