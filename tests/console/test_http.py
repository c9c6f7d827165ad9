"""What a console answers: in this process, of a server that is one of its own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from consoles import DESK, READER, TRADER
from flow import ALSO_IN_SHARD_0, IN_SHARD_0, IN_SHARD_1, buy

from openpit.console import asked, changing, past_lines
from openpit.console.link import ServerLink
from openpit.console.tokens import Caller
from openpit.limits.tables import ConfigError
from openpit.param import AccountId
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from pathlib import Path

    from consoles import Consoles

pytestmark = pytest.mark.one_python

API = "/api/v1"
WHY = {"reason": "a test"}


def codes(engine: Any, account: int, quantity: str = "1") -> list[str]:
    result = engine.execute_pre_trade(buy(account, quantity))
    if result.ok:
        result.reservation.rollback()
    return [str(reject.code) for reject in result.rejects]


def test_who_asks_is_told_who_he_is(consoles: Consoles) -> None:
    told = consoles.ask("GET", f"{API}/status", token=READER)
    assert (told["caller"], told["role"], told["may_change"]) == ("grafana", "reader", False)
    assert (told["halted"], told["shards"], told["has_journal"]) == (None, 2, True)
    told = consoles.ask("GET", f"{API}/status")
    assert (told["caller"], told["role"], told["may_change"]) == ("alice", "admin", True)


def test_without_tokens_anybody_reads_and_nobody_changes(consoles: Consoles) -> None:
    told = consoles.open.get(f"{API}/status").json()
    assert (told["caller"], told["role"], told["may_change"]) == (None, "reader", False)
    answer = consoles.open.post(f"{API}/halt", json=WHY)
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
    assert "--http-tokens" in answer.json()["text"]


def test_health_is_told_to_anybody(consoles: Consoles) -> None:
    for console in (consoles.open, consoles.held):
        assert console.get("/healthz").json() == {"ok": True, "why": []}
        assert console.get("/readyz").json() == {"ok": True, "why": []}


def test_a_console_whose_server_is_not_there_is_well_and_not_ready(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient  # noqa: PLC0415 - beside its use

    from openpit.console.app import make_app  # noqa: PLC0415 - as above

    with TestClient(make_app(str(tmp_path / "none")), base_url="http://127.0.0.1") as console:
        assert console.get("/healthz").status_code == 200
        answer = console.get("/readyz")
        assert (answer.status_code, answer.json()["ok"]) == (503, False)
        assert "no server answers" in answer.json()["why"][0]
        answer = console.get(f"{API}/limits")
        assert (answer.status_code, answer.json()["error"]) == (503, "ServerRefused")


def test_metrics_are_told_where_the_package_has_them(consoles: Consoles) -> None:
    answer = consoles.held.get("/metrics", headers={"Authorization": f"Bearer {READER}"})
    if answer.status_code == 501:
        assert "[metrics]" in answer.json()["text"]
    else:
        assert answer.text.endswith("# EOF\n")
    assert consoles.held.get("/metrics").status_code == 401


def test_shards_and_programs(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        codes(engine, IN_SHARD_0)
        shards = consoles.ask("GET", f"{API}/shards")["shards"]
        assert [(one["shard"], one["state"], one["restarts"]) for one in shards] == [
            (0, "up", 0),
            (1, "up", 0),
        ]
        assert shards[0]["answered"] > 0
        assert shards[0]["pid"] in consoles.server.workers
        (session,) = consoles.ask("GET", f"{API}/sessions", token=READER)["sessions"]
        assert (session["name"], session["role"]) == ("gateway", "admin")


def test_a_block_stops_the_next_order_and_says_who_made_it(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        done = consoles.ask("POST", f"{API}/accounts/{IN_SHARD_1}/block", {"reason": "hedge first"})
        assert done == {"done": f"account {IN_SHARD_1} is blocked: hedge first", "by": "alice"}
        assert codes(engine, IN_SHARD_1) == ["AccountBlocked"]

        told = consoles.ask("GET", f"{API}/accounts/{IN_SHARD_1}")
        assert (told["account"], told["shard"], told["is_blocked"]) == (str(IN_SHARD_1), 1, True)
        assert told["block"]["reason"] == "hedge first"
        listed = consoles.ask("GET", f"{API}/blocked")
        assert [one["account"] for one in listed["accounts"]] == [str(IN_SHARD_1)]

        consoles.ask("POST", f"{API}/accounts/{IN_SHARD_1}/unblock", {"reason": "is hedged"})
        assert codes(engine, IN_SHARD_1) == []
    newest, before = consoles.ask("GET", f"{API}/changes")["changes"][:2]
    assert (newest["by"], newest["what"], newest["account"], newest["reason"]) == (
        *("console:alice", "unblock", str(IN_SHARD_1), "is hedged"),
    )
    assert (before["what"], before["detail"]) == ("block", "hedge first")
    assert consoles.ask("GET", f"{API}/blocked")["total"] == 0


def test_changes_that_one_caller_makes_at_once_are_all_made(consoles: Consoles) -> None:
    accounts = range(101, 109)
    with ThreadPoolExecutor(len(accounts)) as callers:
        for what, still in (("block", "is blocked: many at once"), ("unblock", "is not blocked")):
            answers = callers.map(
                lambda account, what=what: consoles.ask(
                    "POST", f"/api/v1/accounts/{account}/{what}", {"reason": "many at once"}
                ),
                accounts,
            )
            done = [answer["done"] for answer in answers]
            assert done == [f"account {account} {still}" for account in accounts]


def test_two_consoles_of_one_server_act_for_one_caller_at_the_same_time(
    consoles: Consoles,
) -> None:
    alice, whose = Caller("alice", Role.ADMIN), AccountId.from_int(IN_SHARD_0)

    async def act() -> list[str]:
        one, other = ServerLink(consoles.server.path), ServerLink(consoles.server.path)
        async with one.acting_for(alice) as first, other.acting_for(alice) as second:
            await second.accounts().block(whose, "by one")
            await first.accounts().unblock(whose)
            server = await one.picture()
            await one.close()
        return [server.name_of(each.number) or "" for each in server.sessions]

    assert asyncio.run(act()).count("console:alice") == 2


def test_a_refusal_is_told_with_its_reason_and_the_limit_that_it_met(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        assert codes(engine, IN_SHARD_0, "1001") == ["OrderQtyExceedsLimit"]
    consoles.held.portal.call(consoles.held.app._app.state.console.watch.look)  # type: ignore[union-attr, attr-defined]
    told = consoles.ask("GET", f"{API}/refusals", token=READER)
    newest = told["refusals"][0]
    assert (newest["account"], newest["session"], newest["shard"]) == (
        *(str(IN_SHARD_0), "gateway", 0),
    )
    (reject,) = newest["rejects"]
    assert reject["details"] == "requested 1001, max allowed: 1000"
    assert reject["limits"] == ["[order_size_limit.broker] max_quantity 1000"]
    assert {"policy": "OrderSizeLimitPolicy", "code": "OrderQtyExceedsLimit", "count": 1} in told[
        "counts"
    ]


def test_limits_change_after_a_second_look_and_on_all_shards(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        before = consoles.ask("GET", f"{API}/limits")
        wanted = before["toml"].replace('max_quantity = "1000"', 'max_quantity = "5"')
        looked = consoles.ask("POST", f"{API}/limits/diff", {"toml": wanted}, token=READER)
        assert looked["tables"] == ["order_size_limit"]
        assert '-max_quantity = "1000"\n+max_quantity = "5"' in looked["difference"]
        assert looked["fingerprint"] == before["fingerprint"]
        assert codes(engine, IN_SHARD_0, "6") == []

        body = {"toml": wanted, "seen": looked["fingerprint"], "reason": "open of the day"}
        done = consoles.ask("PUT", f"{API}/limits", body)
        assert (done["tables"], done["fingerprint"] == before["fingerprint"]) == (
            *(["order_size_limit"], False),
        )
        for account in (IN_SHARD_0, IN_SHARD_1):
            assert codes(engine, account, "6") == ["OrderQtyExceedsLimit"]
        assert consoles.refused("PUT", f"{API}/limits", body) == (412, "LimitsHaveChanged")

        body = {"toml": before["toml"], "seen": done["fingerprint"], "reason": "as before"}
        consoles.ask("PUT", f"{API}/limits", body)
        assert codes(engine, IN_SHARD_0, "6") == []
    told = consoles.ask("GET", f"{API}/changes")
    assert [one["reason"] for one in told["changes"][:2]] == ["as before", "open of the day"]
    assert told["limits"][0]["by"] == ["console:alice"]
    assert '+max_quantity = "1000"' in told["limits"][0]["difference"]


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ("[spot_funds]", "the file has no [order_validation]"),
        ("[order_validation", "not TOML"),
        ("[order_size_limit.broker]\nmax_quantity = -5", "key 'max_quantity' is wrong"),
        ("[speed]", "unknown table [speed]"),
    ],
)
def test_wrong_limits_are_told_by_table_key_and_line(
    consoles: Consoles, toml: str, text: str
) -> None:
    answer = consoles.open.post(f"{API}/limits/diff", json={"toml": toml})
    assert (answer.status_code, answer.json()["error"]) == (422, "ConfigError")
    assert text in answer.json()["text"]


def test_others_are_answered_while_a_text_is_read(
    consoles: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = Event(), Event()

    def loads(_: str) -> Any:
        begun.set()
        assert go_on.wait(30)
        raise ConfigError("read at last")

    monkeypatch.setattr(asked, "loads", loads)
    with ThreadPoolExecutor(1) as other:
        text = {"toml": "x = 1"}
        wrong = other.submit(consoles.refused, "POST", f"{API}/limits/diff", text, READER)
        assert begun.wait(30)
        assert consoles.held.get("/healthz").json()["ok"]
        go_on.set()
        assert wrong.result() == (422, "ConfigError")


def test_a_halt_and_a_resume(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        consoles.ask("POST", f"{API}/halt", {"reason": "exchange is down"})
        assert codes(engine, IN_SHARD_0) == codes(engine, IN_SHARD_1) == ["AccountBlocked"]
        assert consoles.ask("GET", f"{API}/status")["halted"] == "exchange is down"
        consoles.ask("POST", f"{API}/resume", WHY)
        assert codes(engine, IN_SHARD_0) == []
        consoles.ask("POST", f"{API}/unblock-all", WHY)
    told = consoles.ask("GET", f"{API}/changes")["changes"][:3]
    assert [(one["what"], one["reason"]) for one in told] == [
        ("unblock_all", "a test"), ("resume", "a test"), ("halt", "exchange is down"),
    ]  # fmt: skip


def test_a_change_waits_for_its_reason_to_be_noted_for_a_while_alone(
    consoles: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(changing, "remark", silent)
        patch.setattr(changing, "REMARK_SECONDS", 0.01)
        done = consoles.ask("POST", f"{API}/accounts/{IN_SHARD_1}/block", {"reason": "unnoted"})
    assert done["done"].endswith("is blocked: unnoted")
    consoles.ask("POST", f"{API}/accounts/{IN_SHARD_1}/unblock", {"reason": "noted"})


def test_groups_their_members_blocks_and_currencies(consoles: Consoles) -> None:
    accounts = {"accounts": [str(IN_SHARD_0), str(IN_SHARD_1)], "reason": "a new desk"}
    consoles.ask("POST", f"{API}/groups/9/members", accounts)
    assert consoles.refused("POST", f"{API}/groups/8/members", accounts) == (
        *(409, "AccountGroupRegistrationError"),
    )
    consoles.ask("POST", f"{API}/groups/9/block", {"reason": "not today"})
    consoles.ask("PUT", f"{API}/groups/9/currency", {"asset": "EUR", "reason": "a test"})
    assert consoles.ask("GET", f"{API}/groups")["groups"] == [
        {"group": 9, "members": 2, "block_reason": "not today", "currency": "EUR"}
    ]
    with consoles.engine() as engine:
        assert codes(engine, IN_SHARD_0) == ["AccountBlocked"]
        consoles.ask("POST", f"{API}/groups/9/unblock", WHY)
        consoles.ask("PUT", f"{API}/groups/9/currency", {"asset": None, "reason": "a test"})
        consoles.ask("POST", f"{API}/groups/9/members/remove", accounts)
        assert codes(engine, IN_SHARD_0) == []
    assert consoles.ask("GET", f"{API}/groups")["groups"] == []


def test_balances_are_corrected_once_for_a_key(consoles: Consoles) -> None:
    path = f"{API}/accounts/{ALSO_IN_SHARD_0}"

    def available() -> str:
        (funds,) = consoles.ask("GET", path)["policies"]
        return str(next(one["available"] for one in funds["holdings"] if one["asset"] == "USD"))

    more = {"asset": "USD", "kind": "by", "amount": "0.25"}
    body = {"adjustments": [more], "key": "deposit 7".replace(" ", "-"), "reason": "a deposit"}
    for _ in range(2):
        consoles.ask("POST", f"{path}/adjustments", body)
    assert available() == "1000000.25"
    back = {"asset": "USD", "kind": "to", "amount": "1000000"}
    consoles.ask("POST", f"{path}/adjustments", {"adjustments": [back], "reason": "a test"})
    assert available() == "1000000"
    wrong = {"adjustments": [back | {"amount": 5}], "reason": "a test"}
    assert consoles.refused("POST", f"{path}/adjustments", wrong) == (422, "Request")


def test_an_accounts_currency(consoles: Consoles) -> None:
    path = f"{API}/accounts/{ALSO_IN_SHARD_0}"
    consoles.ask("PUT", f"{path}/currency", {"asset": "EUR", "reason": "a test"})
    assert consoles.ask("GET", path)["currency"] == "EUR"
    consoles.ask("PUT", f"{path}/currency", {"asset": None, "reason": "a test"})
    assert consoles.ask("GET", path)["currency"] is None


def test_an_account_is_a_number_or_the_text_that_it_is_reckoned_from(consoles: Consoles) -> None:
    told = consoles.ask("GET", f"{API}/accounts/desk-7")
    assert int(told["account"]) > 2**53
    for text in ("desk 7", "Müller & Söhne"):  # as a limits file may have it
        told = consoles.ask("GET", f"{API}/accounts/{quote(text)}")
        assert told["account"] == str(AccountId.from_string(text).value)
    assert consoles.refused("GET", f"{API}/accounts/{2**64}") == (422, "Account")
    assert consoles.refused("GET", f"{API}/accounts/desk%0A7") == (422, "Request")


def test_a_dry_run_has_every_reason_and_records_nothing(consoles: Consoles) -> None:
    order = {
        "account": str(IN_SHARD_0),
        "underlying": "AAPL",
        "settlement": "USD",
        "side": "BUY",
        "quantity": "2000",
        "price": "900.5",
    }
    before = consoles.ask("GET", f"{API}/accounts/{IN_SHARD_0}")
    told = consoles.ask("POST", f"{API}/dry-run", order, token=READER)
    assert told["accepted"] is False
    assert [one["code"] for one in told["rejects"]] == ["OrderQtyExceedsLimit"]
    assert told["rejects"][0]["limits"] == ["[order_size_limit.broker] max_quantity 1000"]
    assert consoles.ask("POST", f"{API}/dry-run", order | {"quantity": "10"})["accepted"] is True
    assert consoles.ask("GET", f"{API}/accounts/{IN_SHARD_0}") == before
    for wrong in ({"volume": "5"}, {"quantity": None}, {"quantity": 10}, {"side": "HOLD"}):
        assert consoles.refused("POST", f"{API}/dry-run", order | wrong)[0] == 422


def test_a_server_without_market_data_has_no_prices(consoles: Consoles) -> None:
    assert consoles.refused("GET", f"{API}/quotes/AAPL/USD") == (404, "LookupError")
    quote = {"mark": "185.5"}
    path = f"{API}/quotes/AAPL/USD"
    assert consoles.refused("PUT", path, quote, token=TRADER) == (404, "LookupError")
    assert consoles.refused("PUT", path, quote, token=READER) == (403, "Forbidden")


def test_a_line_of_the_journal_may_be_too_long_for_an_answer(
    consoles: Consoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past_lines, "LINE_BYTES", 16)
    assert consoles.refused("GET", f"{API}/audit") == (503, "JournalUnreadable")


def test_the_journal_tells_decisions_and_who_changed_what(consoles: Consoles) -> None:
    with consoles.engine() as engine:
        codes(engine, ALSO_IN_SHARD_0, "1002")
    path = f"{API}/accounts/{ALSO_IN_SHARD_0}"
    consoles.ask("POST", f"{path}/block", {"reason": "for the audit"})
    consoles.ask("POST", f"{path}/unblock", {"reason": "it is paid"})

    account = f"account={ALSO_IN_SHARD_0}"
    told = consoles.ask("GET", f"{API}/decisions?{account}&refused=true&most=1")
    (line,) = told["lines"]
    assert (line["account"], line["name"]) == (str(ALSO_IN_SHARD_0), "gateway")
    assert line["rejects"][0]["details"] == "requested 1002, max allowed: 1000"

    told = consoles.ask("GET", f"{API}/audit?{account}&most=4")
    block, why, unblock, why_not = told["lines"]
    assert (block["what"], block["name"].split()[0]) == ("block", "console:alice")
    assert (why["kind"], why["detail"], why["session"]) == (
        "remark", "for the audit", block["session"],
    )  # fmt: skip
    assert (unblock["what"], unblock["name"]) == ("unblock", block["name"])
    assert (why_not["kind"], why_not["detail"], why_not["name"]) == (
        "remark", "it is paid", block["name"],
    )  # fmt: skip
    assert why_not["account"] == str(ALSO_IN_SHARD_0)
    assert told["left_off"] > 0
    answer = consoles.open.get(f"{API}/audit")
    assert (answer.status_code, answer.json()["error"]) == (404, "NoJournal")


def test_an_account_that_has_a_name_is_told_by_it(consoles: Consoles) -> None:
    number = AccountId.from_string(DESK).value
    path = f"{API}/accounts/{number}"
    named = {"account": str(number), "account_name": DESK}

    def told(what: str) -> bool:
        answer = consoles.ask("GET", f"{API}/{what}")
        lines = answer.get({"blocked": "accounts", "audit": "lines"}.get(what, what))
        return any(one.items() >= named.items() for one in lines)

    consoles.ask("POST", f"{path}/block", {"reason": "by name"})
    assert consoles.ask("GET", path).items() >= named.items()
    assert told("blocked")
    with consoles.engine() as engine:
        assert codes(engine, number) == ["AccountBlocked"]
    consoles.ask("POST", f"{path}/unblock", WHY)
    assert all(map(told, ("refusals", "changes", "audit")))
    other = consoles.ask("GET", f"{API}/accounts/{IN_SHARD_0}")
    assert other["account_name"] is None


def test_the_page_stands_alone_and_runs_nothing_else(consoles: Consoles) -> None:
    answer = consoles.held.get("/")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    outside = [one for one in answer.text.split('"') if one.startswith(("http:", "https:", "//"))]
    assert outside == ["http://www.w3.org/2000/svg"]  # a name, not a place


def test_a_picture_comes_each_second(consoles: Consoles) -> None:
    from openpit.console.watch import VIEWERS  # noqa: PLC0415 - beside its use

    async def two() -> list[Any]:
        watch = consoles.open.app._app.state.console.watch  # type: ignore[attr-defined]
        pictures = watch.pictures()
        found = [await anext(pictures), await anext(pictures)]
        watch._viewers = VIEWERS
        assert watch.is_full
        await pictures.aclose()
        watch._viewers = 0
        return found

    first, second = consoles.open.portal.call(two)  # type: ignore[union-attr]
    assert [one["state"] for one in first["shards"]] == ["up", "up"]
    assert second["at"] > first["at"]
    assert len(second["shards"][0]["rates"]) > 0
