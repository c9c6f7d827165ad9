"""The start stage's answer, and the request in it."""

from __future__ import annotations

import pytest

from openpit.pretrade.rejects import Reject
from openpit.pretrade.start import AsyncRequest, Request, StartResult

REJECT = Reject._of("RateLimitExceeded", "too fast", "11 of 10", "RateLimitPolicy", "order")


class FakeRequest(Request):
    __slots__ = ()


def test_an_order_that_passed_has_a_request():
    request = object.__new__(FakeRequest)
    passed = StartResult._of(request, ())

    assert passed.ok is True
    assert bool(passed) is True
    assert passed.request is request
    assert passed.rejects == []
    assert repr(passed) == "StartResult(ok=True)"


def test_an_order_that_did_not_pass_has_rejects_in_a_list_of_the_callers_own():
    refused = StartResult._of(None, [REJECT, REJECT])

    assert refused.ok is False
    assert bool(refused) is False
    assert refused.request is None
    assert refused.rejects == [REJECT, REJECT]
    assert repr(refused) == "StartResult(ok=False, rejects=2)"
    refused.rejects.clear()
    assert refused.rejects == [REJECT, REJECT]


@pytest.mark.parametrize("kind", [StartResult, Request, AsyncRequest])
def test_only_the_engine_makes_them(kind):
    for arguments in ((), (1, 2)):
        with pytest.raises(TypeError) as refused:
            kind(*arguments)
        assert str(refused.value) == f"cannot create 'openpit.pretrade.{kind.__name__}' instances"


def test_the_answer_is_final():
    with pytest.raises(TypeError) as refused:
        type("Mine", (StartResult,), {})
    assert str(refused.value) == (
        "type 'openpit.pretrade.StartResult' is not an acceptable base type"
    )
