"""Custom policies: rejects, mutations, malformed returns, exceptions, control, re-entrancy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import accounts, domain, numbers, policies
from generators.expressions import (
    Expression,
    Scenario,
    Step,
    call,
    get,
    many,
    on,
    ref,
    seq,
    step,
    v,
)
from generators.flow import PRICES, SIZES, finish
from generators.values import REJECT_CODES

if TYPE_CHECKING:
    from generators.draw import Draw

_HOOKS = (
    "check_pre_trade_start",
    "perform_pre_trade_check",
    "apply_execution_report",
    "apply_account_adjustment",
)
_DRY_HOOKS = ("check_pre_trade_start_dry_run", "perform_pre_trade_check_dry_run")


def generate(random: Draw) -> Scenario:
    steps: Scenario = [
        step(domain.order(random, gaps=0.02, sizes=SIZES, prices=PRICES), "o1"),
        step(
            call(
                ["class", "Order", {}],
                operation=domain.order_operation(random, gaps=0.0, sizes=SIZES, prices=PRICES),
            ),
            "o2",
        ),
        step(["set", v("o2"), "desk", "rates"]),
    ]
    with random.dialled(0.06 if random.chance(0.1) else 0.0):
        chosen = [policy(random, f"P{number}") for number in range(random.choice((1, 1, 2, 2, 3)))]
        if random.chance(0.4):
            chosen.extend(random.sample(policies.simple(random), 1))
        if random.chance(0.2):
            chosen.append(policies.spot_funds(random))
        random.shuffle(chosen)
    steps.append(step(domain.engine(random, chosen), "e"))
    if random.chance(0.5):
        steps.append(
            step(on(domain.accounts(), "register_group", many([domain.account(random)]), 1))
        )
    for number in range(random.randint(6, 22)):
        random.turn()
        steps.extend(_turn(random, number))
    return steps


def _turn(random: Draw, number: int) -> list[Step]:
    form = random.random()
    order = random.choice((v("o1"), v("o2"), domain.order(random, sizes=SIZES, prices=PRICES)))
    if form < 0.32:
        name = f"x{number}"
        steps = [step(on(v("e"), "execute_pre_trade", order), name)]
        return steps + finish(random, get(v(name), "reservation"), name)
    if form < 0.42:
        name = f"s{number}"
        started = step(on(v("e"), "start_pre_trade", order), name)
        executed = step(on(get(v(name), "request"), "execute"), f"x{number}")
        between = [step(accounts.operation(random))] if random.chance(0.3) else []
        handle = get(v(f"x{number}"), "reservation")
        return [started, *between, executed, *finish(random, handle, f"x{number}")]
    if form < 0.54:
        name = f"d{number}"
        steps = [step(on(v("e"), "apply_drop_copy", order), name)]
        return steps + finish(random, get(v(name), "operation"), name)
    if form < 0.66:
        return [step(on(v("e"), "apply_execution_report", domain.report(random, pnls=None)))]
    if form < 0.78:
        return [step(adjustment_batch(random))]
    if form < 0.86:
        method = random.choice(("start_pre_trade_dry_run", "execute_pre_trade_dry_run"))
        return [step(on(v("e"), method, order))]
    if form < 0.93:
        return [step(on(domain.accounts(), "unblock_all")), step(accounts.operation(random))]
    return [step(_later_use(random))]


def adjustment_batch(random: Draw) -> Expression:
    made = [
        call(
            "AccountAdjustment",
            operation=call("AccountAdjustmentBalanceOperation", asset=random.choice(domain.ASSETS)),
            amount=call(
                "AccountAdjustmentAmount",
                balance=call("AdjustmentAmount.delta", random.choice(SIZES)),
            ),
        )
        for _ in range(random.choice((0, 1, 1, 2, 3)))
    ]
    if random.fault():
        made.append(random.choice((1, None, ["obj", {}])))
    batch = many(made, random.choice(("list", "list", "tuple", "iter")))
    account = random.odd((domain.account(random),), (1, None))
    return on(v("e"), "apply_account_adjustment", account, batch)


def _later_use(random: Draw) -> Expression:
    """What a callback kept, used after the call that gave it."""
    return random.choice(
        (
            on(v("control"), "block", domain.block(random)),
            get(v("context"), "account_control"),
            get(v("context"), "account_group"),
            get(v("context"), "is_drop_copy"),
            on(v("context"), "record_drop_copy_start_mutation", mutation(random, "late")),
            v("seen"),
            ["drop", "control"],
            ["drop", "context"],
        )
    )


def policy(random: Draw, name: str) -> Expression:
    specification: dict[str, Expression] = {"name": name}
    if random.fault():
        specification["name"] = random.choice((1, None, "P0", "", "RateLimitPolicy", "\ud800"))
    if random.fault():
        specification["nameless"] = True
    if random.chance(0.4):
        specification["group"] = random.odd((0, 1, 2, 3, 65535), (-1, 65536, "1", None, 1.5, True))
    derived = random.chance(0.8)
    specification["derived"] = derived
    hooks: dict[str, list[Expression]] = {}
    for hook in _HOOKS:
        if random.chance(0.7) or (not derived and not random.fault()):
            hooks[hook] = behaviours(random, hook, name)
    for hook in _DRY_HOOKS:
        if random.chance(0.2):
            hooks[hook] = behaviours(random, hook.removesuffix("_dry_run"), name)
    specification["hooks"] = hooks
    return ["policy", specification]


def behaviours(random: Draw, hook: str, name: str) -> list[Expression]:
    maker = {
        "check_pre_trade_start": _start,
        "perform_pre_trade_check": _main,
        "apply_execution_report": _report,
        "apply_account_adjustment": _adjust,
    }[hook]
    made = []
    for number in range(random.randint(1, 4)):
        answer = maker(random, f"{name}.{hook[:5]}.{number}")
        before = _before(random, hook, f"{name}.{hook[:5]}.{number}")
        made.append(seq(before, answer) if before is not None else answer)
    return made


def _before(random: Draw, hook: str, tag: str) -> Expression | None:
    """What a callback does before it answers."""
    form = random.random()
    if form < 0.75:
        return None
    if form < 0.80:
        return random.choice(
            (["keep", "context", v("ctx")], ["keep", "control", get(v("ctx"), "account_control")])
        )
    if form < 0.87 and hook != "apply_execution_report":
        return ["try", on(get(v("ctx"), "account_control"), "block", domain.block(random))]
    if form < 0.91 and hook == "perform_pre_trade_check":
        return ["keep", "seen", v("order")]
    if form < 0.95:
        return ["try", on(v("ctx"), "record_drop_copy_start_mutation", mutation(random, tag))]
    return ["once", tag, ["try", _reentry(random)]]


def _reentry(random: Draw) -> Expression:
    return random.choice(
        (
            on(v("e"), "execute_pre_trade", v("o1")),
            on(v("e"), "start_pre_trade", v("o2")),
            on(v("e"), "execute_pre_trade_dry_run", v("o1")),
            on(v("e"), "apply_drop_copy", v("o2")),
            on(v("e"), "apply_execution_report", domain.report(random, filled=0.0)),
            accounts.operation(random),
            accounts.operation(random),
            policies.reconfiguration(random, ("rate", "size", "pnl", "spot")),
            adjustment_batch(random),
            _kept_handle(random),
            _kept_handle(random),
        )
    )


def _kept_handle(random: Draw) -> Expression:
    """A handle of an earlier step, if that step had one, used from inside another call."""
    number = random.randrange(8)
    verb = random.choice(("commit", "rollback"))
    return random.choice(
        (
            on(get(v(f"x{number}"), "reservation"), verb),
            on(get(v(f"d{number}"), "operation"), verb),
            on(get(v(f"s{number}"), "request"), "execute"),
        )
    )


def mutation(random: Draw, tag: str) -> Expression:
    bodies: list[Expression] = []
    for _ in range(2):
        form = random.random()
        if form < 0.88:
            bodies.append(None)
        elif form < 0.94:
            bodies.append(["raise", random.choice(("ValueError", "BoomError")), f"{tag} failed"])
        elif form < 0.96:
            bodies.append(["raise", random.choice(("KeyboardInterrupt", "SystemExit")), "stop"])
        else:
            bodies.append(["once", f"{tag}.again", ["try", _reentry(random)]])
    functions = [["fn", f"{tag}.commit", bodies[0]], ["fn", f"{tag}.rollback", bodies[1]]]
    if random.chance(0.02):
        functions[random.randrange(2)] = random.choice((None, 1))
    if random.chance(0.1):
        return ["obj", {"commit": functions[0], "rollback": functions[1]}]
    return call("Mutation", *functions)


def mutations(random: Draw, tag: str) -> Expression:
    made = [
        mutation(random, f"{tag}.m{number}") for number in range(random.choice((0, 0, 1, 1, 2)))
    ]
    if random.chance(0.01):
        made.append(random.choice((1, None, ["trap"], ["obj", {"commit": None}])))
    return many(made, random.choice(("list", "tuple", "iter")))


def reject(random: Draw) -> Expression:
    code = random.choice(("Other", "Custom", "SystemUnavailable", random.choice(REJECT_CODES)))
    scope = random.choice(("order", "order", "account"))
    fields: dict[str, Expression] = {
        "code": code,
        "reason": random.choice(("why", "")),
        "details": random.choice(("how", "")),
    }
    user_data = random.choice((0, 1, 7, 2**64 - 1))
    if random.chance(0.85):
        named = (
            {"scope": ref(f"pretrade.RejectScope.{scope.upper()}")} if random.chance(0.8) else {}
        )
        if random.chance(0.3):
            named["user_data"] = user_data
        return call("pretrade.PolicyReject", **fields, **named)
    fields["scope"] = scope
    if random.chance(0.5):
        fields["user_data"] = random.choice((user_data, -1, 2**64, "1", None, True, 1.0))
    if random.chance(0.4):
        victim = random.choice(list(fields))
        if random.chance(0.3):
            del fields[victim]
        else:
            fields[victim] = random.choice((1, None, "zzz", ref("pretrade.RejectCode.OTHER")))
    return ["obj", fields]


def rejects(random: Draw) -> Expression:
    made = [reject(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    if random.chance(0.02):
        made.append(random.choice((1, None, "x")))
    return many(made, random.choice(("list", "list", "tuple", "iter")))


def _raise(random: Draw, tag: str) -> Expression:
    kind = random.choice(
        ("ValueError", "BoomError", "RuntimeError", "KeyboardInterrupt", "SystemExit")
    )
    return ["raise", kind, f"{tag} raised"]


def _start(random: Draw, tag: str) -> Expression:
    form = random.random()
    if form < 0.55:
        return random.choice((None, ["list"], ["tuple"], ["iter"]))
    if form < 0.85:
        return rejects(random)
    if form < 0.92:
        return _raise(random, tag)
    return random.choice(
        (1, "", "x", True, ["trap"], many([["trap"]]), ["obj", {}], reject(random))
    )


def entry(random: Draw) -> Expression:
    fields: dict[str, Expression] = {"asset": random.choice(domain.ASSETS)}
    for name in ("balance", "held", "incoming"):
        if random.chance(0.4):
            fields[name] = call(
                "pretrade.OutcomeAmount",
                delta=numbers.plain(random),
                absolute=numbers.plain(random),
            )
    if random.chance(0.2):
        fields["realized_pnl"] = call(
            "pretrade.PnlOutcome",
            **random.choice(
                (
                    {"halt_reason": policies.halt_reason(random)},
                    {"pnl": call("pretrade.PnlOutcomeAmount", delta="-1.50", absolute="2")},
                )
            ),
        )
    if random.chance(0.2):
        fields["average_entry_price"] = numbers.plain(random)
    if random.chance(0.02):
        return random.choice((1, None, ["obj", fields], ["obj", {}]))
    return call("pretrade.AccountOutcomeEntry", **fields)


def entries(random: Draw) -> Expression:
    made = [entry(random) for _ in range(random.choice((0, 1, 2)))]
    return many(made, random.choice(("list", "tuple", "iter")))


def prices(random: Draw) -> Expression:
    made: list[Expression] = []
    for _ in range(random.choice((0, 1, 1, 2))):
        price = numbers.signed(random)
        made.append(random.choice((price, call("param.Price", price), numbers.plain(random))))
    if random.chance(0.02):
        made.append(numbers.raw(random, "Price"))
    return many(made, random.choice(("list", "tuple", "iter")))


def _main(random: Draw, tag: str) -> Expression:
    form = random.random()
    result = "pretrade.PolicyPreTradeResult"
    if form < 0.45:
        named: dict[str, Expression] = {}
        if random.chance(0.7):
            named["mutations"] = mutations(random, tag)
        if random.chance(0.4):
            named["account_adjustments"] = entries(random)
        if random.chance(0.4):
            named["lock_prices"] = prices(random)
        return call(f"{result}.accept", **named)
    if form < 0.65:
        named = {"rejects": rejects(random) if random.chance(0.9) else ["list"]}
        if random.chance(0.5):
            named["mutations"] = mutations(random, tag)
        if random.chance(0.2):
            named["account_adjustments"] = entries(random)
        if random.chance(0.2):
            named["lock_prices"] = prices(random)
        return call(f"{result}.reject", **named)
    if form < 0.75:
        decision = "pretrade.PolicyDecision"
        return random.choice(
            (
                call(f"{decision}.accept", mutations(random, tag)),
                call(f"{decision}.reject", rejects(random), mutations(random, tag)),
                call(decision),
            )
        )
    if form < 0.83:
        return _raise(random, tag)
    return random.choice(
        (
            None,
            1,
            "x",
            True,
            ["trap"],
            ["list"],
            many([reject(random)]),
            ["obj", {}],
            ["obj", {"rejects": ["list"]}],
            ["obj", {"mutations": ["list"]}],
            ["obj", {"rejects": None, "mutations": None}],
            ["obj", {"rejects": rejects(random), "mutations": ["list"]}],
            ["obj", {"rejects": 1, "mutations": ["list"]}],
            ["obj", {"lock_prices": prices(random)}],
            ["obj", {"account_adjustments": entries(random)}],
            ["obj", {"rejects": ["list"], "mutations": mutations(random, tag), "lock_prices": 1}],
            ["obj", {"rejects": ["list"], "mutations": ["list"], "account_adjustments": None}],
        )
    )


def _report(random: Draw, tag: str) -> Expression:
    form = random.random()
    if form < 0.3:
        return None
    if form < 0.75:
        named: dict[str, Expression] = {}
        if random.chance(0.4):
            count = random.choice((1, 1, 2))
            named["account_blocks"] = many([domain.block(random) for _ in range(count)])
        if random.chance(0.4):
            named["account_pnls"] = many(
                [
                    call(
                        "pretrade.AccountPnlOutcome",
                        policy_group_id=random.choice((0, 9)),
                        account_id=domain.account(random),
                        halt_reason=policies.halt_reason(random),
                    )
                ]
            )
        if random.chance(0.4):
            named["account_adjustments"] = many(
                [call("pretrade.AccountAdjustmentOutcome", policy_group_id=7, entry=entry(random))]
            )
        return call("pretrade.PostTradeResult", **named)
    if form < 0.85:
        return _raise(random, tag)
    empty: dict[str, Expression] = {
        "account_blocks": ["list"],
        "account_pnls": ["list"],
        "account_adjustments": ["list"],
    }
    return random.choice(
        (
            True,
            False,
            1,
            "x",
            ["trap"],
            ["list"],
            ["obj", {}],
            ["obj", empty],
            ["obj", empty | {"account_blocks": None}],
            ["obj", empty | {"account_blocks": ["list", 1]}],
            ["obj", empty | {"account_blocks": many([domain.block(random)], "iter")}],
            ["obj", {"account_blocks": ["list"]}],
        )
    )


def _adjust(random: Draw, tag: str) -> Expression:
    form = random.random()
    if form < 0.75:
        named: dict[str, Expression] = {}
        if random.chance(0.25):
            named["rejects"] = rejects(random)
        if random.chance(0.5):
            named["mutations"] = mutations(random, tag)
        if random.chance(0.3):
            named["account_adjustments"] = entries(random)
        if random.chance(0.2):
            named["account_blocks"] = many([domain.block(random)])
        return call("pretrade.PolicyAccountAdjustmentResult", **named)
    if form < 0.85:
        return _raise(random, tag)
    full: dict[str, Expression] = {
        "rejects": ["list"],
        "mutations": ["list"],
        "account_adjustments": ["list"],
        "account_blocks": ["list"],
    }
    return random.choice(
        (
            None,
            1,
            True,
            ["trap"],
            ["list"],
            ["obj", {}],
            ["obj", full],
            ["obj", full | {"account_blocks": ["list", 1]}],
            ["obj", full | {"mutations": None}],
            ["obj", {"rejects": ["list"], "mutations": ["list"]}],
        )
    )
