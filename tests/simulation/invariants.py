"""What always holds, whatever happens when: checked after every event, and when all is at rest.

* Commands reach a shard in the order of submission, those of an account at the account's own shard.
* A call ends exactly once, with an outcome that what the shard did and the router saw accounts for.
* Credits balance: what is in flight is what was sent and not answered, and never more than allowed;
  what waits has a reason to.
* A shard keeps open what its proxies stand for, what is on its way, and nothing else.
* Nothing is accepted that its shard did not accept.
* Once a caller knows of an engine-wide block, it stops every later order.
* Broad rate limits are never too permissive, and exact while nothing is given back.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import chain
from operator import ge
from typing import TYPE_CHECKING, Any

from callers import ORDERING
from sim_policies import ROLLBACK_FAILS

from openpit.errors import (
    AccountBlockError,
    AccountGroupRegistrationError,
    ActorScopeError,
    CommandSkipped,
    EngineClosed,
    FrameTooLarge,
    OutcomeUnknown,
    PolicyConfigureError,
    ShardDown,
    ShardOverloaded,
    ShardStalled,
)
from openpit.hosting.suspects import Piece
from openpit.pretrade.policies.rate_limit import RateLimitPolicy
from openpit.router.lifecycle import ShardState
from openpit.router.own_commands import Drop, Unattended
from openpit.router.procedures import Ask
from openpit.router.rates import BroadRates
from openpit.wire import kinds
from openpit.wire.axes import BROKER
from openpit.wire.frames import Op

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callers import Caller, Held
    from simulator import Simulation
    from stations import Shard

    from openpit.router.rates import Counted, Counting
    from openpit.router.shard_link import Entry, ShardLink

__all__ = ["Observer"]

_CHECKS = frozenset(
    {
        kinds.EXECUTE,
        kinds.EXECUTE_COUNTED,
        kinds.EXECUTE_WHOLE,
        kinds.START,
        kinds.START_DRY_RUN,
        kinds.EXECUTE_DRY_RUN,
        kinds.DROP_COPY,
        kinds.EXECUTE_REQUEST,
    }
)
_ACCEPTING = frozenset(
    {kinds.ACCEPTED, kinds.RESERVED, kinds.FUNDED, kinds.STARTED, kinds.RECORDED, kinds.DRY}
)
_REJECTING = frozenset({kinds.REJECTED, kinds.DRY})
_COUNTED = _CHECKS - {kinds.START_DRY_RUN, kinds.EXECUTE_DRY_RUN, kinds.EXECUTE_REQUEST}
_MESSAGES = frozenset({kinds.ASK_ACTOR, kinds.TELL_ACTOR})
_LISTING = frozenset({kinds.COMMIT_MANY, kinds.ROLLBACK_MANY})
_OVER = frozenset({ShardState.DOWN, ShardState.CLOSED})


class ObservedRates(BroadRates):
    """The router's counters, with the number of orders that were ever counted for the broker."""

    __slots__ = ("orders",)

    def __init__(self) -> None:
        super().__init__()
        self.orders = 0

    def stamp(self, counting: Iterable[Counting]) -> tuple[Counted, ...]:
        counted = super().stamp(counting)
        self.orders += sum(count for axis, _, _, count, *_ in counted if axis == BROKER)
        return counted


