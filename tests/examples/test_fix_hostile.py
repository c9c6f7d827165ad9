"""Bytes from hostile clients and venues: each is answered in FIX or left alone, and none half done.

Messages of a sample day are changed at random, by a seed; most get a frame that is right again, so
that they come as far as the fields. ``OPENPIT_HOSTILE`` and ``OPENPIT_SEED`` ask for more of them.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from gateway_alone import Desk, answers_in

from fix_gateway.frames import SOH, GarbledError, cut, framed, header_of
from fix_gateway.refusals import BUSINESS_REJECT, DONT_KNOW, SESSION_REJECT
from fix_gateway.sample import ACCOUNTS, PRICES, day
from openpit.param import AccountId, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = int(os.environ.get("OPENPIT_HOSTILE", "3000"))
SEED = int(os.environ.get("OPENPIT_SEED") or 1)

FUNDS = [
    (account, asset, "1000000") for account in ACCOUNTS for asset in ("USD", *PRICES)
]  # enough, so that most orders pass
VALUES = [
    b"",
    b"0",
    b"-1",
    b"1",
    b"2",
    b"9" * 30,
    b"1e5",
    b"NaN",
    b"F",
    b"4",
    b"C1",
    b"\xff",
    b"=",
    b"1" * 5000,
]


def mutant(chance: random.Random, message: bytes, others: list[bytes]) -> bytes:
    """Return a message with something wrong, in a frame that is right or not."""
    begin, end = message.index(b"35="), message.rindex(b"10=")
    fields = message[begin:end].split(SOH)[:-1]
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(1, len(fields))
        tag = fields[at].partition(b"=")[0]
        match chance.randrange(9):
            case 0:
                del fields[at]
            case 1:
                fields.insert(at, fields[at])
            case 2:
                fields[at] = tag + b"=" + chance.choice(VALUES)
            case 3:
                fields[at] = chance.choice([b"0", b"x", b"-1", b"96", b"1", b"10", b"49"]) + b"=1"
            case 4:
                other = chance.choice(others).split(SOH)
                fields[at] = other[chance.randrange(len(other) - 1)]
            case 5:
                chance.shuffle(fields)
            case 6:
                fields[at : at + 1] = [b"95=%d" % chance.choice([-1, 3, 10**6]), b"96=a\x01b"]
            case 7:
                fields[at] = bytes(chance.randbytes(chance.randint(0, 9)))
            case _:
                fields[0] = b"35=" + chance.choice([b"D", b"F", b"8", b"9", b"3", b"j", b"G", b"?"])
        if len(fields) < 2:
            break
    changed = framed(SOH.join(fields) + SOH)
    if chance.random() < 0.2:
        at = chance.randrange(len(changed))
        changed = changed[:at] + chance.randbytes(chance.randint(0, 3)) + changed[at + 1 :]
    return changed


def stream(seed: int, count: int) -> Iterator[bytes]:
    """Yield messages of a day, sound ones and mutants in turn."""
    chance = random.Random(seed)
    sound = [message for _, message in cut(day(seed, count)) if isinstance(message, bytes)]
    for at, message in enumerate(sound):
        if chance.random() < 0.5:
            yield mutant(chance, message, sound[max(0, at - 50) : at + 1])
        yield message


def account_of(message: bytes) -> AccountId:
    """Return the account that a router would find: any, if there is none."""
    _, found, rest = message.partition(b"\x011=")
    name = rest.partition(SOH)[0].decode("latin-1")
    return AccountId.from_string(name if found and name.strip() else ACCOUNTS[0])


def promised(desk: Desk, account_id: AccountId) -> dict[str, Decimal]:
    """Return what the orders that the gateway has for an account should hold, by asset."""
    orders = desk.gateway.orders(account_id)
    total: dict[str, Decimal] = {}
    for order in orders.open_orders() if orders else []:
        if order.side is Side.SELL:
            asset, amount = str(order.instrument.underlying_asset), order.left
        else:
            asset = str(order.instrument.settlement_asset)
            amount = order.left * order.lock.entries()[0][1].decimal
        total[asset] = total.get(asset, Decimal()) + amount
    return {asset: amount for asset, amount in total.items() if amount}


def held(desk: Desk, account_id: AccountId) -> dict[str, Decimal]:
    """Return what the engine holds of an account, by asset."""
    return {
        each.asset: each.held.decimal
        for policy in desk.engine.account_state(account_id).policies
        for each in policy.holdings
        if each.held.decimal
    }


def test_hostile_messages_are_refused_or_left_alone_and_never_half_done() -> None:
    desk = Desk(FUNDS)
    told: Counter[str] = Counter()
    senders = {"VENUE"}
    for number, message in enumerate(stream(SEED, COUNT // 10)):
        account_id = account_of(message)
        before = desk.state(account_id)
        try:
            answers = answers_in(desk.receive(message, account_id))
        except GarbledError:
            told["garbled"] += 1
            assert desk.state(account_id) == before, (number, message)
            continue
        senders.add(header_of(message).sender.decode())
        for answer in answers:
            told[answer[35]] += 1
            assert answer[56] in senders, (number, message)
            if answer[35].encode() in {SESSION_REJECT, BUSINESS_REJECT, DONT_KNOW}:
                assert len(answers) == 1
                assert desk.state(account_id) == before, (number, message)
        assert held(desk, account_id) == promised(desk, account_id), (number, message)
    # Each kind of answer was there, and not in a few cases only.
    assert set(told) == {"garbled", "3", "j", "Q", "8", "9", "D", "F"}, told
    assert min(told.values()) >= COUNT // 300, told
