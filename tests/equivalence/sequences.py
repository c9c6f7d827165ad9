"""Random scenarios for engines of any number of shards: every method, every policy, all accounts.

The language and much of the vocabulary are those of the differential rung. What differs: accounts
of five shards, batches, time that moves, custom policies that keep to one account, handles that
are let go of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import accounts, adjustments, custom, domain, market_data, policies, spot_funds
from generators.draw import Draw
from generators.expressions import Expression, Scenario, call, get, many, on, op, ref, v
from generators.flow import PNLS, finish
from scripted import OWN

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ACCOUNTS", "Session", "scenario"]

ACCOUNTS = (1, 2, 3, 4, 5)
"""One account for each of five shards, and some of each of two and three."""

_SECOND = 1_000_000_000
_TICKS = (1, 600 * _SECOND, 3600 * _SECOND - 1, 3600 * _SECOND, 7200 * _SECOND, 90_000 * _SECOND)
_CALM_PNLS = ("-1", "-0.5", "0", "0.25", "3")
_RAISED = ("ValueError", "decimal", "json", "keyword", "file", "group")
_MARKS: tuple[Expression, ...] = (
    "desk 7",
    7,
    -(2**63) - 1,
    1.5,
    None,
    True,
    ["bytes", "00ff"],
    ["dec", "1.50"],
    ["list", 1, ["tuple", "a", None]],
    call("param.Price", "2.50"),
    call("param.AccountId.from_int", 9),
    ref("param.Side.SELL"),
    *(["own", place] for place in range(len(OWN))),
)


def scenario(seed: str) -> Scenario:
    """Return the scenario that belongs to a seed: the same one always."""
    session = Session(Draw(seed, ACCOUNTS))
    session.open()
    session.play(session.random.randint(40, 90))
    session.end()
    return session.steps


class Session(spot_funds.Desk):
    """One scenario in the making."""

    def __init__(self, random: Draw) -> None:
        super().__init__(random)
        # Batches run past an exception that is none (an interrupt), one engine does not.
        self.batches = random.chance(0.6)
        self.fails = False  # a custom policy's rollback may raise
        self.has_market = False
        self.counts_pnl = False  # the PnL kill switch wants a financial impact in every report

    # --- the engine ------------------------------------------------------------------------------

    def open(self) -> None:
        """Build the engine, feed the market, fund the accounts."""
        random = self.random
        random.faults = 0.02
        self.has_market = random.chance(0.6)
        service = self._market() if self.has_market else None
        if self.has_market and random.chance(0.3):
            self.add(market_data._register(random))
        with random.dialled(0.0):
            chosen: list[Expression] = []
            if random.chance(0.6):
                chosen += policies.simple(random)
                self.counts_pnl = "build_pnl_bounds_killswitch" in str(chosen)
            if random.chance(0.6) or not chosen:
                maker = policies.spot_killswitch if random.chance(0.4) else policies.spot_funds
                chosen.append(maker(random, service, self.group_id or None))
            for number in range(random.choice((0, 0, 0, 1, 1, 2))):
                chosen.append(self._policy(f"P{number}"))
            random.shuffle(chosen)
        self.add(domain.engine(random, chosen), "e")
        self._fund()

    def _policy(self, name: str) -> Expression:
        _, specification = custom.policy(self.random, name)
        specification["group"] = self.random.choice((0, 0, 1, 2))
        specification["late"] = self.random.chance(0.3)
        del specification["derived"]
        specification["hooks"] = {
            hook: [self._local(answer) for answer in answers]
            for hook, answers in specification["hooks"].items()
        }
        return ["policy", specification]

    def _local(self, answer: Expression) -> Expression:
        """Leave out what a policy in another process cannot do: it has no engine to call."""
        if isinstance(answer, dict):
            return {name: self._local(part) for name, part in answer.items()}
        if not isinstance(answer, list) or not answer:
            return answer
        if answer[0] in ("keep", "once"):
            return None
        if answer[0] == "fn" and len(answer) > 2 and answer[2] is not None:
            self.fails = True
        if not all(isinstance(function, list) for function in _functions(answer)):
            self.fails = True  # it cannot be called
        if answer[0] == "raise" and self.batches:
            return ["raise", self.random.choice(_RAISED), answer[2]]
        return [self._local(part) for part in answer]

    # --- turns -----------------------------------------------------------------------------------

    def play(self, turns: int) -> None:
        """Add that many turns."""
        makers, weights = zip(*self._turns(), strict=True)
        for _ in range(turns):
            self.random.turn()
            self.random.choices(makers, weights)[0]()

    def _turns(self) -> list[tuple[Callable[[], None], int]]:
        return [
            (self.place, 24),
            (self.start, 8),
            (self.report, 14),
            (self.plain_report, 5),
            (self.batch if self.batches else self.place, 8),
            (self.report_batch if self.batches else self.plain_report, 4),
            (self.adjust, 7),
            (self.administer, 8),
            (self.relieve, 8),
            (self.configure, 6),
            (self.move_market if self.has_market else self.tick, 9),
            (self.tick, 4),
            (self.let_go, 4),
            (self.misuse, 2),
            (self.look, 4),
            (self.halt, 2),
        ]

    def halt(self) -> None:
        """Stop all orders, or let them pass again."""
        random = self.random
        form = random.random()
        if form < 0.35:
            self.add(on(v("e"), "halt", random.choice(("drill", "", "é", 1))))
        elif form < 0.8:
            self.add(on(v("e"), "resume"))
        self.add(on(v("e"), "halted"))

    def look(self) -> None:
        """Ask for the state of an account."""
        self.add(["state", v("e"), domain.account(self.random)])

    def any_order(self) -> Expression:
        """An order: plain, with gaps, without account, decorated."""
        random = self.random
        form = random.random()
        if form < 0.6:
            return self.order()[0]
        if form < 0.9:
            return domain.order(random, gaps=0.05, sizes=spot_funds.SIZES, prices=spot_funds.PRICES)
        operation = domain.order_operation(
            random, gaps=0.02, sizes=spot_funds.SIZES, prices=spot_funds.PRICES
        )
        if random.chance(0.3):
            operation = ["marked", operation, {"desk": random.choice(_MARKS)}]
        made = call(["class", "Order", {"bare": random.chance(0.1)}], operation=operation)
        return ["marked", made, {"desk": random.choice(_MARKS), "hint": random.choice(_MARKS)}]

    def name(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def start(self) -> None:
        """Two stages, something in between, the request used twice or not at all."""
        random = self.random
        name = self.name()
        self.add(on(v("e"), "start_pre_trade", self.any_order()), name)
        for _ in range(random.choice((0, 0, 1, 1, 2))):
            random.choice((self.administer, self.configure, self.tick, self.adjust))()
        executed = self.name()
        for _ in range(random.choice((0, 1, 1, 1, 1, 2))):
            self.add(on(get(v(name), "request"), "execute"), executed)
        self.extend(finish(random, get(v(executed), "reservation"), executed))
        if random.chance(0.5):
            self.add(["drop", name])

    def place(self) -> None:
        random = self.random
        if random.chance(0.6):
            super().place()
            return
        form = random.random()
        name = self.name()
        if form < 0.6:
            self.add(on(v("e"), "execute_pre_trade", self.any_order()), name)
            self.extend(finish(random, get(v(name), "reservation"), name))
        elif form < 0.8:
            self.add(on(v("e"), "apply_drop_copy", self.any_order()), name)
            self.extend(finish(random, get(v(name), "operation"), name))
        else:
            method = random.choice(("execute_pre_trade_dry_run", "start_pre_trade_dry_run"))
            self.add(on(v("e"), method, self.any_order()))

    def report(self) -> None:
        super().report()
        report = self.steps[-1]["do"][3][0]
        named = report[3] if len(report) > 3 else {}
        if self.counts_pnl and "financial_impact" not in named and self.random.chance(0.95):
            named["financial_impact"] = domain.impact(self.random, _CALM_PNLS)

    def plain_report(self) -> None:
        self.add(on(v("e"), "apply_execution_report", self.any_report()))

    def any_report(self) -> Expression:
        """A report: with gaps, without account, decorated."""
        random = self.random
        sizes = {"sizes": spot_funds.SIZES, "prices": spot_funds.PRICES, "fees": spot_funds.FEES}
        gaps = random.choice((0.0, 0.0, 0.0, 0.06))
        pnls = PNLS if random.chance(0.2) else _CALM_PNLS
        made = domain.report(random, gaps=gaps, pnls=pnls, filled=1.0 - gaps, **sizes)
        if not random.chance(0.1):
            return made
        made = [*made]
        if len(made) > 3:
            made[3] = {
                name: ["marked", group, {"desk": random.choice(_MARKS)}]
                if random.chance(0.3)
                else group
                for name, group in made[3].items()
            }
        if random.chance(0.5):
            made[1] = ["class", "ExecutionReport", {}]
        return ["marked", made, {"desk": random.choice(_MARKS)}]

    def batch(self) -> None:
        """Many orders, and what becomes of their reservations."""
        random = self.random
        orders = [self.any_order() for _ in range(random.choice((0, 1, 2, 3, 3, 5, 8)))]
        if self.fails and orders:
            # A block of the whole engine, raised in one shard, reaches the others after the batch.
            account = domain.account(random)
            orders = [_of_account(order, account) for order in orders]
        if random.fault():
            orders.insert(random.randint(0, len(orders)), random.choice((None, 1, "x")))
        name = self.name()
        form = random.choice(("list", "list", "tuple", "iter"))
        tick = random.choice((0, 0, *_TICKS))
        self.add(["batch", name, v("e"), many(orders, form), tick], name)
        handles = [get(op("item", v(name), number), "reservation") for number in range(len(orders))]
        random.shuffle(handles)
        cut = random.randint(0, len(handles))
        for some in (handles[:cut], handles[cut:]):
            form = random.random()
            if form < 0.4:
                self.add(on(v("e"), "commit_many", many(some, random.choice(("list", "iter")))))
            elif form < 0.6:
                self.add(on(v("e"), "rollback_many", many(some, random.choice(("list", "tuple")))))
            elif form < 0.8:
                for handle in some:
                    self.add(on(handle, random.choice(("commit", "rollback"))))
        if random.chance(0.2) and handles:
            self.add(on(v("e"), "commit_many", many([handles[0], handles[-1]])))
        if random.chance(0.6):
            self.add(["drop", name])

    def report_batch(self) -> None:
        random = self.random
        reports = [self.any_report() for _ in range(random.choice((0, 1, 2, 3, 6)))]
        if random.fault():
            reports.append(random.choice((None, 1, "x")))
        form = random.choice(("list", "tuple", "iter"))
        self.add(on(v("e"), "apply_execution_report_many", many(reports, form)))

    def adjust(self) -> None:
        self.add(adjustments.batch(self.random))

    def administer(self) -> None:
        random = self.random
        if random.chance(0.9):
            self.add(accounts.operation(random))
            return
        group = domain.group(random)
        self.add(on(domain.accounts(), "block_group", group, "closed"))
        self.add(on(domain.accounts(), "replace_group_block_reason", group, "closed for good"))

    def relieve(self) -> None:
        """Lift most of the blocks that there may be."""
        random = self.random
        handle = domain.accounts()
        if random.chance(0.7):
            self.add(on(handle, "unblock_all"))
            self.add(on(v("e"), "resume"))
        for number in ACCOUNTS:
            if random.chance(0.8):
                self.add(on(handle, "unblock", call("param.AccountId.from_int", number)))
        for number in domain.GROUPS:
            if random.chance(0.3):
                self.add(on(handle, "unblock_group", number))

    def configure(self) -> None:
        kinds = ("rate", "size", "pnl", "spot", "spot")
        if self.random.chance(0.3):
            self.add(policies.reconfigurations(self.random, kinds))
            self.add(on(v("e"), "settings"))
        else:
            self.add(policies.reconfiguration(self.random, kinds))

    def move_market(self) -> None:
        random = self.random
        makers = (market_data._register, market_data._set_ttl, market_data._other)
        form = random.random()
        if form < 0.5:
            self.add(self._push())
        elif form < 0.6:
            self.add(market_data._push(random))
        elif form < 0.8:
            self.add(market_data._get(random))
        else:
            self.add(random.choice(makers)(random))

    def tick(self) -> None:
        self.add(["tick", self.random.choice(_TICKS)])

    def let_go(self) -> None:
        """Drop what some step before kept, or finalise it late."""
        random = self.random
        if self.count:
            number = random.randint(max(0, self.count - 12), self.count)
            self.add(["drop", random.choice((f"n{number}", f"x{number}"))])

    def misuse(self) -> None:
        random = self.random
        method = random.choice(
            (
                "start_pre_trade",
                "execute_pre_trade",
                "start_pre_trade_dry_run",
                "execute_pre_trade_dry_run",
                "apply_drop_copy",
                "apply_execution_report",
                "execute_pre_trade_many",
                "apply_execution_report_many",
                "commit_many",
                "rollback_many",
            )
        )
        wrong = random.choice((1, None, "x", ["obj", {}], many([])))
        self.add(on(v("e"), method, wrong))

    # --- the end ---------------------------------------------------------------------------------

    def end(self) -> None:
        """Ask for what every account may do now; now and then, let go of the engine first."""
        random = self.random
        if random.chance(0.15):
            self.add(on(v("e"), "start_pre_trade", self.any_order()), "last")
            for name, made in (("a", domain.accounts()), ("c", domain.configure())):
                if random.chance(0.5):
                    self.add(made, name)
            self.add(["drop", "e"])
            self.add(on(get(v("last"), "request"), "execute"))
            self.add(accounts.operation(random, v("a")))
            self.add(on(v("c"), "rate_limit", "RateLimitPolicy"))
            return
        for number in ACCOUNTS:
            account = call("param.AccountId.from_int", number)
            for side, price in (("buy", "50"), ("sell", "50")):
                operation = call(
                    "OrderOperation",
                    instrument=call("Instrument", "AAPL", "USD"),
                    side=side,
                    trade_amount=call("param.TradeAmount.quantity", "1"),
                    account_id=account,
                    price=price,
                )
                order = call("Order", operation=operation)
                self.add(on(v("e"), "execute_pre_trade_dry_run", order))
            self.add(["state", v("e"), account])


def _functions(answer: list[Expression]) -> list[Expression]:
    """Return what a mutation is made of; nothing for any other answer."""
    if answer[:2] == ["call", "Mutation"]:
        return list(answer[2])
    if answer[0] == "obj" and {"commit", "rollback"} <= answer[1].keys():
        return list(answer[1].values())
    return []


def _of_account(order: Expression, account: Expression) -> Expression:
    """The same order of another account; one without account stays without."""
    if isinstance(order, dict):
        return {
            name: account
            if name == "account_id" and part is not None
            else _of_account(part, account)
            for name, part in order.items()
        }
    if isinstance(order, list):
        return [_of_account(part, account) for part in order]
    return order
