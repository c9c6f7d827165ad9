"""The log of what a shard is told to change, and of what it blocks: by whom, before and after.

A change that all shards make alike is told by the first one alone. Nothing is told of a replay.
"""

from __future__ import annotations

from logging import INFO, getLogger
from typing import TYPE_CHECKING, Any, Final

from openpit.engine.inspection import settings_of
from openpit.wire.roles import OF_METHOD, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.rejects import AccountBlock

__all__ = ["ChangeLog"]

_log = getLogger("openpit.shards")

_CHANGES: Final = frozenset(
    method
    for method, role in OF_METHOD.items()
    if role == Role.ADMIN and not method.startswith("can_")
)
_OF_SOME: Final = frozenset({"register_group", "unregister_group"})
"""Of no single account, and yet each shard has its own."""


class ChangeLog:
    """That of one shard; by whom a change is, is the number of its session, 0 for the program."""

    __slots__ = ("_engine", "_shard")

    def __init__(self, engine: EngineCore, shard: int) -> None:
        self._engine: Final = engine
        self._shard: Final = shard

    def _is_wanted(self, account: int | None) -> bool:
        return (
            (account is not None or not self._shard)
            and _log.isEnabledFor(INFO)
            and not self._engine.registry.is_replaying
        )

    def administered(
        self, account: int | None, method: str, arguments: Iterable[Any], client: int
    ) -> None:
        """Tell what an administrative command has changed."""
        whose = 0 if method in _OF_SOME else account
        if method in _CHANGES and self._is_wanted(whose):
            values = [*arguments]
            _log.info(
                "session %d: %s %s", client, method, values,
                extra={"event": method, **self._by(account, client), "arguments": values},
            )  # fmt: skip

    def before(self, account: int | None) -> dict[str, Any] | None:
        """Return the settings in force, where what becomes of them is to be told."""
        return settings_of(self._engine) if self._is_wanted(account) else None

    def configured(
        self, before: dict[str, Any] | None, account: int | None, method: str, client: int
    ) -> None:
        """Tell what a change of settings has changed."""
        if before is None:
            return
        after = settings_of(self._engine)
        names = [name for name in after if after[name] != before.get(name)]
        _log.info(
            "session %d changes the settings of %s", client, ", ".join(names) or "nothing",
            extra={
                "event": "settings", **self._by(account, client), "method": method,
                "before": {name: before.get(name) for name in names},
                "after": {name: after[name] for name in names},
            },
        )  # fmt: skip

    def blocked(self, account: int | None, blocks: Iterable[AccountBlock], client: int) -> None:
        """Tell what a report or an adjustment has blocked."""
        if self._engine.registry.is_replaying:
            return
        for block in blocks:
            _log.info(
                "account %s is blocked by %s: %s: %s",
                account, block.policy, block.code, block.reason,
                extra={
                    "event": "blocked", **self._by(account, client), "policy": block.policy,
                    "code": str(block.code), "reason": block.reason, "details": block.details,
                },
            )  # fmt: skip

    def _by(self, account: int | None, client: int) -> dict[str, Any]:
        return {"shard": self._shard, "account": account, "session": client}
