"""What the FIX gateway answers, and what it holds: one desk, orders told one by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from gateway_alone import ACCOUNT, Desk, Holding, answers_in, fix, placed, reported

from fix_gateway import orders
from fix_gateway.codes import ORD_REJ_REASON
from fix_gateway.fields import MOST_TEXT
from fix_gateway.frames import GarbledError, framed
from openpit.param import AccountId
from openpit.pretrade import RejectCode

FILL = "17=X1|32=20|31=59|14=20|151=30|6=59"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def picked(answer: dict[int, str], *tags: int) -> tuple[str | None, ...]:
    return tuple(answer.get(tag) for tag in tags)


def test_an_order_that_passes_goes_to_the_venue_and_is_pending(desk: Desk) -> None:
    to_venue, to_client = desk.ask(placed())

    assert picked(to_venue, 35, 49, 56, 115) == ("D", "GATEWAY", "VENUE", "ALPHA")
    assert picked(to_venue, 11, 1, 55, 54, 38, 40, 44, 15) == (
        *("C1", "A1", "KO", "1"),
        *("50", "2", "60", "USD"),
    )
    assert picked(to_client, 35, 49, 56) == ("8", "GATEWAY", "ALPHA")
    assert picked(to_client, 150, 39, 11, 37) == ("A", "A", "C1", "A1-C1")
    assert picked(to_client, 38, 151, 14, 6, 17) == ("50", "50", "0", "0", "ALPHA-7")
    assert desk.holding("USD") == Holding("7000", "3000")


def test_an_order_over_the_funds_is_rejected_and_holds_nothing(desk: Desk) -> None:
    (answer,) = desk.ask(placed(changed="38=500"))

    assert picked(answer, 35, 56, 150, 39, 103, 37) == ("8", "ALPHA", "8", "8", "3", "NONE")
    assert picked(answer, 11, 151, 14) == ("C1", "0", "0")
    assert answer[58].startswith("InsufficientFunds: ")
    assert desk.holding("USD") == Holding("10000", "0")


def test_a_filled_order_is_settled_and_its_fee_paid(desk: Desk) -> None:
    desk.ask(placed())
    (new,) = desk.ask(reported("0"))
    (partial,) = desk.ask(reported("F", f"{FILL}|12=1.5|13=3"))
    (rest,) = desk.ask(reported("F", "17=X2|39=2|32=30|31=60|14=50|151=0|6=59.6"))

    # The venue's report with the gateway's id for the order; the venue's own is the second.
    assert picked(new, 35, 56, 150, 11, 37, 198) == ("8", "ALPHA", "0", "C1", "A1-C1", "V1")
    assert picked(partial, 150, 32, 31, 14, 151) == ("F", "20", "59", "20", "30")
    assert picked(rest, 39, 151) == ("2", "0")
    # 10000 - 20 x 59 - 30 x 60 - 1.5
    assert desk.holding("USD") == Holding("7018.5", "0")
    assert desk.holding("KO") == Holding("150", "0")


def test_a_fill_may_come_before_the_venue_has_said_that_it_has_the_order(desk: Desk) -> None:
    desk.ask(placed())
    desk.ask(reported("F", FILL))
    (late,) = desk.ask(reported("0", "14=20|151=30|6=59"))

    assert late[150] == "0"
    assert desk.holding("USD") == Holding("7020", "1800")


def test_a_commission_that_is_a_rate_is_no_fee(desk: Desk) -> None:
    desk.ask(placed())
    desk.ask(reported("F", f"{FILL}|12=1.5|13=2"))

    assert desk.holding("USD") == Holding("7020", "1800")


@pytest.mark.parametrize("kind", ["4", "8", "C"])
def test_an_order_that_the_venue_never_had_gives_back_all(desk: Desk, kind: str) -> None:
    desk.ask(placed())
    (answer,) = desk.ask(reported(kind, "151=0"))

    assert picked(answer, 35, 56, 150) == ("8", "ALPHA", kind)
    assert desk.holding("USD") == Holding("10000", "0")


def test_a_cancelled_order_gives_back_what_was_not_filled(desk: Desk) -> None:
    desk.ask(placed())
    desk.ask(reported("F", FILL))
    to_venue, pending = desk.ask("35=F|41=C1|11=C2|1=A1|55=KO|54=1|60=20261130-09:00:00")
    (done,) = desk.ask(reported("4", "11=C2|41=C1|14=20|151=0|6=59"))

    assert picked(to_venue, 35, 56, 41, 11) == ("F", "VENUE", "C1", "C2")
    assert picked(pending, 150, 39, 11, 41, 37) == ("6", "6", "C2", "C1", "A1-C1")
    assert picked(pending, 38, 14, 151, 6) == ("50", "20", "30", "59")
    assert picked(done, 150, 11, 41) == ("4", "C2", "C1")
    assert desk.holding("USD") == Holding("8820", "0")


def test_an_order_whose_cancel_the_venue_refuses_can_be_cancelled_again(desk: Desk) -> None:
    cancel = "35=F|41=C1|1=A1|55=KO|54=1|60=20261130-09:00:00|11="
    desk.ask(placed())
    desk.ask(reported("0"))
    desk.ask(f"{cancel}C2")
    (twice,) = desk.ask(f"{cancel}C3")
    (refused,) = desk.ask("35=9|37=V1|11=C2|41=C1|39=0|434=1|102=0|1=A1")
    again = desk.ask(f"{cancel}C4")

    assert picked(twice, 35, 102, 39, 37, 434) == ("9", "3", "0", "A1-C1", "1")
    assert picked(refused, 35, 56, 11, 37, 198) == ("9", "ALPHA", "C2", "A1-C1", "V1")
    assert [answer[35] for answer in again] == ["F", "8"]


def test_a_report_that_comes_again_changes_nothing(desk: Desk) -> None:
    desk.ask(placed())
    desk.ask(reported("F", FILL))
    before = desk.state()

    assert desk.ask(reported("F", FILL)) == []
    assert desk.state() == before


CANCEL = {41: "C1", 11: "C2", 1: "A1", 55: "KO", 54: "1", 60: "20261130-09:00:00"}


def cancel(**changed: str) -> str:
    fields = {f"t{tag}": value for tag, value in CANCEL.items()} | changed
    return "|".join(["35=F", *(f"{tag[1:]}={value}" for tag, value in fields.items() if value)])


# A message to a desk with a working order C1 of 50 KO, 20 filled, and an ended one C0; what it is
# refused with: MsgType, the reason's tag and value, and a part of the text.
REFUSED = [
    # NewOrderSingle
    (placed("C1"), "8", 103, "6", "ClOrdID C1 is taken"),
    (placed("C9", "54=5"), "8", 103, "11", "Side (54) 5 is not taken"),
    (placed("C9", "40=3"), "8", 103, "11", "OrdType (40) 3 is not taken"),
    (placed("C9", "38=0"), "8", 103, "99", "quantity"),
    (placed("C9", "38=6000"), "8", 103, "3", "OrderExceedsLimit"),
    (placed("C9", "40=1"), "8", 103, "0", ""),
    (placed("C9", left_out=[11]), "3", 373, "1", "ClOrdID (11) is missing"),
    (placed("C9", left_out=[54]), "3", 373, "1", "Side (54) is missing"),
    (placed("C9", left_out=[44]), "3", 373, "1", "Price (44) is missing"),
    (placed("C9", left_out=[60]), "3", 373, "1", "TransactTime (60) is missing"),
    (placed("C9", left_out=[1]), "j", 380, "5", "Account (1) is missing"),
    (placed("C9", left_out=[15]), "j", 380, "5", "Currency (15) is missing"),
    (placed("C9", "54=Z"), "3", 373, "5", "Side (54) has no value Z"),
    (placed("C9", "38=-5"), "3", 373, "5", "OrderQty (38): "),
    (placed("C9", "38=ten"), "3", 373, "6", "OrderQty (38) is no number: ten"),
    (placed("C9", "44=1e3"), "3", 373, "6", "Price (44) is no number: 1e3"),
    (placed("C9", "44=1_000"), "3", 373, "6", "Price (44) is no number"),
    (placed("C9", "44=NaN"), "3", 373, "6", "Price (44) is no number"),
    (placed("C9", "60=today"), "3", 373, "6", "TransactTime (60) is no UTC time: today"),
    (placed("C9", "11= "), "3", 373, "6", "ClOrdID (11) is no printable text"),
    (placed("é"), "3", 373, "6", "ClOrdID (11) is no printable text"),
    (placed("C" * (MOST_TEXT + 1)), "3", 373, "5", "ClOrdID (11) has more than 64 bytes"),
    (placed("C9", "44="), "3", 373, "4", "Price (44) has no value"),
    (placed("C9") + "|11=C8", "3", 373, "13", "ClOrdID (11) comes more than once"),
    (placed("C9") + "|49=BETA", "3", 373, "14", "SenderCompID (49) of the header"),
    (placed("C9") + "|x=1", "3", 373, "0", "tag is no number"),
    (placed("C9") + "|-5=1", "3", 373, "0", "a field has the tag -5"),
    (placed("C9") + "|+58=1", "3", 373, "0", "not written as tag=value"),
    (placed("C9") + "|10=000|58=1", "3", 373, "14", "CheckSum (10) is not the last field"),
    (placed("C9") + "|95=999|96=data", "3", 373, "99", "the last field is cut off"),
    (placed("C9") + "|95=x|96=data", "3", 373, "6", "length of a data field"),
    (placed("C9", "1=B2"), "j", 380, "0", "Account (1) is B2, but the message came for another"),
    ("35=D|49=VENUE|" + placed("C9")[5:], "3", 373, "9", "is not for this SenderCompID"),
    ("35=G|1=A1|11=C9", "j", 380, "3", "MsgType (35) G is not taken"),
    # OrderCancelRequest
    (cancel(t41="C7"), "9", 102, "1", "there is no order C7"),
    (cancel(t11="C0"), "9", 102, "6", "ClOrdID C0 is taken"),
    (cancel(t41="C0"), "9", 102, "0", "order C0 has ended"),
    (cancel(t54="2"), "9", 102, "99", "Side is 2, the order is to buy"),
    (cancel(t55="AAPL"), "9", 102, "99", "Symbol is AAPL, the order's is KO"),
    (cancel(t41=""), "3", 373, "1", "OrigClOrdID (41) is missing"),
    # ExecutionReport
    (reported("F", "11=C7"), "Q", 127, "D", "there is no order C7"),
    (reported("F", "11=C0"), "Q", 127, "D", "order C0 has ended"),
    (reported("F", "55=AAPL"), "Q", 127, "A", "Symbol is AAPL"),
    (reported("F", "54=2"), "Q", 127, "B", "Side is 2"),
    (reported("F", "32=31|31=60|14=51|151=0"), "Q", 127, "C", "LastQty is 31, but 30 of the order"),
    (reported("F", "32=5|31=60|14=25|151=24"), "Q", 127, "Z", "but by the reports so far"),
    (reported("F", "31=60"), "3", 373, "1", "LastQty (32) is missing"),
    (reported("F", "31=60|32=0"), "3", 373, "5", "LastQty (32) is zero"),
    (reported("F", "32=5|31=60|14=25|151=25|12=x|13=3"), "3", 373, "6", "Commission (12)"),
    (reported("0", "11=C7"), "j", 380, "1", "there is no order C7"),
    (reported("0", "11=C0"), "j", 380, "1", "order C0 has ended"),
    (
        reported("0", "17=X2"),
        "j",
        380,
        "0",
        "CumQty is 0 and LeavesQty 50, but by",
    ),
    (reported("4", "151=0|17=X2"), "j", 380, "0", "they are 20 and 0 of order C1"),
    (reported("4", "14=x"), "3", 373, "6", "CumQty (14) is no number"),
    (reported("4", "14=-1"), "3", 373, "5", "CumQty (14) is negative"),
    (reported("G"), "j", 380, "0", "ExecType (150) G is not taken"),
    (reported("Z"), "3", 373, "5", "ExecType (150) has no value Z"),
    (reported("F", left_out=[17]), "3", 373, "1", "ExecID (17) is missing"),
    (reported("F", left_out=[11]), "j", 380, "5", "ClOrdID (11) is missing"),
    ("35=8|49=ALPHA|" + reported("F", FILL)[5:], "3", 373, "9", "is not for this SenderCompID"),
    # OrderCancelReject
    ("35=9|37=V1|11=C2|41=C1|39=0|434=1|102=0|1=A1", "j", 380, "1", "C2 is not to cancel"),
]


def sender_of(text: str) -> str:
    """Return who sends a message, whatever it says behind its header."""
    return fix(text).split(b"\x01")[3].decode().removeprefix("49=")


@pytest.mark.parametrize(("text", "kind", "tag", "reason", "words"), REFUSED)
def test_what_is_refused_has_changed_nothing(
    desk: Desk, text: str, kind: str, tag: int, reason: str, words: str
) -> None:
    desk.ask(placed("C0"))
    desk.ask(reported("8", "11=C0|151=0"))
    desk.ask(placed())
    desk.ask(reported("F", f"{FILL}|17=X0"))
    before = desk.state()

    (answer,) = desk.ask(text)

    assert picked(answer, 35, tag) == (kind, reason)
    assert words in answer[58]
    assert answer[56] == (sender_of(text))
    assert desk.state() == before


@pytest.mark.parametrize("kind", ["3", "j", "Q"])
def test_a_refusal_is_not_refused(desk: Desk, kind: str) -> None:
    assert desk.receive(fix(f"35={kind}|45=1|372=D|58=no")) is None


def test_a_message_for_somebody_else_is_refused(desk: Desk) -> None:
    other = fix(placed()).replace(b"56=GATEWAY", b"56=ANOTHER")
    (answer,) = answers_in(desk.receive(framed(other[other.index(b"35=") : -len(b"10=000|")])))

    assert picked(answer, 35, 371, 373) == ("3", "56", "9")


def test_another_clients_order_cannot_be_cancelled(desk: Desk) -> None:
    desk.ask(placed())
    (answer,) = desk.ask("35=F|49=BETA|" + cancel().removeprefix("35=F|"))

    assert picked(answer, 35, 56, 102, 37) == ("9", "BETA", "1", "NONE")


def test_a_message_that_is_not_whole_is_nobodys_to_answer(desk: Desk) -> None:
    with pytest.raises(GarbledError, match=r"CheckSum \(10\) is \d{3}, but the bytes give \d{3}"):
        desk.receive(fix(placed()).replace(b"38=50", b"38=90"))
    assert desk.alone.calls == 0


def test_two_accounts_of_one_number_are_not_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ask(placed())
    monkeypatch.setattr(AccountId, "from_string", staticmethod(lambda _: ACCOUNT))

    (answer,) = desk.ask(placed("C2", "1=Z9"))

    assert picked(answer, 35, 380) == ("j", "0")
    assert answer[58] == "accounts A1 and Z9 have one number: rename one of them"


def test_the_ids_of_an_account_are_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST_IDS", 3)
    taken = [desk.ask(placed(f"C{number}", "38=1"))[-1][150] for number in range(3)]

    (order,) = desk.ask(placed("C3", "38=1"))
    (request,) = desk.ask(cancel(t41="C0", t11="C4"))

    assert taken == ["A", "A", "A"]
    assert picked(order, 103) == ("0",)
    assert picked(request, 102) == ("2",)
    assert "has used" in order[58]


def test_a_rejected_order_has_used_its_id(desk: Desk) -> None:
    desk.ask(placed("C1", "38=500"))
    (answer,) = desk.ask(placed("C1"))

    assert answer[103] == "6"


def test_every_code_of_the_engine_has_a_reason() -> None:
    assert set(ORD_REJ_REASON) == set(RejectCode)
    assert set(ORD_REJ_REASON.values()) <= {*range(16), 99}


def test_the_page_has_every_code_with_its_reason() -> None:
    page = Path(__file__).parents[2] / "docs" / "fix_gateway.md"
    said = {}
    for line in page.read_text().partition("OrdRejReason` (103), the first")[2].splitlines():
        reason, _, codes = line.removeprefix("| ").partition(" | ")
        if reason.split(" ")[0].isdigit():
            said |= dict.fromkeys(re.findall(r"`([A-Z]\w+)`", codes), int(reason.split(" ")[0]))
    other = 99
    assert {code: said.get(code, other) for code in ORD_REJ_REASON} == ORD_REJ_REASON
