"""Calls of an engine's actors, of the blocking face."""

# Generated from ../aio/actors.py by scripts/blocking_faces.py: change it there.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.asking import all_asked_of, asked_of
from openpit.client.times import timed
from openpit.core.opaque import Opaque

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openpit.client.asking import AskMany
    from openpit.client.client import Client
    from openpit.client.counted import CountedMany
    from openpit.faces.blocking.driver import BlockingDriver
    from openpit.param.ids import AccountId

__all__ = ["ActorCalls"]


class ActorCalls(Opaque):
    """The part of :class:`openpit.ShardedEngine` that talks to actors."""

    __slots__ = ()

    _client: Client
    _driver: BlockingDriver

    def ask(
        self,
        name: str,
        account_id: AccountId,
        message: bytes,
        *,
        orders: int | Mapping[str, int] = 0,
    ) -> bytes | None:
        """Have the actor of a name receive a message, in the account's worker; return its answer.

        ``orders`` tells how many orders of the message a rate over several accounts may count, or
        how many that are settled in each asset. One beyond that is rejected (``SystemUnavailable``,
        policy ``Actor``); what is not used is given back. It does not matter where no such rate is
        limited.

        Raises:
            LookupError: there is no actor of that name.
            TypeError: ``message`` is not bytes.
            FrameTooLarge: the message, or its answer, is over ``MESSAGE_BYTES``.
            Exception: what the actor has raised; what its message had left open is rolled back.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        asked = asked_of(self._client.actors, name, account_id, message, orders)
        answer: bytes | None = self._driver.run(self._client.ask_actor, asked)
        return answer

    def ask_many(
        self,
        name: str,
        messages: Iterable[tuple[AccountId, bytes] | tuple[AccountId, bytes, Any]],
        *,
        orders: int | Mapping[str, int] = 0,
    ) -> list[bytes | None]:
        """Have an actor receive messages, each account's in sequence; answers in their order.

        ``orders`` is said of each, as by :meth:`ask`, unless a message has a third field of its
        own. The clock is read for each as it is taken. Shards work side by side: what a message has
        not used of ``orders`` counts for those of other shards until its answer is there, and an
        engine-wide block that one arms stops the orders of other shards from the next call on.

        Raises:
            SomeItemsFailed: some failed. Its ``results`` are the answers of the others. Whatever
                else ends the call in its midst has such ``results`` and ``failures``, too.
            Exception: as :meth:`ask`, of any of the messages, before one is sent.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        driver = self._driver
        listed, times = timed(messages, driver.clock)
        asked = all_asked_of(self._client.actors, name, listed, orders)
        call: AskMany = driver.run_part(self._client.ask_many, asked, times)
        try:
            self._go_on(call)
        except BaseException:
            driver.abandon(call)
            raise
        return call.result()  # type: ignore[no-any-return]  # the list of answers

    def tell(
        self,
        name: str,
        account_id: AccountId,
        message: bytes,
        *,
        orders: int | Mapping[str, int] = 0,
    ) -> None:
        """Have an actor receive a message, and wait for no answer.

        Returns as soon as the message is on its way; what the actor answers is dropped. What it
        raises is logged in its worker, and counted: ``stats()[...].told_in_vain``.

        Raises:
            Exception: as :meth:`ask`, of what is known before the message is sent.
            ShardedEngineError: a shard cannot answer, or the engine is closed: see the class.
        """
        asked = asked_of(self._client.actors, name, account_id, message, orders)
        self._driver.run(self._client.tell_actor, asked)

    def _go_on(self, call: CountedMany) -> None:
        """Have the items done that a call stops at: each depends on what is before it.

        A function of its own: see the end of the docstring of ``engine/finalize.py``.
        """
        driver = self._driver
        while call.stopped_at is not None:
            result = failure = None
            try:
                result = driver.run(call.alone)
            except Exception as error:  # noqa: BLE001 - told with the others, at the end
                failure = error
            call.judged(result, failure)
            del result, failure  # a traceback may keep this frame, and the reservation in it
            driver.run_part(call.resume)
