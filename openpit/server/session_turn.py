"""A session's turn to change what spans shards: nobody else changes any of that meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.router.procedures import WideCall
from openpit.wire.sessions import SessionOp, note_frame

if TYPE_CHECKING:
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.server.session import Session

__all__ = ["SessionTurn"]


class SessionTurn(WideCall):
    """A procedure whose steps the session's client takes."""

    __slots__ = ("session",)

    def __init__(self, router: Router, session: Session) -> None:
        super().__init__(router.books, router.procedures, _no_steps(), is_exclusive=True)
        self.session: Final = session

    def advance(self, answers: object = None) -> None:
        """Let the session have its turn."""
        self.session.has_turn = True
        self.session.turns += 1
        self.session.say(note_frame(SessionOp.TURN))


def _no_steps() -> Steps:
    yield 0, []
