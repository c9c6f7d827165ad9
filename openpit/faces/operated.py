"""What an operator asks of an engine in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.core.opaque import InProcess
from openpit.engine.accounts import Accounts, account_value, new_accounts
from openpit.engine.configurator import Configurator, new_configurator
from openpit.engine.inspection import account_row, settings_of
from openpit.param.words import plain_text
from openpit.pretrade.account_state import account_state_of, group_states_of

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.param.ids import AccountId
    from openpit.pretrade.account_state import AccountState, GroupState

__all__ = ["Operated"]


class Operated(InProcess):
    """The part of :class:`openpit.Engine` that an operator uses."""

    __slots__ = ()

    _core: EngineCore

    def accounts(self) -> Accounts:
        """Return a handle on groups, blocks and currencies; it outlives the engine."""
        return new_accounts(self._core)

    def configure(self) -> Configurator:
        """Return a handle on the policies' settings; it outlives the engine."""
        return new_configurator(self._core, self)

    def halt(self, reason: str) -> None:
        """Reject every order of every account with ``AccountBlocked`` and this reason, from now on.

        Reports, commits, rollbacks and adjustments go on, drop copies are recorded. A second reason
        replaces the first. Only :meth:`resume` takes it back: ``unblock_all()`` does not.

        Raises:
            TypeError: ``reason`` is no text.
        """
        self._core.finisher.alone(self._core.registry.halt, plain_text(reason))

    def resume(self) -> None:
        """Let orders pass again that :meth:`halt` has stopped. Idempotent."""
        self._core.finisher.alone(self._core.registry.resume)

    def halted(self) -> str | None:
        """Return the reason that :meth:`halt` was given, None while orders are not halted."""
        return self._core.registry.halted

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return the built-in policies' settings in force, by the tables of a `limits.toml`."""
        return self._core.finisher.alone(settings_of, self._core)

    def groups(self) -> list[GroupState]:
        """Return the groups that have members, a block or a currency, by their numbers."""
        return group_states_of([self._core.finisher.alone(self._core.registry.groups_told)])

    def account_state(self, account_id: AccountId) -> AccountState:
        """Return what the engine knows of an account; it changes nothing.

        An account that nobody has ever named has a state, too: nothing.

        Raises:
            TypeError: ``account_id`` is no :class:`openpit.param.AccountId`.
        """
        number = account_value(account_id)
        row = self._core.finisher.alone(account_row, self._core, number)
        return account_state_of(number, row)
