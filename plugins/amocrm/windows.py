"""How is a list read to its end while it is being changed: nothing skipped, whatever moves under the reader?

A list in the order of its seconds is never paged by numbers beyond one second: the next page begins with the second that
the last one ended in, so that what is changed meanwhile moves to the end, where it will be met, and shifts nothing that
was not read yet. A second with more than a page is read by numbers, the last page first: what leaves it only moves
others to pages that are still to come.

Where the tariff has no filters, a list is read whole by its ids, and followed from its newest change back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hub.sdk import Temporary
from plugins.amocrm.client import Heavy, NoFilters, Row
from plugins.amocrm.feeds import FOR_EVER, Reader

MOST_PAGES = 2**20
"""More pages than any list has."""


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds that are still to be read, both included.

    page: of a sorted list the page of second `at` that is next, counting down, 0 outside such a second; of another how
    many rows were read. span: seconds that the last page covered, 0 while nobody knows.
    """

    at: int
    until: int
    page: int = 0
    span: int = 0

    @classmethod
    def of(cls, stored: Any) -> Window:
        return cls(*stored)

    @property
    def stored(self) -> list[int]:
        """As part of a cursor."""
        return [self.at, self.until, self.page, self.span]

    @property
    def pages(self) -> float:
        """How many pages are left, as far as the last one can tell."""
        return (self.until - self.at) / self.span if self.span else 0.0

    def halves(self) -> tuple[Window, Window]:
        """Two windows that are read independently of each other."""
        middle = (self.at + self.until) // 2
        return replace(self, until=middle), Window(middle + 1, self.until, span=self.span)


class Step(NamedTuple):
    """One request's result: the rows, and where the window goes on; at None: there is nothing more in it."""

    rows: list[Row]
    at: int | None
    page: int = 0
    span: int = 0

    def rest(self, window: Window) -> Window | None:
        """What is left of the window, None for nothing."""
        if self.at is None or self.at > window.until:
            return None
        return replace(window, at=self.at, page=self.page, span=self.span or window.span)


async def step(reader: Reader, window: Window) -> Step:
    """Read the next page of a window."""
    try:
        if not reader.feed.sorted:
            return await _step_by_number(reader, window)
        return await (_step if reader.filtered else _step_whole)(reader, window)
    except Heavy as error:
        reader.shrink(error)
    except NoFilters:
        reader.filtered = False
        return Step([], window.at, window.page)
    return Step([], window.at)


async def _step(reader: Reader, window: Window) -> Step:
    if window.page:
        rows = await reader.page(window.at, window.at, window.page, order="id asc")
        return Step(rows, window.at, window.page - 1) if window.page > 1 else Step(rows, window.at + 1)
    limit = reader.limit
    rows = await reader.page(window.at, window.until)
    if len(rows) < limit:
        return Step(rows, None)
    first, last = reader.stamp_of(rows[0]), reader.stamp_of(rows[-1])
    if last > window.at:
        return Step(rows, last, span=max(last - first, 1))
    return Step([], window.at, await _last_page(reader, window.at))


async def _last_page(reader: Reader, second: int) -> int:
    """How many pages a second has, of which the first is full; of a list without filters, how many it has in all."""
    full, empty = 1, 2
    while await reader.page(second, second, empty, order="id asc"):
        full, empty = empty, empty * 2
        if empty > MOST_PAGES:
            raise Temporary(f"{reader.feed.stream}: amoCRM gives page after page and no end")
    while empty - full > 1:
        middle = (full + empty) // 2
        if await reader.page(second, second, middle, order="id asc"):
            full = middle
        else:
            empty = middle
    return full


async def _step_whole(reader: Reader, window: Window) -> Step:
    """Without filters: what was changed since, the newest first; the past by ids, the last page first."""
    if window.until < FOR_EVER:
        if not window.page:
            return Step([], window.at, await _last_page(reader, window.at))
        rows = await reader.page(window.at, window.until, window.page, order="id asc")
        wanted = [row for row in rows if window.at <= reader.stamp_of(row) <= window.until]
        return Step(wanted, window.at, window.page - 1) if window.page > 1 else Step(wanted, None)
    limit = reader.limit
    number = window.page // limit + 1
    rows = await reader.page(window.at, window.until, number, order=f"{reader.feed.stamp} desc")
    fresh = [row for row in rows if reader.stamp_of(row) >= window.at]
    ends = len(rows) < limit or len(fresh) < len(rows)
    return Step(fresh, None if ends else window.at, number * limit)


async def _step_by_number(reader: Reader, window: Window) -> Step:
    limit = reader.limit
    number = window.page // limit + 1
    rows = await reader.page(window.at, window.until, number)
    return Step(rows, window.at, number * limit) if len(rows) >= limit else Step(rows, None)
