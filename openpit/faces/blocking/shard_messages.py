"""Messages to an actor of this package, by shard: several may be in flight to each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.asking import Asked

if TYPE_CHECKING:
    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.router.calls import Call
    from openpit.router.router import Router

__all__ = ["ShardMessages"]


class ShardMessages:
    """What an actor of this package is sent, and answers.

    A message names its shard by an account that is there; those that it is about, the actor knows.
    """

    def __init__(self, engine: ShardedEngine, actor: str) -> None:
        self._driver: Final = engine._driver
        self._actor: Final = actor
        self._accounts: Final = _an_account_of_each(engine._router)

    def send(self, shard: int, message: bytes) -> Call:
        """Send a message, behind those that were sent to its shard before; wait for nothing."""
        asked = Asked(self._actor, self._accounts[shard], message, 0, ())
        return self._driver.begin(self._driver.client.ask_actor, asked)

    def answer(self, call: Call) -> Any:
        """Wait for the answer to a message.

        Raises:
            ShardDown: nothing was sent, or the shard is known to have died or to be stalled.
            OutcomeUnknown: the answer is lost.
            ShardOverloaded: the shard has had no credit in time.
            Exception: what the actor has raised.
        """
        return self._driver.end(call)

    def loss(self, shard: int, error: Exception) -> str:
        """Return why a shard gave no answer but an error."""
        return self._driver.router.links[shard].why or str(error)


def _an_account_of_each(router: Router) -> list[int]:
    """Return an account of each shard."""
    found: dict[int, int] = {}
    account = 0
    while len(found) < len(router.links):
        found.setdefault(router.link_of(account).number, account)
        account += 1
    return [found[number] for number in range(len(found))]
