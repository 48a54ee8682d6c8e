"""Which streams does an account have?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from hub.sdk import Page, Raw, Stream, Temporary
from plugins.amocrm import changes, past
from plugins.amocrm.client import LACKS, Amo, Lacking, Params, Row
from plugins.amocrm.feeds import CONTACTS, TRASH, by_ids, feeds, with_hub
from plugins.amocrm.reconcile import reconcile
from plugins.amocrm.settings import Settings

EVERY = timedelta(minutes=1)
"""Between two looks for changes; a webhook rings in between."""
RARELY = timedelta(hours=1)
"""Between two looks at lists that are read as a whole."""
_ONCE = timedelta(days=1)


def streams(settings: Settings) -> Sequence[Stream]:
    """Each list from now on, each list's past, and the lists that know no changes."""
    lists = feeds(settings)
    return (
        Stream("users", users, every=RARELY),
        *(
            Stream(feed.stream, partial(changes.follow, feed=feed), every=RARELY if feed is TRASH else EVERY)
            for feed in lists
        ),
        *(
            Stream(f"{feed.stream}_history", partial(past.fetch, feed=feed), every=_ONCE, backfill=True)
            for feed in lists
            if feed is not TRASH
        ),
        Stream("unsorted", unsorted, every=EVERY),
        Stream("reconcile", reconcile, every=RARELY, backfill=True),
    )


async def users(client: Amo, cursor: Any) -> AsyncIterator[Page]:
    """All users with their groups and rights; one who was deleted there is handed on once more, as gone."""
    known: dict[str, str] = dict((cursor or {}).get("names") or {})
    try:
        rows = [row async for row in client.all_rows("/api/v4/users", (("with", "role,group"),))]
    except Lacking as error:
        raise Temporary(
            f"users cannot be read: {error}; let an administrator log in. An integration that was made by the button may "
            "not read them at all: make one in the account's settings",
            LACKS,
        ) from error
    names = {str(row["id"]): str(row.get("name", "")) for row in rows}
    items = [Raw("user", str(row["id"]), row) for row in rows]
    items += [
        Raw("user", number, with_hub({"id": int(number), "name": name}, removed=True))
        for number, name in known.items()
        if number not in names
    ]
    yield Page(items, cursor={"names": names})


_NEWEST: Params = (("order[created_at]", "desc"),)


async def unsorted(client: Amo, cursor: Any) -> AsyncIterator[Page]:
    """Incoming leads, the newest first, until those of the last time; the first time all that still wait."""
    known = (cursor or {}).get("at", 0) - changes.OVERLAP
    newest = max(known, 0)
    items: list[Raw] = []
    try:
        async for row in client.all_rows("/api/v4/leads/unsorted", _NEWEST):
            if row["created_at"] < known:
                break
            newest = max(newest, row["created_at"])
            items.append(Raw("unsorted", row["uid"], row))
    except Lacking as error:
        raise Temporary(f"incoming leads cannot be read: {error}", LACKS) from error
    forms = [raw for raw in items if raw.payload.get("category") == "forms"]
    people = await _people(client, [raw.payload for raw in forms])
    items = [Raw(raw.kind, raw.id, _with_people(raw.payload, people)) for raw in items]
    yield Page(items, cursor={"at": newest})


async def _people(client: Amo, rows: Sequence[Row]) -> dict[int, Row]:
    """The contacts of incoming leads, which name them by number alone."""
    ids = sorted({stub["id"] for row in rows for stub in _contacts(row)})
    return {row["id"]: row for row in await by_ids(client, CONTACTS, ids)}


def _with_people(row: Row, people: dict[int, Row]) -> Row:
    found = [people.get(stub["id"], stub) for stub in _contacts(row)]
    return {**row, "_embedded": {**row["_embedded"], "contacts": found}} if found else row


def _contacts(row: Row) -> list[Row]:
    inside = row.get("_embedded")
    return [stub for stub in (inside.get("contacts") or []) if "id" in stub] if isinstance(inside, dict) else []
