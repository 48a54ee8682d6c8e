"""Which lists of an account are read, and how one page of each is asked for?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.sdk import Raw, Temporary
from plugins.amocrm.client import LACKS, PAGE, SMALLEST, Amo, Heavy, Lacking, NoFilters, Params, Row
from plugins.amocrm.settings import Settings

FOR_EVER = 2**31 - 1
"""The end of what has none."""
SETTLES = 2
"""Seconds after which nothing more is changed under a second's `updated_at`, the vendor's clock granted."""
EVENTS = (
    "lead_status_changed",
    "entity_responsible_changed",
    "lead_deleted",
    "contact_deleted",
    "company_deleted",
    "task_deleted",
    "lead_restored",
    "contact_restored",
    "company_restored",
    "entity_merged",
)
"""Lines of the log that change what the hub knows."""
_CALLS = (("filter[note_type][]", "call_in"), ("filter[note_type][]", "call_out"))


@dataclass(frozen=True, slots=True)
class Feed:
    """A list of the account.

    stream: name of its stream. raw: kind of its items. stamp: the key with the second by which it is filtered. sorted:
    whether it can be had in the order of that second; else its pages are read by number as they come: rows are only
    ever added to it, so that some may be met twice, but none is skipped. log: it tells what happened, so that its history ends after a while. lacking: what to
    do where tariff or rights lack it.
    """

    stream: str
    raw: str
    path: str
    params: Params = ()
    stamp: str = "updated_at"
    page: int = PAGE
    sorted: bool = True
    log: bool = False
    lacking: str = "let an administrator of the account log in"


CONTACTS = Feed("contacts", "contact", "/api/v4/contacts")
COMPANIES = Feed("companies", "company", "/api/v4/companies")
LEADS = Feed("leads", "lead", "/api/v4/leads", (("with", "contacts"),))
TASKS = Feed("tasks", "task", "/api/v4/tasks")
TRASH = Feed("trash", "lead", "/api/v4/leads", (("with", "only_deleted"),))
EVENT_LOG = Feed(
    "events",
    "event",
    "/api/v4/events",
    tuple(("filter[type][]", name) for name in EVENTS),
    stamp="created_at",
    page=100,
    sorted=False,
    log=True,
    lacking="the log of events is part of paid tariffs; without it owners are known as of now, and deletions a night later",
)
CALL_NOTES = tuple(
    Feed(f"{name}_calls", "note", f"/api/v4/{path}/notes", _CALLS, log=True)
    for name, path in (("contact", "contacts"), ("company", "companies"), ("lead", "leads"))
)
OBJECTS = {"contact": CONTACTS, "company": COMPANIES, "lead": LEADS}
"""The list of an object, by the name that events give it."""


def feeds(settings: Settings) -> Sequence[Feed]:
    """The lists that these settings ask for."""
    calls = () if settings.calls == "ignore" else CALL_NOTES
    return (CONTACTS, COMPANIES, LEADS, TASKS, TRASH, EVENT_LOG, *calls)


def wanted(client: Amo, feed: Feed) -> bool:
    """Whether anybody would make use of the list: calls noted in the CRM may come from a telephony already."""
    return feed.raw != "note" or client.settings.reads_calls(client.host.context)


@dataclass(slots=True)
class Reader:
    """One list being read.

    limit: rows of a page, fewer when the vendor cannot put so many together. filtered: whether it can be asked for by its
    stamp, which for cards and deals is part of better tariffs.
    """

    client: Amo
    feed: Feed
    limit: int
    filtered: bool = True

    @classmethod
    def of(cls, client: Amo, feed: Feed) -> Reader:
        return cls(client, feed, feed.page)

    async def page(self, since: int, until: int, number: int = 1, order: str = "") -> list[Row]:
        """A page of what has its stamp within these seconds, both included; without filters of the whole list.

        order: `id asc`, `updated_at desc`; left out, by the stamp. Raises Heavy, NoFilters, Temporary.
        """
        stamp = self.feed.stamp
        params: list[tuple[str, str | int]] = [*self.feed.params, ("page", number)]
        if self.filtered:
            params.append((f"filter[{stamp}][from]", since))
        if self.filtered and until < FOR_EVER:
            params.append((f"filter[{stamp}][to]", until))
        if self.feed.sorted:
            key, _, way = (order or f"{stamp} asc").partition(" ")
            params.append((f"order[{key}]", way))
        try:
            return await self.client.page(self.feed.path, params, self.limit)
        except Lacking as error:
            if self.feed.raw in OBJECTS and self.filtered:
                raise NoFilters(str(error)) from error
            raise Temporary(f"{self.feed.stream} cannot be read: {error}; {self.feed.lacking}", LACKS) from error

    def shrink(self, error: Heavy) -> None:
        """Ask for less at a time from now on. Raises Temporary where that leads nowhere."""
        if self.limit <= SMALLEST:
            raise Temporary(str(error)) from error
        self.limit //= 2

    async def raws(self, rows: Sequence[Row]) -> list[Raw]:
        """The rows as items, with what `parse` needs beside them."""
        settled = self.client.vendor_now() - timedelta(seconds=SETTLES)
        return [
            Raw(self.feed.raw, str(row["id"]), await self._with_names(self._marked(row, settled)))
            for row in rows
            if "id" in row
        ]

    def _marked(self, row: Row, settled: datetime) -> Row:
        if self.feed.stamp != "updated_at" or self.stamp_of(row) < settled.timestamp():
            return row
        return with_hub(row, unsettled=True)

    def stamp_of(self, row: Row) -> int:
        """The second by which the row is filtered."""
        return int(row.get(self.feed.stamp) or 0)

    async def _with_names(self, row: Row) -> Row:
        if self.feed is not LEADS or "status_id" not in row:
            return row
        pipeline, stage = await self.client.stage(row.get("pipeline_id") or 0, row["status_id"])
        currency = (await self.client.account()).get("currency")
        return with_hub(row, pipeline=pipeline, stage=stage, currency=currency)


def with_hub(row: Row, **added: Any) -> Row:
    """The row with what the hub knows about it beside the vendor's own keys."""
    return {**row, "_hub": {**(row.get("_hub") or {}), **added}}


async def by_ids(client: Amo, feed: Feed, ids: Sequence[int]) -> list[Row]:
    """These objects, whatever their stamp; who is missing is gone."""
    rows: list[Row] = []
    for start in range(0, len(ids), PAGE):
        wanted = [("filter[id][]", number) for number in ids[start : start + PAGE]]
        try:
            rows += await client.rows(feed.path, [*feed.params, *wanted], PAGE)
        except Lacking:  # no filters in this tariff
            found = [await client.get(f"{feed.path}/{number}", feed.params) for _, number in wanted]
            rows += [row for row in found if row is not None]
    return rows
