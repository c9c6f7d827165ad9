"""An engine that is never used: what the policies of a limits file say of their settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.engine.builder import build_core
from openpit.engine.configurator import new_configurator
from openpit.engine.inspection import settings_of
from openpit.pretrade.policies.registration import PolicyRegistrar, register

if TYPE_CHECKING:
    from openpit.limits.first_funds import Funds
    from openpit.pretrade.policy_contract import BuiltinPolicy

__all__ = ["Draft"]


class Draft:
    """An engine's builder, as far as :meth:`openpit.limits.Policies.add_to` uses one."""

    __slots__ = ("_policies",)

    def __init__(self) -> None:
        self._policies: list[BuiltinPolicy] = []

    def builtin(self, builder: Any) -> Draft:
        """Add a policy; raises what is wrong with its settings."""
        registrar = PolicyRegistrar(is_no_sync=True, now=_never, add=self._policies.append)
        register(builder, registrar)
        return self

    def settings(self, funds: Funds | None) -> dict[str, dict[str, Any]]:
        """Return the settings by table."""
        core = build_core(self._policies, _never, None)
        if funds is not None:
            funds.tune(new_configurator(core))
        return settings_of(core)


def _never() -> int:
    return 0