class Observer:
    """Looks at a simulation from outside."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._client = simulation.client
        self._router = simulation.router
        self._shards = simulation.shards
        self._entries: list[list[Entry]] = [[] for _ in simulation.shards]
        self._known: set[int] = set()
        self._in_order: set[int] = set()  # of those, what has been sent, and not too early
        self._commands_checked = [1] * len(simulation.shards)
        self._account_of: list[dict[int, int | None]] = [{} for _ in simulation.shards]
        self._handled: dict[int, tuple[int, int]] = {}  # by the time of an order's command
        self._batches: dict[int, Caller] = {}  # by the time of each of their orders
        self._last: dict[tuple[int, Caller], int] = {}
        # Engine-wide blocks that somebody knows of: since which event, and whose death excuses it.
        self._armed: list[tuple[int, int | None]] = []
        self._unblocks_pending: set[int] = set()
        self._last_unblock = -1  # the last event at which a call to lift the block was on its way
        self._retuned = False
        # When each shard was stalled, as events from and to.
        self._stalls: list[list[tuple[int, int]]] = [[] for _ in simulation.shards]
        # What each had answered, whether it had something to answer, and since when that is so.
        self._heard = [(0, False, 0.0)] * len(simulation.shards)
        self._close_expired = False  # then the workers are ended with what they have open
        self._observe_rates()

    def _observe_rates(self) -> None:
        self.rates: ObservedRates | None = None
        rates = self._router.books.rates
        if rates.told.rows:
            observed = self.rates = ObservedRates()
            observed.retune(rates.told)
            self._first_window = observed.window(BROKER).began
            # In place of the real one:
            self._router.books.rates = self._router._rates = observed  # type: ignore[misc]

    # --- callers ---------------------------------------------------------------------------------

    def began(self, caller: Caller) -> None:
        about = caller.about
        if about.get("unblocks_all"):
            self._unblocks_pending.add(caller.number)
            self._last_unblock = self._simulation.number
            self._armed.clear()
        if about.get("retunes"):
            self._retuned = True
        if caller.name == "batch":
            for place in range(len(about["orders"])):
                self._batches[caller.began_at + 1 + place] = caller

    def will_arm(self, held: Held) -> None:
        """Take that a handle was let go of whose rollback fails."""
        if not self._unblocks_pending:
            self._armed.append((self._simulation.number, held.shard))

    def ended(self, caller: Caller) -> None:
        about = caller.about
        if caller.number in self._unblocks_pending:
            self._unblocks_pending.discard(caller.number)
            self._last_unblock = self._simulation.number
        self._close_expired |= caller.name == "close" and caller.was_expired
        if caller.was_cancelled:
            return
        if caller.error is not None:
            for error in getattr(caller.error, "exceptions", (caller.error,)):
                self._judge_error(caller, error)
        elif "orders" in about:
            self._judge_orders(caller)
        elif "messages" in about and not about.get("is_told"):
            self._judge_answers(caller)
        is_undisputed = not self._unblocks_pending and self._last_unblock < caller.began_in
        if is_undisputed and self._arms(caller):
            self._armed.append((self._simulation.number, None))

    def _arms(self, caller: Caller) -> bool:
        errors = getattr(caller.error, "exceptions", (caller.error,))
        return any(str(error) == "finalizer failed" for error in errors) or (
            caller.error is None and caller.about.get("arms", False)
        )

    def _judge_answers(self, caller: Caller) -> None:
        """Judge the answers of the actor: a message may be longer than what came of it."""
        about = caller.about
        answers = caller.result if isinstance(caller.result, list) else [caller.result]
        assert len(answers) == len(about["messages"]), "each message has its answer"
        for answer, (_, steps) in zip(answers, about["messages"], strict=True):
            told = [] if answer is None else json.loads(answer)
            assert len(told) == len(steps), "each step has its outcome"
            for outcome, (step, *rest) in zip(told, steps, strict=True):
                assert outcome in {step, "no", "none"}
                if outcome in ORDERING:
                    self._judge_accepted(caller)
                if outcome == "leave" and self._simulation.desk.is_custom:
                    # It was rolled back when its message ended.
                    about["arms"] = about.get("arms", False) or rest[0] == ROLLBACK_FAILS

    def _has_seen_a_stall(self, caller: Caller) -> bool:
        # Noted after each event: one that went on when the caller began counts.
        return any(end >= caller.began_in - 1 for stalls in self._stalls for _, end in stalls)

    def _judge_error(self, caller: Caller, error: BaseException) -> None:
        links = self._router.links
        if isinstance(error, OutcomeUnknown):
            is_cut_off = self._router.books.is_closed or any(link.state in _OVER for link in links)
            assert caller.was_expired or is_cut_off or self._has_seen_a_stall(caller), error
        elif isinstance(error, CommandSkipped):
            assert self._simulation.puts_off, error  # its worker was killed at it, by chance
        elif isinstance(error, ShardDown):
            assert any(link.why is not None for link in links), error
        elif isinstance(error, ShardStalled):
            assert self._has_seen_a_stall(caller), error
        elif isinstance(error, ShardOverloaded):
            assert caller.was_expired or not self._simulation.may_wait, error
        elif isinstance(error, EngineClosed):
            assert self._router.books.is_closed, error
        else:
            expected = (AccountBlockError, AccountGroupRegistrationError, PolicyConfigureError)
            assert (
                isinstance(error, expected)
                or str(error) in {"start failed", "finalizer failed"}
                or _is_of_its_messages(caller, error)
            ), f"{caller.name}: {error!r}"

    def _judge_orders(self, caller: Caller) -> None:
        about = caller.about
        results = caller.result if isinstance(caller.result, list) else [caller.result]
        assert len(results) == len(about["orders"]), "each order has its result"
        for place, (result, (account, _)) in enumerate(zip(results, about["orders"], strict=True)):
            ok = bool(result)
            if account is not None:
                self._judge_order(caller, caller.began_at + 1 + place, result, ok=ok)
            if ok and not about.get("ignores_blocks"):
                self._judge_accepted(caller)

    def _judge_accepted(self, caller: Caller) -> None:
        for since, shard in self._armed:
            excused = shard is not None and (
                self._shards[shard].is_dead or any(end >= since for _, end in self._stalls[shard])
            )
            assert caller.began_in <= since or excused, "the engine is blocked"

    def _judge_order(self, caller: Caller, time: int, result: Any, *, ok: bool) -> None:
        if not ok and result.rejects[0].policy == "Router":
            is_down = any(not link.is_up for link in self._router.links)
            has_reason = caller.was_expired or is_down or self._has_seen_a_stall(caller)
            assert has_reason, "denied for no reason"
            return
        assert time in self._handled, "answered, and no shard has seen it"
        number, seq = self._handled[time]
        reply = self._shards[number].delivered.get(seq)
        assert reply is not None, "answered, and its shard has not"
        assert reply[0] in (_ACCEPTING if ok else _REJECTING), reply

    def time_passed(
        self, were_waiting: list[Caller], stalled: list[ShardLink], *, excused: bool
    ) -> None:
        """Take that the cores were told the time.

        What waits for a stalled shard ends with it, and with the end of the engine all does.
        """
        now, patience = self._simulation.seconds, self._simulation.patience
        for link in stalled:
            _, was_asked, since = self._heard[link.number]
            assert was_asked, "a shard is stalled that was not asked for anything"
            assert now >= since + patience.timeout * 0.75, "a shard is stalled early"
        if any(link.keeps for link in stalled):  # another worker may take its place
            self._simulation.puts_off = True
        for caller in were_waiting:
            is_due = caller.is_due(now, patience)
            if caller.is_waiting:
                if self._simulation.puts_off:
                    continue  # it may wait for a shard that is recovering
                if caller.call in self._router.books.late:  # until its shard is known to be stalled
                    is_due = caller.is_due(now - patience.timeout, patience)
                assert not is_due, "a call whose time is up is over"
            elif is_due:
                caller.was_expired = True
                self._simulation.note("expire", caller.number)
            else:
                assert excused, "a call was over early"

    # --- after every event -----------------------------------------------------------------------

    def after_event(self) -> None:
        settling = 0
        for shard, link in zip(self._shards, self._router.links, strict=True):
            self._note_stall(link)
            self._note_silence(link)
            self._check_credits(link)
            self._check_order_of_submission(link)
            self._check_commands(shard)
            if link.is_up and not shard.is_dead:
                self._check_handles(shard, link)
            settling += sum(
                isinstance(entry, Drop) and not entry.is_settled
                for entry in chain(link.pending, link.waiting)
            )
        # The reply to a drop may be held back until all shards know of a block.
        if self._router.books.has_custom:
            assert sum(self._router.books.settling.values()) >= settling
        else:
            assert not self._router.books.settling
        waiting = self._router.procedures.waiting
        if waiting and not self._router.books.settling:
            assert self._router.procedures.exclusive is not None, "a procedure waits for nothing"
        self._check_deadlines()
        for call in self._router.books.woken:
            assert call.done, "woken too early"
        assert len(set(map(id, self._router.books.woken))) == len(self._router.books.woken), (
            "woken twice"
        )
        self._router.books.woken.clear()
        self._router.books.news.clear()

    def _check_deadlines(self) -> None:
        books = self._router.books
        expected = books.answer_due.keys() | books.credit_due.keys()
        waiting = [caller.call for caller in self._simulation.callers if caller.is_waiting]
        assert expected == {call for call in waiting if call.has_deadline}, "due to nobody"

    def _note_stall(self, link: ShardLink) -> None:
        stalls = self._stalls[link.number]
        now = self._simulation.number
        assert link.is_stalled == (link in self._router.books.stalled)
        if link.is_stalled:
            assert not link.waiting, "something waits for a shard that is stalled"
            goes_on = bool(stalls) and stalls[-1][1] == now - 1
            since = stalls.pop()[0] if goes_on else now
            stalls.append((since, now))

    def _note_silence(self, link: ShardLink) -> None:
        heard = link.answered, bool(link.pending)
        if heard != self._heard[link.number][:2]:
            self._heard[link.number] = *heard, self._simulation.seconds

    def _check_credits(self, link: ShardLink) -> None:
        if link.state in _OVER:
            assert not link.pending, "something waits for a shard that is over"
            assert not link.waiting, "something waits for a shard that is over"
            return
        in_flight = sum(entry.count for entry in link.pending)
        if link.pending:
            in_flight -= link.answered - link.pending[0].first
        assert link.in_flight == in_flight == link.next_seq - link.answered
        free = sum(
            entry.count
            for entry in link.pending
            if isinstance(entry, (Ask, Unattended)) and not isinstance(entry, Drop)
        )
        assert in_flight - free <= link.credits_and_reserve, "more in flight than there are credits"
        assert all(entry.is_sent for entry in link.pending)
        assert not any(entry.is_sent for entry in link.waiting)
        if link.waiting and not self._router.books.settling:
            # Any reply looks after them. (A big one that was withdrawn may leave room for others.)
            assert link.pending, "a command waits for nothing"

    def _check_order_of_submission(self, link: ShardLink) -> None:
        entries = self._entries[link.number]
        for entry in chain(link.pending, link.waiting):
            if id(entry) not in self._known and not isinstance(entry, (Ask, Piece, Unattended)):
                self._known.add(id(entry))
                entries.append(entry)
        waiting = set(map(id, link.waiting))
        for place, entry in enumerate(entries):
            if entry.is_sent and id(entry) not in self._in_order:
                self._in_order.add(id(entry))
                for before in entries[:place]:
                    if _goes_first(before, entry):
                        assert id(before) not in waiting, "overtaken"
                        is_behind = before.is_sent and before.first > entry.first
                        assert not is_behind, "sent in another order than submitted"
        # Those that are over need no more watching, nor those that were withdrawn.
        keep = [e for e in entries if id(e) in waiting or (e.is_sent and e in link.pending)]
        gone = {id(e) for e in entries if e not in keep}
        self._known -= gone
        self._in_order -= gone
        self._entries[link.number] = keep

    def _check_commands(self, shard: Shard) -> None:
        number = shard.number
        start = self._commands_checked[number]
        for seq in range(start, len(shard.seen)):
            command = shard.seen[seq]
            kind, account = command[:2]
            time = shard.times[seq]
            if account is not None:
                assert self._router.link_of(account).number == number, (
                    "a command at another's shard"
                )
            if kind in _CHECKS:
                self._account_of[number][seq] = account
                self._handled.setdefault(time, (number, seq))
                caller = self._batches.get(time)
                if caller is not None and account is not None:
                    last = self._last.get((account, caller), 0)
                    assert time > last, "orders of a batch in another order"
                    self._last[account, caller] = time
            elif kind in _LISTING:
                for handle in command[2]:
                    assert handle in self._account_of[number]
        self._commands_checked[number] = len(shard.seen)

    def _check_handles(self, shard: Shard, link: ShardLink) -> None:
        state = self._simulation.register.state[shard.number]
        kept = shard.open_handles
        for handle in kept:
            # A reply that has not arrived yet, or is held back until all shards know of a block.
            assert handle in state or handle >= link.answered or self._is_arming(), (
                f"shard {shard.number} keeps {handle}, which nobody stands for"
            )
        for handle, where in list(state.items()):
            if handle not in kept:
                assert where != "open", f"a proxy stands for {handle}, which is no more"
                del state[handle]

    def _is_arming(self) -> bool:
        """Whether replies may be held back until all shards know of an engine-wide block."""
        pending = (entry for link in self._router.links for entry in link.pending)
        return any(isinstance(one, Ask) and one.op == Op.ARM for one in pending)

    # --- at rest ---------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """Nothing is on its way anywhere."""
        assert not self._router.books.settling
        assert self._router.procedures.exclusive is None
        assert not self._router.procedures.waiting
        alive = []
        for shard, link in zip(self._shards, self._router.links, strict=True):
            assert not link.pending
            assert not link.waiting
            if link.is_up:
                assert link.in_flight == 0
                state = self._simulation.register.state[shard.number]
                assert set(state) == shard.open_handles
                assert set(state.values()) <= {"open"}, (
                    f"left over in shard {shard.number}: {state}"
                )
                alive.append(shard)
        self._check_that_shards_agree(alive)

    def _check_that_shards_agree(self, alive: list[Shard]) -> None:
        """Check that what every shard has is the same everywhere."""
        seen = []
        for shard in alive:
            core = shard.stub.core
            assert core is not None
            registry = core.engine.registry
            groups = {group: block._reason for group, block in registry._group_blocks.items()}
            seen.append(
                (
                    registry.finalizer_failed,
                    registry.unattributed_report,
                    groups,
                    registry._group_currencies,
                )
            )
        assert all(each == seen[0] for each in seen), f"shards differ: {seen}"

    def at_the_end(self) -> None:
        """The engine is closed."""
        for shard, link in zip(self._shards, self._router.links, strict=True):
            assert link.state is ShardState.CLOSED
            if not shard.is_dead and not self._close_expired:
                assert shard.stub.core is not None
                assert shard.stub.core.closed
                assert not shard.open_handles, "closed with something open"
        if self.rates is not None and not self._retuned:
            self._check_rates(self.rates)

    def _check_rates(self, rates: ObservedRates) -> None:
        core = self._shards[0].stub.core
        assert core is not None
        [policy] = [one for one in core.engine.policies if isinstance(one, RateLimitPolicy)]
        limit = policy.settings.broker
        assert limit is not None
        counted = self._simulation.register.counted
        # Of each window, by the time that its opener had: the orders that came to the policy.
        windows: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        attempts = 0
        for shard in self._shards:
            for seq, command in enumerate(shard.seen):
                orders = _declared(command)
                if orders:
                    attempts += orders
                    began, _ = shard.counting[seq][BROKER]
                    time = shard.times[seq]
                    assert len(counted[time]) <= orders, "more orders counted than may"
                    for count in counted[time]:
                        windows[began].append((count, time))
        began_last: int | None = None
        for began, orders in sorted(windows.items()):
            # So none passes too many, whatever the limit is.
            counts = sorted(count for count, _ in orders)
            assert all(map(ge, counts, range(1, len(counts) + 1))), "an order counts as too few"
            if began_last is not None:
                assert began - began_last >= limit.window, "a window began too early"
            if began != self._first_window:  # the first window begins without an order
                # Of a batch, an order may be counted later than others of a later time.
                began_last = max(began, min(time for _, time in orders))
        if attempts == rates.orders and attempts == sum(map(len, windows.values())):
            for orders in windows.values():
                counts = sorted(count for count, _ in orders)
                assert counts == [*range(1, len(orders) + 1)], "every order counts once"


def _goes_first(before: Entry, entry: Entry) -> bool:
    """Tell whether an entry that was submitted before another one has to be sent before it."""
    if not entry.uses_reserve:
        return not before.uses_reserve or bool(set(before.accounts()) & set(entry.accounts()))
    ours = set(entry.accounts())
    return None in ours or bool(ours & set(before.accounts()))


def _declared(command: tuple[Any, ...]) -> int:
    """Return how many orders of a command may count for the broker."""
    if command[0] in _COUNTED:
        return 1 if command[-2] else 0
    if command[0] in _MESSAGES:
        return command[-2] if command[-3] else 0
    return 0


def _is_of_its_messages(caller: Caller, error: BaseException) -> bool:
    """Tell whether a message of a caller asks for an error."""
    steps = {step[0] for _, steps in caller.about.get("messages", ()) for step in steps}
    return (
        ("fail" in steps and str(error) == "gate failed")
        or ("stray" in steps and isinstance(error, ActorScopeError))
        or ("large" in steps and isinstance(error, FrameTooLarge))
    )
