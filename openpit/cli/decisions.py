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

__all__ = ["decision_line"]

_quoted = json.JSONEncoder(separators=(",", ":")).encode


def decision_line(order: int | str, account: int | str, rejects: Sequence[Reject]) -> str:
    """Return one order's line, its end included; no rejects mean that it was accepted."""
    head = f'{{"order":{_quoted(order)},"account":{_quoted(account)}'
    if not rejects:
        return f'{head},"accepted":true,"rejects":[]}}\n'
    listed = ",".join(
        f'{{"code":{_quoted(reject.code)},"reason":{_quoted(reject.reason)},'
        f'"details":{_quoted(reject.details)},"policy":{_quoted(reject.policy)},'
        f'"scope":{_quoted(reject.scope)}}}'
        for reject in rejects
    )
    return f'{head},"accepted":false,"rejects":[{listed}]}}\n'
