"""How records of logs are written where nobody has said otherwise: in a worker, and by a server.

A worker is a process of its own, whose logging its program cannot reach: the environment tells it,
``OPENPIT_LOG=json`` or ``OPENPIT_LOG=text``. Without that it is as Python leaves it, bare warnings.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["FORMS", "VARIABLE", "JsonLines", "write_logs"]

VARIABLE: Final = "OPENPIT_LOG"
"""Of the environment: how workers write their logs."""

FORMS: Final = ("json", "text")

_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; the rest is what a call has given as ``extra``."""


class JsonLines(logging.Formatter):
    """A record as a line of JSON: time, level, logger, process, message, and its extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what JSON has no form for is told as text."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        fields |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def write_logs(form: str | None) -> None:
    """Have this process's records, from INFO on, written to stderr in one of the ``FORMS``.

    None, or what is none of them, changes nothing.
    """
    if form not in FORMS:
        return
    handler = logging.StreamHandler(sys.stderr)
    text = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"
    handler.setFormatter(JsonLines() if form == "json" else logging.Formatter(text))
    logger = logging.getLogger("openpit")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
