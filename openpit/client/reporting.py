"""Execution reports of many: each account's in sequence, all of them applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.client.answers import EXPECTED, read_reported
from openpit.client.many import ManyCall, Part
from openpit.client.orders import captured_report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.submitting import Submitting
    from openpit.core.report import ExecutionReport

__all__ = ["ReportMany"]


class ReportPart(Part):
    """Reports of one call in one frame."""

    __slots__ = ()

    answers = EXPECTED[read_reported]
    uses_reserve = True
    read = staticmethod(read_reported)


class ReportMany(ManyCall):
    """``apply_execution_report`` for many reports."""

    __slots__ = ("_position",)

    method = "apply_execution_report_many"
    part = ReportPart

    def __init__(self, client: Submitting, reports: Sequence[ExecutionReport], now: int) -> None:
        super().__init__(client, reports, now)
        self._position = 0

    def feed(self) -> bool:
        client = self.client
        reports = self.inputs
        while self._position < len(reports):
            index = self._position
            self._position += 1
            try:
                report = captured_report(reports[index])
                row = client.encoder.report(report)
            except TypeError as error:
                self.put_failure(index, error)
                continue
            # A report without account id goes to shard 0, which speaks for the engine then.
            account = report._account_
            number = 0 if account is None else client.router.link_of(account).number
            rows, indexes = self.rows[number]
            rows.append(row)
            indexes.append(index)
            if self.makes_frame(rows, index + 1):
                self.submit(number)
                return True
        return self.fed()
