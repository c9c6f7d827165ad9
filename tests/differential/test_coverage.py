"""The generators reach every reject that the built-ins can emit and every public method."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from comparison import Side
from generators import AREAS, scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTING = Path(__file__).with_name("listing.py")

#: Scenarios per area after which something that has not shown counts as unreachable.
MOST_SCENARIOS = 2000

#: After so many per area it is looked whether everything has shown.
ROUND = 25

REJECTS = {
    "Engine": {
        ("AccountBlocked", "account is blocked due to kill-switch"),
        ("AccountBlocked", "by hand"),
        ("MissingRequiredField", "account could not be verified as account ID is missing"),
        ("MissingRequiredField", "drop-copy requires a readable account ID"),
        ("SystemUnavailable", "engine is no longer available"),
        ("SystemUnavailable", "mutation finalizer failed"),
    },
    "OrderValidationPolicy": {
        ("InvalidFieldValue", "order quantity must be non-zero"),
        ("InvalidFieldValue", "order volume must be non-zero"),
        ("MissingRequiredField", "failed to access required field 'trade amount'"),
    },
    "RateLimitPolicy": {
        ("MissingRequiredField", "failed to access required field 'account ID'"),
        ("MissingRequiredField", "failed to access required field 'instrument'"),
        ("RateLimitExceeded", "rate limit exceeded: account barrier"),
        ("RateLimitExceeded", "rate limit exceeded: account+asset barrier"),
        ("RateLimitExceeded", "rate limit exceeded: asset barrier"),
        ("RateLimitExceeded", "rate limit exceeded: broker barrier"),
    },
    "OrderSizeLimitPolicy": {
        ("MissingRequiredField", "failed to access required field 'account ID'"),
        ("MissingRequiredField", "failed to access required field 'instrument'"),
        ("MissingRequiredField", "failed to access required field 'trade amount'"),
        ("OrderExceedsLimit", "order size exceeded"),
        ("OrderNotionalExceedsLimit", "order notional exceeded"),
        ("OrderQtyExceedsLimit", "order quantity exceeded"),
        ("OrderValueCalculationFailed", "order value calculation failed"),
    },
    "PnlBoundsKillSwitchPolicy": {
        ("AccountBlocked", "pnl kill switch triggered: account + asset barrier"),
        ("AccountBlocked", "pnl kill switch triggered: broker barrier"),
        ("MissingRequiredField", "failed to access required field 'P&L'"),
        ("MissingRequiredField", "failed to access required field 'account ID'"),
        ("MissingRequiredField", "failed to access required field 'instrument'"),
        ("OrderValueCalculationFailed", "pnl accumulation overflow"),
        ("PnlKillSwitchTriggered", "pnl kill switch triggered"),
        ("PnlKillSwitchTriggered", "pnl kill switch triggered: account + asset barrier"),
        ("PnlKillSwitchTriggered", "pnl kill switch triggered: broker barrier"),
    },
    "SpotFundsPolicy": {
        ("AccountAdjustmentBoundsExceeded", "account adjustment bounds exceeded"),
        ("AccountBlocked", "account pnl calculation halted"),
        ("AccountBlocked", "pnl barrier currency mismatch"),
        ("AccountBlocked", "pnl kill switch triggered"),
        ("ArithmeticOverflow", "arithmetic overflow"),
        ("InsufficientFunds", "spot funds insufficient"),
        ("MarkPriceUnavailable", "mark price unavailable"),
        ("MissingRequiredField", "failed to access required field 'account ID'"),
        ("MissingRequiredField", "failed to access required field 'balance asset'"),
        ("MissingRequiredField", "failed to access required field 'instrument'"),
        ("MissingRequiredField", "failed to access required field 'order finality'"),
        (
            "MissingRequiredField",
            "failed to access required field 'remaining reserved quantity'",
        ),
        ("MissingRequiredField", "failed to access required field 'side'"),
        ("MissingRequiredField", "failed to access required field 'trade amount'"),
        ("MissingRequiredField", "limit price is required for drop-copy"),
        ("MissingRequiredField", "pre-trade lock has no price for settlement fill"),
        ("MissingRequiredField", "pre-trade lock has no price for settlement release"),
        ("OrderValueCalculationFailed", "order value calculation failed"),
        ("OrderValueCalculationFailed", "price calculation failed"),
        (
            "Other",
            (
                "pre-trade lock has multiple prices for settlement fill; "
                "two SpotFundsPolicies share a group_id"
            ),
        ),
        (
            "Other",
            (
                "pre-trade lock has multiple prices for settlement release; "
                "two SpotFundsPolicies share a group_id"
            ),
        ),
        ("PnlKillSwitchTriggered", "account pnl calculation halted"),
        ("PnlKillSwitchTriggered", "pnl barrier currency mismatch"),
        ("PnlKillSwitchTriggered", "pnl kill switch triggered"),
        ("PositionLimitExceeded", "position limit exceeded"),
        ("UnsupportedOrderType", "market orders not supported"),
    },
}

#: Details of the overflow rejects: each stage of spot funds that can overflow.
OVERFLOWS = {
    "account adjustment delta overflow",
    "account adjustment net-position overflow",
    "account adjustment overflow",
    "cancel release overflow",
    "fill leg mutation overflow",
    "fill notional volume overflow",
    "position-limit arithmetic failure",
    "pre-trade hold overflow",
    "pre-trade incoming overflow",
    "settlement notional overflow",
}

HALTS = {
    "ARITHMETIC_OVERFLOW",
    "MISSING_ACCOUNT_CURRENCY",
    "MISSING_COST_BASIS",
    "MISSING_FX",
}

#: Classes of which a user reads no attribute and calls no method.
ONLY_CONSTRUCTED = frozenset({"Policy"})

pytestmark = [pytest.mark.reference, pytest.mark.one_python]


class Reached:
    """What the scenarios reached on the reference."""

    def __init__(self) -> None:
        self.rejects: set[tuple[str, str, str]] = set()
        #: The same without the area where custom policies borrow the names of built-ins.
        self.own_rejects: set[tuple[str, str, str]] = set()
        self.details: set[str] = set()
        self.halts: set[str] = set()
        self.names: set[str] = set()

    def note(self, area: str, answer: Any) -> None:
        for kind, content in _tagged(answer):
            if kind in {"Reject", "AccountBlock"}:
                reject = (content["policy"], content["code"], content["reason"])
                self.rejects.add(reject)
                if area != "custom":
                    self.own_rejects.add(reject)
                self.details.add(re.split("[:,]", content["details"])[0])
            elif kind == "PnlHaltReason":
                self.halts.add(content.removeprefix("PnlHaltReason."))

    def emitted(self, policy: str) -> set[tuple[str, str]]:
        return {(code, reason) for name, code, reason in self.rejects if name == policy}

    def everything(self) -> bool:
        """Whether all that is wanted of the answers has shown."""
        return (
            all(wanted <= self.emitted(policy) for policy, wanted in REJECTS.items())
            and self.details >= OVERFLOWS
            and self.halts >= HALTS
        )


def _tagged(answer: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(answer, dict):
        for value in answer.values():
            yield from _tagged(value)
    elif isinstance(answer, list):
        if len(answer) == 2 and isinstance(answer[0], str):
            yield answer[0], answer[1]
        for value in answer:
            yield from _tagged(value)


@pytest.fixture(scope="module")
def reached(reference: Path) -> Iterator[Reached]:
    side = Side("reference", reference)
    found = Reached()
    for number in range(MOST_SCENARIOS):
        for area in AREAS:
            found.note(area, side.run(scenario(area, f"coverage.{number}")))
        if number % ROUND == ROUND - 1 and found.everything():
            break
    found.names = set(side.run("coverage"))
    yield found
    side.close()


# What is looked for in the same scenarios stands in few tests: each process that takes one of them
# plays all the scenarios.


def test_every_reject_overflow_and_halt_reason_of_the_built_ins_is_reached(
    reached: Reached,
) -> None:
    missing = {policy: REJECTS[policy] - reached.emitted(policy) for policy in REJECTS}
    assert missing == {policy: set() for policy in REJECTS}
    assert OVERFLOWS - reached.details == set()
    assert HALTS - reached.halts == set()


def test_the_built_ins_emit_no_reject_that_is_not_listed(reached: Reached) -> None:
    codes = {policy: {code for code, _ in listed} for policy, listed in REJECTS.items()}
    unknown = {
        (policy, code)
        for policy, code, _ in reached.own_rejects
        if policy in codes and code not in codes[policy]
    }
    assert unknown == set()


def test_every_public_method_and_attribute_is_reached(reference: Path, reached: Reached) -> None:
    done = subprocess.run(
        [sys.executable, str(LISTING), str(reference)],
        capture_output=True,
        text=True,
        check=True,
        cwd=reference,
    )
    members = {
        f"{shape['name']}.{attribute}"
        for names in json.loads(done.stdout).values()
        for shape in names.values()
        if shape["is"] == "class" and shape["name"] not in ONLY_CONSTRUCTED
        for attribute, described in shape["attributes"].items()
        if described["is"] != "constant"
    }
    members |= {
        f"policies.{name}"
        for name, shape in json.loads(done.stdout)["openpit.pretrade.policies"].items()
        if shape["is"] == "function"
    }
    reached_names = {".".join(path.split(".")[-2:]) for path in reached.names}
    assert len(members) == 401
    assert sorted(members - reached_names) == []
