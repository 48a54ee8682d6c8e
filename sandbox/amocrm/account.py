"""What does one account of the pretend amoCRM hold?"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sandbox.amocrm.links import Links
from sandbox.amocrm.tables import Table
from sandbox.amocrm.types import KINDS, SINGULAR, Json

if TYPE_CHECKING:
    from sandbox.amocrm.hooks import Hooks

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_BEGIN = {
    "leads": 900101, "contacts": 51001, "companies": 61001, "customers": 31001, "tasks": 7001, "notes": 760001,
    "tags": 5, "fields": 70101, "enums": 88201, "pipelines": 3200, "statuses": 33001, "users": 8100011, "roles": 401,
    "hooks": 1056949, "sources": 2101, "talks": 117, "chats": 26219, "loss_reasons": 5001, "groups": 1,
}  # fmt: skip


@dataclass
class Clock:
    """The account's time; tests move it."""

    shift: float = 0

    def now(self) -> int:
        return int(time.time() + self.shift)


class Ids:
    """Numbers that only grow, with gaps, each kind its own."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._next = dict(_BEGIN)

    def next(self, kind: str) -> int:
        id = self._next[kind]
        self._next[kind] = id + self._dice.randint(1, 3)
        return id

    def hex(self, length: int) -> str:
        return f"{self._dice.getrandbits(length * 4):0{length}x}"

    def uuid(self) -> str:
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def event(self, now: int) -> str:
        """26 letters that sort by time, as those of events."""
        number = (now * 1000 << 80) | self._dice.getrandbits(80)
        return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass
class Account:
    """Everything behind one subdomain. `hooks` tells the outside, `events` remembers."""

    id: int
    subdomain: str
    name: str
    hooks: Hooks
    ids: Ids
    clock: Clock
    domain: str = "amocrm.ru"
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Moscow"))
    settings: Json = field(default_factory=dict)
    """What `/_ctl/set` may change of the account: is_api_filter_enabled, is_paid, is_unsorted_on, duplicate_control,
    customers_mode."""
    users: dict[int, Json] = field(default_factory=dict)
    roles: dict[int, Json] = field(default_factory=dict)
    groups: list[Json] = field(default_factory=list)
    task_types: list[Json] = field(default_factory=list)
    pipelines: dict[int, Json] = field(default_factory=dict)
    loss_reasons: dict[int, Json] = field(default_factory=dict)
    fields: dict[str, dict[int, Json]] = field(default_factory=dict)
    field_groups: dict[str, list[Json]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=lambda: {kind: Table(kind) for kind in (*KINDS, "tasks", "notes")})
    tags: dict[str, dict[int, Json]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    tagged: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """Tags of a card, by kind and id."""
    links: Links = field(default_factory=Links)
    events: list[Json] = field(default_factory=list)
    """Oldest first."""
    unsorted: dict[str, Json] = field(default_factory=dict)
    seen_unsorted: set[str] = field(default_factory=set)
    """Fingerprints of what came in, because the same is refused when it comes again."""
    sources: dict[int, Json] = field(default_factory=dict)
    talks: dict[int, Json] = field(default_factory=dict)
    chats: list[Json] = field(default_factory=list)
    popups: list[Json] = field(default_factory=list)
    """Call popups shown by `/api/v2/events`."""
    subscriptions: dict[int, list[int]] = field(default_factory=dict)
    """Users who follow a lead."""

    @property
    def host(self) -> str:
        return f"{self.subdomain}.{self.domain}"

    def now(self) -> int:
        return self.clock.now()

    def table(self, kind: str) -> Table:
        return self.tables[kind]

    def row(self, kind: str, id: int) -> Json | None:
        """A card that is neither deleted nor hidden in the unsorted."""
        found = self.tables[kind].rows.get(id)
        return None if found is None or found.get("is_unsorted") else found

    def linked(self, kind: str, id: int, other: str) -> list[int]:
        """Ids of the cards linked to one that are there to be seen."""
        return [one for one in self.links.of((kind, id), other) if self.row(other, one) is not None]

    def main_contact(self, lead: int) -> int | None:
        """The main contact of a lead, otherwise its first one."""
        contacts = self.linked("leads", lead, "contacts")
        main = self.links.main_contact(lead)
        return main if main in contacts else next(iter(contacts), None)

    def group_of(self, user_id: int | None) -> int:
        user = self.users.get(user_id or 0)
        return (user["rights"]["group_id"] or 0) if user else 0

    def main_pipeline(self) -> Json:
        return next((one for one in self.pipelines.values() if one["is_main"]), next(iter(self.pipelines.values())))

    def has_status(self, pipeline_id: int, status_id: int) -> bool:
        pipeline = self.pipelines.get(pipeline_id)
        return pipeline is not None and any(one["id"] == status_id for one in pipeline["statuses"])

    def record(
        self, type: str, kind: str, id: int, by: int, *, after: Sequence[Json] = (), before: Sequence[Json] = ()
    ) -> None:
        """Remember an event about a card or a task."""
        now = self.now()
        self.events.append({
            "id": self.ids.event(now), "type": type, "entity_id": id, "entity_type": SINGULAR[kind], "created_by": by,
            "created_at": now, "value_after": list(after), "value_before": list(before),
            "account_id": self.id,
        })  # fmt: skip
