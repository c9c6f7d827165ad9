"""What sessions ask the server itself: who is connected, how the shards stand, its end."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from openpit.faces.pictures import figures_of
from openpit.server.limits import GONE
from openpit.wire.figures import figures_frame
from openpit.wire.sessions import SessionOp, note_frame, sessions_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpit.router.router import Router
    from openpit.server.session import Session
    from openpit.wire.sessions import SessionStats

__all__ = ["Questions"]


class Questions:
    """Answers them; it remembers the last sessions that have ended, by their numbers.

    ``drain`` has the server end in order.
    """

    def __init__(
        self, router: Router, sessions: Mapping[int, Session], drain: Callable[[], object]
    ) -> None:
        self._router: Final = router
        self._sessions: Final = sessions
        self._drain: Final = drain
        self._gone: Final[deque[SessionStats]] = deque(maxlen=GONE)

    def left(self, session: Session) -> None:
        """Record that a session has ended."""
        if session.is_known:
            self._gone.append(session.stats)

    def answer(self, session: Session) -> None:
        """Answer what a session has asked."""
        asked, session.asked = session.asked, []
        for op in asked:
            if op == SessionOp.SESSIONS:
                known = [one.stats for one in self._sessions.values() if one.is_known]
                session.say(sessions_frame(known))
            elif op == SessionOp.FIGURES:
                session.say(figures_frame(figures_of(self._router), self._gone))
            else:
                session.say(note_frame(op))
                self._drain()
