"""The calls behind the handles on settings. Follows spec section 10.

Settings are validated once, on the router's prototype engine, and then applied on every shard. What
belongs to one account goes to its shard alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from openpit.client.procedures import everywhere, refuse_stalled
from openpit.engine.configurator import new_configurator
from openpit.param.ids import AccountId
from openpit.wire import kinds
from openpit.wire.values import encode

if TYPE_CHECKING:
    from openpit.client.client import Client
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


class SettingCalls:
    """The calls behind the methods of both faces' handles."""

    __slots__ = ("_client", "_prototype")

    def __init__(self, client: Client) -> None:
        self._client = client
        self._prototype = new_configurator(client.prototype)

    def of_all(self, now: int, method: str, name: str, values: dict[str, object]) -> Call:
        """Validate on the prototype, which takes the settings too, and apply on every shard."""
        given = {key: value for key, value in values.items() if value is not ...}
        return self._client.procedure(now, self._settings, now, method, name, given)

    def _settings(
        self, router: Router, now: int, method: str, name: str, given: dict[str, object]
    ) -> Steps:
        refuse_stalled(router.links)  # before the prototype takes them
        # Only when its turn has come: the router counts by the settings that the shards will have.
        validate = partial(getattr(self._prototype, method), name, **given)
        try:
            arguments = encode({"name": name, **given}, bare=True)
        except TypeError:
            validate()  # says what is wrong with it; nothing has been applied anywhere
            raise
        validate()
        command = (kinds.CONFIGURE, None, method, arguments)
        blocks = yield from everywhere(router, now, command, _merged)
        return blocks

    def of_account(self, now: int, method: str, name: str, values: dict[str, object]) -> Call:
        """Apply on the account's shard, which validates as well."""
        account = values["account"]
        if isinstance(account, AccountId):
            try:
                return self._client.configure(now, account.value, method, {"name": name, **values})
            except TypeError:
                getattr(self._prototype, method)(name, **values)  # says what is wrong with it
                raise
        getattr(self._prototype, method)(name, **values)
        raise AssertionError(f"{method} took an account of no account's class: {values!r}")
