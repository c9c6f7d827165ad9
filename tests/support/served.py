"""A server of this process, in a thread of its own: real workers, a real socket."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from openpit.server.limits import Limits
from openpit.server.service import Service, start_service
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from openpit.faces.embedded import ReadyShardedEngineBuilder

__all__ = ["Served"]


class Served:
    """A server over what a builder would build, which takes its clients' times."""

    def __init__(self, builder: ReadyShardedEngineBuilder, **limits: Any) -> None:
        self._plan = builder._plan()
        self.clock = builder._clock
        self._limits = Limits(**limits)
        self.folder = tempfile.mkdtemp(prefix="openpit-")
        self.path = f"{self.folder}/s"
        self.loop = asyncio.new_event_loop()
        self.service: Service
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        try:
            self.do(self._start())
        except BaseException:
            self._end()
            raise

    async def _start(self) -> None:
        self.service = await start_service(
            self._plan, self.clock, self._limits, users={os.getuid(): Role.ADMIN}, client_time=True
        )
        await self.service.listen(self.path)

    def do(self, coroutine: Any) -> Any:
        """Run something on the server's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def stop(self) -> None:
        """End the server."""
        self.do(self._stop())
        self._end()

    async def _stop(self) -> None:
        await self.service.drain(5.0)
        await self.service.close()

    def _end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        shutil.rmtree(self.folder)
