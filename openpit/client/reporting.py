"""Execution reports of many: each account's in sequence, all of them applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.answers import EXPECTED, read_reported
from openpit.client.many import UNPACKABLE, ManyCall, Part
from openpit.client.orders import captured_report
from openpit.errors import WireError
from openpit.router.calls import Raised
from openpit.wire.frames import pack, pack_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.client.submitting import Submitting
    from openpit.core.report import ExecutionReport
    from openpit.router.link import Reply, ShardLink

__all__ = ["ReportMany"]


class ReportMany(ManyCall):
    """``apply_execution_report`` for many reports."""

    __slots__ = ("_now", "_position", "_rows", "reports")

    method = "apply_execution_report_many"

    def __init__(self, client: Submitting, reports: Sequence[ExecutionReport], now: int) -> None:
        super().__init__(client, len(reports))
        self.reports = reports
        self._now = now
        self._position = 0
        self._rows: list[tuple[list[Any], list[int]]] = [([], []) for _ in client.router.links]

    def feed(self) -> bool:
        client = self.client
        reports = self.reports
        while self._position < len(reports):
            index = self._position
            self._position += 1
            try:
                report = captured_report(reports[index])
                row = client.encoder.report(self._now, report)
            except TypeError as error:
                self.put_failure(index, error)
                continue
            # A report without account id goes to shard 0, which speaks for the engine then.
            account = report._account_
            number = 0 if account is None else client.router.link_of(account).number
            rows, indexes = self._rows[number]
            rows.append(row)
            indexes.append(index)
            if len(rows) == client.rows_per_frame:
                self._submit(number)
                return True
        for number, (rows, _) in enumerate(self._rows):
            if rows:
                self._submit(number)
        self.fed()
        return False

    def _submit(self, number: int) -> None:
        client = self.client
        rows, indexes = self._rows[number]
        self._rows[number] = ([], [])
        link = client.router.links[number]
        try:
            client.router.submit(link, ReportPart(self, indexes, pack_rows(rows), len(rows)))
        except UNPACKABLE:
            for place, row in enumerate(rows):
                try:
                    packed = pack(row)
                except UNPACKABLE as error:
                    self.put_failure(indexes[place], error)
                    continue
                client.router.submit(link, ReportPart(self, indexes[place : place + 1], packed, 1))


class ReportPart(Part):
    """Reports of one call in one frame."""

    __slots__ = ()

    expected = EXPECTED[read_reported]

    def take(self, place: int, link: ShardLink, reply: Reply, *, is_wanted: bool) -> None:
        call: ReportMany = self.call
        if not is_wanted:
            return
        index = self.indexes[place]
        try:
            result = read_reported(link, None, reply)
        except Raised as raised:
            call.put_failure(index, raised.error)
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 - of reading it, as deep in a recursion
            call.put_failure(index, error)
        else:
            call.results[index] = result
            call.settle(1)
