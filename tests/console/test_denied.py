"""Ways to change something without leave, or by another site's page: none of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from consoles import ADMIN, READER, TRADER, bearing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consoles import Consoles

pytestmark = pytest.mark.one_python

API = "/api/v1"
WHY = {"reason": "mine"}
JSON = {"Content-Type": "application/json"}

CHANGES: list[tuple[str, str, Any]] = [
    ("POST", f"{API}/halt", WHY),
    ("POST", f"{API}/resume", WHY),
    ("POST", f"{API}/unblock-all", WHY),
    ("POST", f"{API}/accounts/7/block", WHY),
    ("POST", f"{API}/accounts/7/unblock", WHY),
    ("PUT", f"{API}/accounts/7/currency", {"asset": "EUR"} | WHY),
    (
        "POST",
        f"{API}/accounts/7/adjustments",
        {"adjustments": [{"asset": "USD", "kind": "by", "amount": "5"}]} | WHY,
    ),
    ("POST", f"{API}/groups/9/members", {"accounts": ["7"]} | WHY),
    ("POST", f"{API}/groups/9/members/remove", {"accounts": ["7"]} | WHY),
    ("POST", f"{API}/groups/9/block", WHY),
    ("POST", f"{API}/groups/9/unblock", WHY),
    ("PUT", f"{API}/groups/9/currency", {"asset": "EUR"} | WHY),
    ("PUT", f"{API}/limits", {"toml": "[order_validation]", "seen": "0" * 64} | WHY),
    ("PUT", f"{API}/quotes/AAPL/USD", {"mark": "1"}),
]

HEADERS: dict[str, tuple[dict[str, str], int]] = {
    "no token": ({}, 401),
    "an empty one": ({"Authorization": "Bearer "}, 401),
    "another's form": ({"Authorization": f"Basic {ADMIN}"}, 401),
    "without its word": ({"Authorization": ADMIN}, 401),
    "a wrong one": (bearing("x" * 40), 401),
    "its beginning": (bearing(ADMIN[:-1]), 401),
    "more than it": (bearing(ADMIN + "a"), 401),
    "of other letters": (bearing(ADMIN.upper()), 401),
    "a name": (bearing("alice"), 401),
    "a reader's": (bearing(READER), 403),
    "in a cookie": ({"Cookie": f"token={ADMIN}; Authorization=Bearer {ADMIN}"}, 401),
    "in another header": ({"X-Token": ADMIN, "Proxy-Authorization": f"Bearer {ADMIN}"}, 401),
    "from another site": (bearing(ADMIN) | {"Origin": "https://evil.example"}, 403),
    "from no site that is told": (bearing(ADMIN) | {"Origin": "null"}, 403),
    "as a browser says it": (bearing(ADMIN) | {"Sec-Fetch-Site": "cross-site"}, 403),
    "by a name of theirs": (bearing(ADMIN) | {"Host": "evil.example"}, 403),
    "by a name like ours": (bearing(ADMIN) | {"Host": "127.0.0.1.evil.example"}, 403),
    "as a form": (bearing(ADMIN) | {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "as text": (bearing(ADMIN) | {"Content-Type": "text/plain"}, 415),
    "over a proxy's word": ({"X-Forwarded-User": "alice", "X-Forwarded-For": "127.0.0.1"}, 401),
}


@pytest.fixture(autouse=True)
def unchanged(consoles: Consoles) -> Iterator[None]:
    """What was there before a test is there behind it."""

    def everything() -> Any:
        paths = ("limits", "groups", "accounts/7", "blocked", "changes")
        return [consoles.ask("GET", f"{API}/{path}") for path in paths]

    before = everything()
    yield
    assert everything() == before


@pytest.mark.parametrize("name", HEADERS)
def test_no_way_without_leave_changes_anything(consoles: Consoles, name: str) -> None:
    headers, status = HEADERS[name]
    for method, path, body in CHANGES:
        answer = consoles.held.request(method, path, json=body, headers=JSON | headers)
        assert answer.status_code == status, (path, answer.text)
        if status == 401:
            assert answer.headers["www-authenticate"] == "Bearer"
        told = answer.json()
        assert ADMIN not in told["text"]


def test_who_trades_changes_nothing_but_prices(consoles: Consoles) -> None:
    for method, path, body in CHANGES[:-1]:
        answer = consoles.held.request(method, path, json=body, headers=bearing(TRADER))
        assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")
        assert "bot is trader: that takes admin" in answer.json()["text"]


def test_a_token_in_the_address_is_none(consoles: Consoles) -> None:
    for query in (f"token={ADMIN}", f"access_token={ADMIN}", f"authorization=Bearer%20{ADMIN}"):
        answer = consoles.held.post(f"{API}/halt?{query}", json=WHY)
        assert answer.status_code == 401


def test_a_question_changes_nothing_whatever_its_method(consoles: Consoles) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PATCH", "DELETE"):
        headers = bearing(ADMIN) | JSON
        answer = consoles.held.request(method, f"{API}/accounts/7/block", headers=headers)
        assert answer.status_code == 405
        answer = consoles.held.request(
            method, f"{API}/halt", headers=headers | {"X-HTTP-Method-Override": "POST"}
        )
        assert answer.status_code == 405


def test_a_change_without_its_reason_or_with_more_is_none(consoles: Consoles) -> None:
    path = f"{API}/accounts/7/block"
    for body in ({}, {"reason": ""}, {"reason": 5}, {"reason": "a\nb"}, WHY | {"by": "bob"}, [], 5):
        answer = consoles.held.post(path, json=body, headers=bearing(ADMIN))
        assert (answer.status_code, answer.json()["error"]) == (422, "Request"), body
        assert answer.json()["text"].startswith("body")
    answer = consoles.held.post(path, content=b"{", headers=bearing(ADMIN) | JSON)
    assert (answer.status_code, answer.json()["error"]) == (422, "Request")


def test_nothing_is_told_without_a_token_where_there_are_some(consoles: Consoles) -> None:
    document = consoles.held.get(f"{API}/openapi.json").json()
    paths = [path for path, methods in document["paths"].items() if "get" in methods]
    for path in paths:
        answer = consoles.held.get(path.replace("{account}", "7").replace("{", "").replace("}", ""))
        is_health = path in {"/healthz", "/readyz"}
        assert answer.status_code == (200 if is_health else 401), path


def test_a_token_that_is_taken_out_of_the_file_is_nobodys_at_once(consoles: Consoles) -> None:
    kept = consoles.tokens.read_text()
    try:
        consoles.tokens.write_text(f"bob reader {READER}\n")
        answer = consoles.held.post(f"{API}/halt", json=WHY, headers=bearing(ADMIN))
        assert answer.status_code == 401
        assert consoles.ask("GET", f"{API}/status", token=READER)["caller"] == "bob"
        consoles.tokens.chmod(0o644)
        answer = consoles.held.get(f"{API}/status", headers=bearing(READER))
        assert answer.status_code == 401
    finally:
        consoles.tokens.chmod(0o600)
        consoles.tokens.write_text(kept)


def test_a_stream_ends_with_its_token(consoles: Consoles) -> None:
    from openpit.console.app import stream_of  # noqa: PLC0415 - beside its use

    kept = consoles.tokens.read_text()

    async def told() -> list[str]:
        stream = stream_of(consoles.held.app._app.state.console, READER)  # type: ignore[attr-defined]
        found = [await anext(stream)]
        consoles.tokens.write_text(f"alice admin {ADMIN}\n")
        found += [one async for one in stream]
        return found

    try:
        (only,) = consoles.held.portal.call(told)  # type: ignore[union-attr]
    finally:
        consoles.tokens.write_text(kept)
    assert only.startswith("event: picture\ndata: {")


def test_names_that_are_listed_may_be_called(consoles: Consoles) -> None:
    for host in ("desk.example", "DESK.example:8080", "localhost:1", "[::1]:80", "10.0.0.7"):
        answer = consoles.held.get("/healthz", headers={"Host": host})
        assert answer.status_code == 200, host
    answer = consoles.open.get("/healthz", headers={"Host": "desk.example"})
    assert (answer.status_code, answer.json()["error"]) == (403, "Host")


def test_a_request_has_its_limit(consoles: Consoles) -> None:
    from openpit.console.guard import BODY_BYTES  # noqa: PLC0415 - beside its use

    headers = bearing(ADMIN) | JSON
    long = b'{"reason": "' + b"x" * BODY_BYTES + b'"}'
    told = consoles.held.post(f"{API}/halt", content=long, headers=headers)
    assert (told.status_code, told.json()["error"]) == (413, "TooLarge")
    pieces = iter([long[: BODY_BYTES // 2], long[BODY_BYTES // 2 :]])  # no length is told
    told = consoles.held.post(f"{API}/halt", content=pieces, headers=headers)
    assert (told.status_code, told.json()["error"]) == (413, "TooLarge")
    within = b'{"reason": "' + b"x" * (BODY_BYTES - 14) + b'"}'
    assert len(within) == BODY_BYTES
    told = consoles.held.post(f"{API}/halt", content=within, headers=headers)
    assert (told.status_code, told.json()["error"]) == (422, "Request")


def test_every_answer_forbids_what_a_browser_might_do_with_it(consoles: Consoles) -> None:
    for path in ("/", "/healthz", f"{API}/status", "/none"):
        headers = consoles.held.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
