"""Messages to an actor of the package: several in flight to each shard, none waited for."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from gateways import Gateway, answered, message

import openpit
from openpit.errors import OutcomeUnknown, ShardDown
from openpit.faces.blocking.shard_messages import ShardMessages
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine() -> Iterator[Any]:
    stage = openpit.Engine.builder().sharded(shards=2).builtin(build_order_validation())
    with stage.actor("gateway", Gateway).build() as engine:
        yield engine


def test_each_shard_answers_its_messages_in_their_order(engine: Any) -> None:
    messages = ShardMessages(engine, "gateway")

    sent = [
        messages.send(shard, message(["commit", quantity]))
        for shard, quantity in ((0, "1"), (1, "2"), (1, "0"), (0, "3"))
    ]
    answers = [answered(messages.answer(call)) for call in sent]

    assert [answer == ["committed"] for answer in answers] == [True, True, False, True]
    assert "OrderValidation" in str(answers[2])


def test_a_shard_that_has_died_gives_no_answer_and_says_why(engine: Any) -> None:
    messages = ShardMessages(engine, "gateway")
    os.kill(engine.stats()[1].pid, signal.SIGKILL)

    call = messages.send(1, message())
    with pytest.raises((OutcomeUnknown, ShardDown)) as raised:
        messages.answer(call)
    later = messages.send(1, message())
    with pytest.raises(ShardDown):
        messages.answer(later)

    assert raised.value.shard == 1
    assert messages.loss(1, raised.value) == "its worker was killed by signal 9"
    assert messages.loss(0, raised.value) == str(raised.value)
    assert messages.answer(messages.send(0, message())) is None
