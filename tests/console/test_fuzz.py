"""Requests by the OpenAPI document and beside it: none is answered by an error of the server's.

A sample runs in the suite; `make console-fuzz REQUESTS=5000` is the whole of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from consoles import ADMIN, bearing
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable

if TYPE_CHECKING:
    from consoles import Consoles

pytestmark = pytest.mark.one_python

REQUESTS = int(os.environ.get("OPENPIT_REQUESTS", "100"))
SEED = int(os.environ.get("OPENPIT_SEED", "1"))


@pytest.mark.timeout(3600)
def test_no_request_is_answered_by_an_error_of_the_server(spare: Consoles) -> None:
    document = spare.held.get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    # The stream never ends, and a journal is told anew by each question.
    left_out = {"/api/v1/events", "/api/v1/decisions", "/api/v1/audit"}
    operations = [
        found.ok() for found in schema.get_all_operations() if found.ok().path not in left_out
    ]
    each = max(1, -(-REQUESTS // (2 * len(operations))))
    asked = 0
    statuses: dict[int, int] = {}
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)

            @seed(SEED)
            @settings(
                max_examples=each,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(cases)
            def ask(case: Any) -> None:
                nonlocal asked
                fields = case.as_transport_kwargs(base_url="http://127.0.0.1")
                headers = dict(fields["headers"]) | bearing(ADMIN)
                fields = {
                    key: fields[key] for key in ("method", "url", "params") if fields.get(key)
                }
                if isinstance(case.body, bytes):
                    fields["content"] = case.body
                elif case.body is not schemathesis.core.NOT_SET:
                    fields["json"] = case.body
                try:
                    answer = spare.held.request(headers=headers, **fields)
                except (UnicodeError, ValueError):  # no request that a client can send
                    return
                asked += 1
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                assert answer.status_code < 500 or answer.status_code == 501, (fields, answer.text)

            try:
                ask()
            except (Unsatisfiable, schemathesis.errors.SchemathesisError):
                continue  # nothing of it can be wrong, so there is no such case
    assert asked >= REQUESTS * 0.6
    assert {200, 422} <= statuses.keys(), statuses
