"""The calls behind the handles on settings.

What is wrong with the arguments themselves is told here. What a policy can work with, the first
shard says that is up: then they are applied on every shard, or, where it raises, on none. What
belongs to one account goes to its shard alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.answers import read_axes
from openpit.client.procedures import ask_one, everywhere, refuse_stalled
from openpit.engine.configurator import check_arguments, read_changes
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.client.client import Holder
    from openpit.pretrade.rejects import AccountBlock
    from openpit.router.calls import Call
    from openpit.router.procedures import Steps
    from openpit.router.router import Router

__all__ = ["Blocks", "SettingCalls"]

Blocks = list[tuple[int, "AccountBlock"]]


def _merged(answers: list[Blocks | None]) -> Blocks:
    """Return the blocks of all shards, sorted by account."""
    blocks = [block for answer in answers for block in answer or ()]
    return sorted(blocks, key=lambda block: block[0])


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not ...}


class SettingCalls:
    """The calls behind the methods of both faces' handles."""

    __slots__ = ("_holder",)

    def __init__(self, holder: Holder) -> None:
        self._holder = holder

    def of_all(self, now: int, method: str, name: str, values: dict[str, object]) -> Call:
        """Check on one shard, and apply on every one."""
        given = _given(values)

        def read() -> dict[str, Any]:
            check_arguments(method, name, given)
            return {"name": name, **given}

        return self._holder.client.procedure(now, self._settings, now, method, read)

    def together(self, now: int, changes: object) -> Call:
        """Check several on one shard, and apply all of them on every one."""

        def read() -> dict[str, Any]:
            listed = read_changes(changes)
            return {"changes": [(method, _given(values)) for method, values in listed]}

        return self._holder.client.procedure(now, self._settings, now, "apply_all", read)

    def _settings(
        self, router: Router, now: int, method: str, read: Callable[[], dict[str, Any]]
    ) -> Steps:
        refuse_stalled(router.links)
        change = (None, method, encode(read(), bare=True))
        check = (kinds.CHECK_SETTINGS, *change)
        link, answer = yield from ask_one(router, now, check, needs_all=True)
        axes = read_axes(link, answer[1])
        # In one step with what is sent: by these axes counts what is submitted behind it.
        self._holder.client.retune(axes)
        blocks = yield from everywhere(router, now, (kinds.CONFIGURE, *change), _merged)
        return blocks

    def of_account(self, now: int, method: str, name: str, values: dict[str, Any]) -> Call:
        """Apply on the account's shard, which checks as well."""
        check_arguments(method, name, values)
        return self._holder.client.configure(
            now, values["account"].value, method, {"name": name, **values}
        )
