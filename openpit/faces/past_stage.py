"""The part of a builder that brings up an engine as its journal says it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.core.opaque import InProcess

if TYPE_CHECKING:
    from openpit.faces.past import Moment
    from openpit.faces.past_engine import PastEngine
    from openpit.faces.starting import StartPlan

__all__ = ["PastStage"]


class PastStage(InProcess):
    """The part of :class:`openpit.ReadyShardedEngineBuilder` that reads a journal."""

    __slots__ = ()

    _options: Any

    def _plan(self) -> StartPlan:
        """Return what the engine starts from: the builder's own."""
        raise NotImplementedError

    def build_past(self, until: Moment | None = None) -> PastEngine:
        """Bring up the engine of ``journal=`` as it stood then, in this process, to be asked.

        ``until`` is a time of the engine's clock in nanoseconds, a :class:`datetime.datetime` with
        its zone, or a shard and a record of its log, which is the last one (``openpit journal
        dump`` prints them); without, all that there is. Batches are whole: one with a command that
        came later is left out.

        The journal is read, and neither locked nor written: its engine may be at work. Policies are
        copied, told again what they were told, and each answer is checked. No worker is started;
        ``sync``, timeouts and the like are of no matter. The builder cannot be used again.

        Raises:
            ValueError: there is no such shard or record, a time of the day without a zone, or one
                where the engine's clock was the program's own; there is no ``journal=``; and as
                ``build()``.
            TypeError: ``until`` is something else.
            JournalMismatch: it is another engine's.
            JournalDamaged: a log has a hole.
            ReplayDiverged: a batch was answered otherwise than then.
            JournalError: it is no journal, or its beginning is not there any more.
            OSError: it could not be read.
        """
        if self._options.journal is None:
            raise ValueError("build_past() takes sharded(journal=DIR): that is what it reads")
        from openpit.faces.past_engine import past_engine  # noqa: PLC0415 - slow to load

        return past_engine(self._plan(), until)
