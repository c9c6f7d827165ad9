"""A client that asks, and changes nothing: of an engine as it stood once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.client import Client
from openpit.errors import NotPermitted
from openpit.router.router import Router
from openpit.wire.frames import FIRST_KIND, body_of, messages_of
from openpit.wire.kinds import ASK_ACTOR, COMMANDS, EXECUTE, KEYED, REPORT, START
from openpit.wire.roles import KINDS_OF, Role, role_name, role_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.asking import Asked, AskMany
    from openpit.client.batches import ExecuteMany
    from openpit.client.reporting import ReportMany
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.router.calls import Call
    from openpit.router.procedures import WideCall
    from openpit.router.shard_link import Entry, ShardLink

__all__ = ["ReadingClient"]

_KINDS: Final = KINDS_OF[Role.READER]


class _ReadingRouter(Router):
    """Sends what a reader may send, and refuses the rest by its name."""

    def submit(self, link: ShardLink, entry: Entry) -> None:
        if entry.packed[FIRST_KIND - 1] not in _KINDS:  # a row is not packed in an array
            command: Any = messages_of(body_of([entry.packed], 1))[0]
            _check(role_of(command), COMMANDS[command[0]].name)
        super().submit(link, entry)

    def begin(self, call: WideCall) -> WideCall:
        if call.is_exclusive:
            raise _refusal("a change that spans accounts", Role.ADMIN)
        return super().begin(call)


class ReadingClient(Client):
    """A client whose calls that would change something are refused by their names.

    Every one of them raises NotPermitted.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, router=_ReadingRouter, **options)

    def execute(self, now: int, order: Order, key: object = None) -> Call:
        """Refuse: this records what it decides."""
        raise _refusal(COMMANDS[EXECUTE if key is None else KEYED].name, Role.TRADER)

    def start_stage(self, now: int, order: Order, key: object = None) -> Call:
        """Refuse: this counts."""
        raise _refusal(COMMANDS[START if key is None else KEYED].name, Role.TRADER)

    def execute_many(self, now: int, orders: Sequence[Order], times: Sequence[int]) -> ExecuteMany:
        """Refuse: this records what it decides."""
        raise _refusal(COMMANDS[EXECUTE].name, Role.TRADER)

    def ask_many(self, now: int, asked: Sequence[Asked], times: Sequence[int]) -> AskMany:
        """Refuse: an actor may do anything."""
        raise _refusal(COMMANDS[ASK_ACTOR].name, Role.TRADER)

    def report_many(self, now: int, reports: Sequence[ExecutionReport]) -> ReportMany:
        """Refuse: reports are applied."""
        raise _refusal(COMMANDS[REPORT].name, Role.TRADER)


def _check(needed: int, what: str) -> None:
    if needed > Role.READER:
        raise _refusal(what, needed)


def _refusal(what: str, needed: int) -> NotPermitted:
    return NotPermitted(what, role_name(Role.READER), role_name(needed))
