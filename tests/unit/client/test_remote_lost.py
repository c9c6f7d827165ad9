"""A session from the client's side: turns that do not come, a server that goes."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest
from flow import account, buy
from switched import SwitchedDriver, SwitchedHost

from openpit import Engine
from openpit.client.accounts import AccountCalls
from openpit.client.remote import Pauses
from openpit.errors import OutcomeUnknown, ShardDown, ShardOverloaded
from openpit.pretrade.policies import build_order_validation

NOW = 1_000_000_000


def host() -> SwitchedHost:
    builder = Engine.builder().clock(lambda: NOW).sharded(2)
    return SwitchedHost(builder.builtin(build_order_validation()))


def register(driver: SwitchedDriver, *numbers: int) -> Any:
    """Begin to put accounts into group 7."""
    accounts = [account(number) for number in numbers]
    return AccountCalls(driver).change_group(NOW, "register", accounts, 7)


def group_of(driver: SwitchedDriver, number: int) -> int:
    group: int = driver.run(AccountCalls(driver).of_account, account(number), "group_of")
    return group


def test_pauses_grow_until_the_server_is_there() -> None:
    pauses = Pauses()
    assert pauses.due == inf
    lengths = []
    for _ in range(9):
        pauses.begin(100.0)
        lengths.append(round(pauses.due - 100.0, 6))
    assert lengths == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    pauses.over()
    assert pauses.due == inf
    pauses.begin(200.0)
    assert pauses.due == 200.05


def test_a_turn_that_comes_too_late_is_given_back() -> None:
    server = host()
    late, other = SwitchedDriver(server), SwitchedDriver(server)
    call = register(late, 1, 2)
    call.expire("no answer within 5 s")
    with pytest.raises(ShardOverloaded, match="has not given this session its turn in time"):
        call.result()
    server.pump()
    assert group_of(late, 1) is None
    # Nobody has the turn, and nothing was changed: the next one does.
    second = register(other, 1, 2)
    server.pump()
    assert second.result() is None
    assert group_of(late, 2) == 7


def test_a_server_that_is_gone_gives_no_turn() -> None:
    server = host()
    driver = SwitchedDriver(server)
    asked, waiting = register(driver, 1, 2), register(driver, 3)
    driver.remote.lose("the server has gone")
    for call in (asked, waiting, register(driver, 4)):
        with pytest.raises(ShardDown, match=r"shard \d is down: the server has gone"):
            call.result()
    assert not driver.remote.has_output


def test_a_change_that_was_under_way_is_not_known() -> None:
    server = host()
    driver = SwitchedDriver(server)
    call = register(driver, 1)
    driver.move()
    server.switch.serve(NOW)
    driver.move()  # the turn has come: the shard is asked whether it can
    assert not call.done
    order = driver.client.execute(NOW, buy(2))
    driver.remote.lose("the server has gone")
    with pytest.raises((ShardDown, OutcomeUnknown), match="the server has gone"):
        call.result()
    (reject,) = order.result().rejects
    assert reject.details.endswith("the server has gone")
