"""`openpit serve` whose process ends at named points, where a test has set a trap.

python trapped_serve.py serve --socket ...
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path[1:1] = [str(Path(__file__).parent)]

from traps import comes_to  # noqa: E402 - found there

from openpit.cli import main  # noqa: E402 - found there
from openpit.faces.engine_journal import EngineJournal  # noqa: E402 - found there
from openpit.faces.pipes import Port  # noqa: E402 - found there
from openpit.server import service, session, session_turn, switch  # noqa: E402 - found there

_is_group = False


def _around(owner: Any, name: str, before: str, after: str) -> None:
    """Set points before and after a method."""
    inner = getattr(owner, name)

    def outer(*arguments: Any, **options: Any) -> Any:
        if before:
            comes_to(before)
        answer = inner(*arguments, **options)
        if after:
            comes_to(after)
        return answer

    setattr(owner, name, outer)


def _set_into_server() -> None:
    connection = service._Connection
    _around(
        *(connection, "connection_made"),
        *("before a connection is taken", "when a connection is taken"),
    )
    _around(
        *(switch.Switch, "_make_known"),
        *("before a session is known", "when a session is known"),
    )
    _around(EngineJournal, "note_session", "before a name is written", "when a name is written")
    _around(connection, "write", "before an answer is written", "when an answer is written")
    _around(switch.Switch, "_send", "before a batch is passed on", "when a batch is passed on")
    _around(Port, "send", "", "when a batch is sent to its shard")
    _around(session.Passed, "answered", "when an answer has come", "")
    _around(session_turn.SessionTurn, "advance", "before a turn is given", "when a turn is given")
    _around(switch.Switch, "_give_back_turn", "before a turn is over", "when a turn is over")
    _around(service.Service, "_stop_listening", "", "when nobody can connect any more")
    _around(service.Service, "close", "before its workers end", "")
    _follow_groups()


def _follow_groups() -> None:
    """Set points into what is passed on together: between two shards, too."""
    pass_group, send = switch.Switch._pass_group, Port.send

    def pass_group_on(*arguments: Any) -> None:
        global _is_group  # noqa: PLW0603 - of this process
        comes_to("before a group is passed on")
        pass_group(*arguments)
        comes_to("when a group is passed on")
        _is_group = True

    def sent(port: Any, router: Any) -> bool:
        global _is_group  # noqa: PLW0603 - as above
        answer = send(port, router)
        if _is_group:
            _is_group = False
            comes_to("when one shard has a group")
        return answer

    switch.Switch._pass_group = pass_group_on  # type: ignore[method-assign]
    Port.send = sent  # type: ignore[method-assign]


if __name__ == "__main__":
    _set_into_server()
    main()
