"""What a router may ask of a shard's engine beside orders, reports and adjustments: by name.

The names of the first table are those of the engine's account registry, whose errors travel back
as they are; the names of the second are the public configurator's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.engine.configurator import Configurator
from openpit.errors import AccountGroupRegistrationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.engine.core import EngineCore

__all__ = ["administer", "configure"]


def _first_refusal(
    check: Callable[[list[int], int], None], accounts: list[int], group: int
) -> tuple[int, str] | None:
    """Return the place of the first account that is refused and why, None when all pass."""
    for place, account in enumerate(accounts):
        try:
            check([account], group)
        except AccountGroupRegistrationError as error:
            return place, str(error)
    return None


_ADMINISTRATION: Final[dict[str, Callable[..., object]]] = {
    "anything_blocked": lambda core: core.registry.anything_blocked,
    "block": lambda core, *values: core.registry.block(*values),
    "block_group": lambda core, *values: core.registry.block_group(*values),
    "can_register": lambda core, *values: _first_refusal(core.registry.check_register, *values),
    "can_unregister": lambda core, *values: _first_refusal(core.registry.check_unregister, *values),
    "clear_currency": lambda core, *values: core.registry.clear_currency(*values),
    "clear_group_currency": lambda core, *values: core.registry.clear_group_currency(*values),
    "group_of": lambda core, *values: core.registry.group_of(*values),
    "register_group": lambda core, *values: core.register_group(*values),
    "replace_block_reason": lambda core, *values: core.registry.replace_block_reason(*values),
    "replace_group_block_reason": lambda core, *values: core.registry.replace_group_block_reason(
        *values
    ),
    "set_currency": lambda core, *values: core.registry.set_currency(*values),
    "set_group_currency": lambda core, *values: core.registry.set_group_currency(*values),
    "unblock": lambda core, *values: core.registry.unblock(*values),
    "unblock_all": lambda core: core.registry.unblock_all(),
    "unblock_group": lambda core, *values: core.registry.unblock_group(*values),
    "unregister_group": lambda core, *values: core.unregister_group(*values),
}


def administer(core: EngineCore, method: str, arguments: Any) -> object:
    """Run one administrative call; return its answer, raise what it raises."""
    return _ADMINISTRATION[method](core, *arguments)


def configure(core: EngineCore, method: str, arguments: Any) -> object:
    """Change settings as the public configurator does; return the blocks that follow, if any."""
    result = getattr(Configurator._of(core), method)(**arguments)
    return None if result is None else list(result._blocks)
