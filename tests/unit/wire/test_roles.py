"""Who may send what: every message has its role, and the page of the protocol says so."""

from __future__ import annotations

import re
from pathlib import Path

from openpit.shards import administration
from openpit.shards.market import OPERATIONS
from openpit.wire import kinds
from openpit.wire.roles import (
    KINDS_OF,
    OF_KIND,
    OF_METHOD,
    OF_OPERATION,
    ROLES,
    Role,
    role_name,
    role_of,
)

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_every_message_has_a_role() -> None:
    assert OF_KIND.keys() == kinds.COMMANDS.keys()
    assert OF_METHOD.keys() == administration._CALLS.keys()
    assert OF_OPERATION.keys() == OPERATIONS.keys()


def test_who_may_more_may_all_that_others_may() -> None:
    assert KINDS_OF[Role.READER] < KINDS_OF[Role.TRADER] < KINDS_OF[Role.ADMIN]
    assert not KINDS_OF[Role.ADMIN] & {kinds.HELLO, kinds.QUOTE, kinds.ADMINISTER}


def test_a_trader_changes_nothing_but_by_orders_and_reports() -> None:
    administering = {kinds.ADJUST, kinds.CONFIGURE, kinds.CHECK_SETTINGS}
    assert {kind for kind, role in OF_KIND.items() if role == Role.ADMIN} == administering
    assert {method for method, role in OF_METHOD.items() if role < Role.ADMIN} == {
        "account_row",
        "anything_blocked",
        "group_of",
        "groups",
        "halted",
        "recent",
        "settings",
    }


def test_administration_goes_by_its_method() -> None:
    assert role_of((kinds.ADMINISTER, 7, "unblock", b"")) == Role.ADMIN
    assert role_of((kinds.ADMINISTER, 7, "group_of", b"")) == Role.READER
    assert role_of((kinds.ROLLBACK, 7, 1)) == Role.TRADER


def test_changes_of_market_data_go_by_their_operation() -> None:
    assert role_of((kinds.QUOTE, None, 0, ("quote", 0, None, None, None, 0))) == Role.TRADER
    assert role_of((kinds.QUOTE, None, 0, ("register", 0, "AAPL", "USD", None))) == Role.ADMIN
    assert role_of((kinds.QUOTE, None, 0, ("push", 0, None, None, None, 0))) == Role.NOBODY


def test_roles_have_names() -> None:
    assert {role_name(role): role for role in (1, 2, 3)} == ROLES


def test_the_page_of_the_protocol_has_the_same_table() -> None:
    rows = re.findall(r"^\| (1|2|3|none) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    told = {name: re.findall(r"`(\w+)`", text) for name, text in rows}
    for name, role in {"1": Role.READER, "2": Role.TRADER, "3": Role.ADMIN, "none": 4}.items():
        here = {kind for kind, its in OF_KIND.items() if its == role}
        numbers = {int(word) for word in told[name] if word.isdecimal()}
        by_content = {kinds.ADMINISTER, kinds.QUOTE}
        assert numbers - by_content == here - by_content, name
    methods = {method for method, role in OF_METHOD.items() if role == Role.READER}
    assert {word for word in told["1"] if not word.isdecimal()} == methods
    operations = {name for name, role in OF_OPERATION.items() if role == Role.TRADER}
    assert {word for word in told["2"] if not word.isdecimal()} == operations
