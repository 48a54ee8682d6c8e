"""All that happened between one client and us, as the values that rules are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from hub.core.records import Call, Card, Change, Deal, Mark, Meeting, Message, Record, Submission, Task

R_co = TypeVar("R_co", bound=Record, covariant=True)


@dataclass(frozen=True, slots=True)
class Fact(Generic[R_co]):
    """A record on a timeline. `ref` is `connection/kind/id`; handles of ours in the record are qualified.

    live: received while its connection was live (or imported as live), so effects may follow from it. as_live: imported
    so, which counts as live for every connection.
    clamped: its times were shifted by the clock offset of the source (metrics.md 10).
    """

    ref: str
    record: R_co
    live: bool = False
    clamped: bool = False
    as_live: bool = False

    @property
    def connection(self) -> str:
        """The connection that the fact came by."""
        return self.ref.partition("/")[0]


@dataclass(frozen=True, slots=True)
class History(Generic[R_co]):
    """An object that owns over time: its versions, oldest first, and when it ended (`gone`).

    changes: what its source's log says of it, in order of (time, id).
    """

    ref: str
    versions: tuple[R_co, ...]
    gone_at: datetime | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactView:
    """Who the timeline belongs to.

    kind: `person` an ordinary client; `shared` a switchboard, its own identity; `withheld` one call without a number
    that can be called back; `none` a call that is nobody's (internal).
    """

    id: int
    name: str | None
    handles: tuple[str, ...]
    kind: Literal["person", "shared", "withheld", "none"] = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One contact's facts, each kind in order of (time, reference).

    marks: those that name a fact, a case or a handle of this contact.
    first_inbound: reference of the first inbound call ever, also when it lies before the window that was read.
    text_known: whether any message with the contact lies before the window that was read.
    """

    contact: ContactView
    calls: tuple[Fact[Call], ...] = ()
    messages: tuple[Fact[Message], ...] = ()
    submissions: tuple[Fact[Submission], ...] = ()
    meetings: tuple[Fact[Meeting], ...] = ()
    marks: tuple[Fact[Mark], ...] = ()
    tasks: tuple[Fact[Task], ...] = ()
    cards: tuple[History[Card], ...] = ()
    deals: tuple[History[Deal], ...] = ()
    first_inbound: str | None = None
    text_known: bool = False
