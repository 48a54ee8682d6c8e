"""What do the contacts of a large account look like? Pages of JSON made by dice, the same for the same seed."""

import json
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel

from hub.sdk import Connector, Page, Raw, Stream
from plugins.amocrm.parse import PARSE

PAGE = 250
"""Contacts a page."""
START = 1_767_950_400
"""Unix seconds of the first change."""
SHARING = 0.05
"""The part of contacts whose first phone another contact has, too."""
SWITCHBOARDS = 20
"""Numbers that a fifth of those share."""


def pages(count: int, changed: float | None = None) -> Iterator[bytes]:
    """All contacts in pages; with `changed` only so large a part of them, renamed and with another phone, a day later."""
    dice = random.Random(2)
    chosen = range(count) if changed is None else sorted(dice.sample(range(count), int(count * changed)))
    for begin in range(0, len(chosen), PAGE):
        items = [_contact(number, changed is not None) for number in chosen[begin : begin + PAGE]]
        yield json.dumps({"_page": 1, "_embedded": {"contacts": items}}, separators=(",", ":")).encode()


def _contact(number: int, again: bool) -> dict[str, Any]:
    """A contact as CRMs answer it, of some 900 bytes: one or two phones, an e-mail, an owner, a company."""
    dice = random.Random(number)
    identity, at = 51_000 + number, START + number
    phones = [
        _phone(number, dice),
        *([f"8 (812) {number % 900 + 100}-{number // 900:04}"] if dice.random() < 0.4 else []),
    ]
    if again:
        phones[-1] = f"+7931{number:07}"
    name = f"Пётр Ильин {number}"
    return {
        "id": identity,
        "name": name + " младший" * again,
        "first_name": "Пётр",
        "last_name": f"Ильин {number}",
        "responsible_user_id": 8_100_001 + number % 12,
        "group_id": 0,
        "created_by": 0,
        "updated_by": 8_100_001,
        "created_at": START - 86_400,
        "updated_at": at + 10_000_000 * again,
        "is_deleted": False,
        "is_unsorted": False,
        "closest_task_at": None,
        "account_id": 30_215_544,
        "custom_fields_values": [
            _field(812_345, "Телефон", "PHONE", phones),
            _field(812_347, "Email", "EMAIL", [f"ilin{number}@example.ru"]),
        ],
        "_links": {"self": {"href": f"https://vostok.amocrm.ru/api/v4/contacts/{identity}"}},
        "_embedded": {"tags": [], "companies": [{"id": 61_001 + number // 3}], "leads": [{"id": 900_101 + number}]},
    }


def _phone(number: int, dice: random.Random) -> str:
    """The contact's own number as people write it, or one he shares with few or with many."""
    lot = dice.random()
    if lot < SHARING / 5:
        return f"+7495{number % SWITCHBOARDS:07}"
    if lot < SHARING:
        number -= dice.randrange(1, 4)
    return dice.choice(["+7921{:07}", "8921{:07}", "7921{:07}"]).format(max(number, 0))


def _field(identity: int, name: str, code: str, values: Sequence[str]) -> dict[str, Any]:
    content = [{"value": value, "enum_id": 571_111, "enum_code": "WORK"} for value in values]
    return {"field_id": identity, "field_name": name, "field_code": code, "field_type": "multitext", "values": content}


# A connector that takes the pages from a file where the vendor's would ask a server; they mean what they mean there.


class Settings(BaseModel):
    """Where the pages are, one a line."""

    pages: Path


@asynccontextmanager
async def _open(settings: Settings, _host: Any) -> AsyncIterator[Settings]:
    yield settings


async def _pull(settings: Settings, cursor: int | None) -> AsyncIterator[Page]:
    with settings.pages.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number > (cursor or 0):
                contacts = orjson.loads(line)["_embedded"]["contacts"]
                yield Page([Raw("contact", str(contact["id"]), contact) for contact in contacts], cursor=number)


CONNECTOR = Connector(
    name="contacts",
    settings=Settings,
    open=_open,
    parse={"contact": PARSE["contact"]},
    streams=lambda _: [Stream("contacts", pull=_pull)],
)
