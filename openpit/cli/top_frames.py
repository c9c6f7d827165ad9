"""What `openpit top` shows of a server: tables of its shards, sessions, blocks and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.cli.grids import Grid
from openpit.limits.account_names import NO_NAMES
from openpit.shards.administration import REMARKS
from openpit.wire.roles import role_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.cli.server_pictures import ServerPicture
    from openpit.limits.account_names import AccountNames
    from openpit.wire.shard_stats import ShardStats

__all__ = ["ROWS", "frame_of"]

ROWS: Final = 10
"""How many sessions, causes, accounts, refusals and changes are shown: those that matter most."""

_MINUTE: Final = 60

_STYLES: Final = {"up": "green", "down": "bold red", "stalled": "red", "recovering": "yellow"}


def frame_of(
    now: ServerPicture,
    before: ServerPicture | None = None,
    rows: int = ROWS,
    names: AccountNames = NO_NAMES,
) -> Iterator[Grid | str]:
    """Return what shows a picture; rates are those since the picture ``before``.

    Accounts are shown by the ``names`` that they have.
    """
    yield "orders pass" if now.halted is None else f"orders are halted: {now.halted}"
    yield _shards(now, before)
    if now.sessions:
        yield _sessions(now, before, rows)
    yield from _causes(now, rows)
    yield from _blocked(now, rows, names)
    yield from _refusals(now, rows, names)
    yield from _changes(now, rows, names)


def _shards(now: ServerPicture, before: ServerPicture | None) -> Grid:
    earlier = {} if before is None else {one.shard: one for one in before.shards}
    grid = Grid(
        "shard", "state", "commands/s", "in flight", "credit", "refused", "refused/s", "blocked",
        "expired", "restarts", "pid", "why",
    )  # fmt: skip
    for one in now.shards:
        told = now.recent.get(one.shard)
        grid.add_row(
            str(one.shard),
            one.state,
            _rate(one, earlier.get(one.shard), now, before),
            str(one.in_flight),
            str(one.credits),
            "-" if told is None else str(told.refused),
            _refused_rate(one.shard, now, before),
            "-" if told is None else str(told.blocked),
            str(one.expired),
            str(one.restarts),
            _text(one.pid),
            _text(one.why),
            style=_STYLES.get(one.state),
        )
    return grid


def _rate(
    one: ShardStats,
    earlier: ShardStats | None,
    now: ServerPicture,
    before: ServerPicture | None,
) -> str:
    if earlier is None or before is None or one.answered < earlier.answered:  # a new life
        return "-"
    return f"{(one.answered - earlier.answered) / (now.taken - before.taken):,.0f}"


def _refused_rate(shard: int, now: ServerPicture, before: ServerPicture | None) -> str:
    if before is None or shard not in now.recent or shard not in before.recent:
        return "-"
    refused = now.recent[shard].refused - before.recent[shard].refused
    return f"{refused / (now.taken - before.taken):,.0f}"


def _sessions(now: ServerPicture, before: ServerPicture | None, rows: int) -> Grid:
    earlier = {} if before is None else {one.number: one.commands for one in before.sessions}
    grid = Grid(
        "session", "name", "user", "role", "commands", "commands/s", "in flight", "unsent bytes"
    )
    for one in sorted(now.sessions, key=lambda one: (-one.in_flight, one.number))[:rows]:
        rate = "-"
        if before is not None and one.number in earlier:
            sent = one.commands - earlier[one.number]
            rate = f"{sent / (now.taken - before.taken):,.0f}"
        grid.add_row(
            str(one.number), _text(one.name), str(one.user), role_name(one.role),
            str(one.commands), rate, str(one.in_flight), str(one.unsent_bytes),
        )  # fmt: skip
    return grid


def _causes(now: ServerPicture, rows: int) -> Iterator[Grid]:
    causes = now.rejects()
    if causes:
        grid = Grid("refused by", "code", "times")
        for (policy, code), count in [*causes.items()][:rows]:
            grid.add_row(policy or "others", code or "-", str(count))
        yield grid


def _blocked(now: ServerPicture, rows: int, names: AccountNames) -> Iterator[Grid]:
    accounts = sorted(one for told in now.recent.values() for one in told.accounts)
    if accounts:
        most = sum(told.blocked for told in now.recent.values())
        grid = Grid("blocked", "by", "reason", title=f"{most} accounts blocked")
        for one in accounts[:rows]:
            grid.add_row(names.shown(one.account), one.policy, one.reason)
        yield grid


def _refusals(now: ServerPicture, rows: int, names: AccountNames) -> Iterator[Grid]:
    refusals = now.refusals()
    if refusals:
        grid = Grid("refused", "account", "instrument", "by", "code", "reason", "session")
        for age, _, one in refusals[:rows]:
            code, reason, details, policy, _ = one.rejects[0]
            grid.add_row(
                _ago(age),
                names.shown(one.account),
                f"{_text(one.underlying)}/{_text(one.settlement)}",
                policy,
                code,
                f"{reason}: {details}" if details and details != reason else reason,
                now.name_of(one.session),
            )
        yield grid


def _changes(now: ServerPicture, rows: int, names: AccountNames) -> Iterator[Grid]:
    changes = now.changes()
    if changes:
        grid = Grid("changed", "what", "account", "to", "by")
        for age, _, one in changes[:rows]:
            who = now.name_of(one.session)
            what = "reason" if one.method in REMARKS else one.method
            grid.add_row(_ago(age), what, names.shown(one.account), one.said, who)
        yield grid


def _text(value: object) -> str:
    return "-" if value is None else str(value)


def _ago(seconds: float) -> str:
    return f"{seconds:.1f} s ago" if seconds < _MINUTE else f"{seconds / _MINUTE:,.0f} min ago"
