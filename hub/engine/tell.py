"""What is one of us told at this moment: the words and buttons, or why it waits, goes another way or is not sent?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection

from hub.core import effects, hours, owners
from hub.core.effects import AmendNotice, Answer, Notify
from hub.core.handles import value_of
from hub.core.marks import suppressed
from hub.core.notices import Notices, Shown
from hub.core.policy import LineGroup, Rulebook
from hub.core.situation import Situation
from hub.engine.resolve import NO_LONGER, SOON, SUPERSEDED, Drop, Wait
from hub.store import cases, contacts, outbox, pages, timeline

LATE = timedelta(minutes=10)
"""A notice that was due within its reader's hours may reach him so long after they ended."""
BEFORE = timedelta(days=1)
"""How long before a case began the facts may matter that are told of it."""
TALK = timedelta(hours=4)
"""No talk of ours that still runs began earlier."""
MOST_FREE = 8
"""To how many a case can be handed over by a button."""


@dataclass(frozen=True, slots=True)
class Teller:
    """The connection that tells. handles: member → his handle there."""

    name: str
    handles: Mapping[str, str]
    notices: Notices
    book: Rulebook

    def address(self, member: str) -> str:
        """Where he is reached; empty where he is not."""
        return value_of(self.handles.get(member, ""))


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent, and the rows of the outbox that are told with it, the one that it is named after first."""

    effect: Any
    rows: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Only this connection can go on with it."""

    connection: str | None


Prepared: TypeAlias = Message | Wait | Drop | Elsewhere


def prepare(connection: Connection, row: Any, teller: Teller, now: datetime) -> Prepared:
    """What is to be done about an effect for our own people. row: as `outbox.due` gives it."""
    effect = effects.from_body(row.kind, row.body)
    if isinstance(effect, Answer):
        return Message(replace(effect, address=effect.chat or teller.address(effect.to)), [row])
    address = teller.address(row.recipient)
    if not address and not isinstance(effect, AmendNotice):
        return Elsewhere(None)  # it was to be tried again by a way that is closed meanwhile
    if isinstance(effect, AmendNotice):
        return _amendment(connection, row, effect, teller, now)
    if isinstance(effect, Notify):
        return _notice(connection, row, effect, teller, now)
    return Message(_filled(effect, address, Shown("", "")), [row])


# Notices.


def _notice(connection: Connection, row: Any, effect: Notify, teller: Teller, now: datetime) -> Prepared:
    if row.told_with is not None and row.attempts:
        return _again(connection, row, effect, teller, now)
    if row.case_state not in (None, "open"):
        return Drop(NO_LONGER)
    group = _group(effect, teller.book)
    held = _quiet_until(row, group, teller.book, now)
    if held is not None:
        return Wait(held, "held")
    rows = _gathered(connection, row, group, teller.name, now)
    return rows if isinstance(rows, Wait | Drop) else _told(connection, row, effect, rows, teller, now)


def _again(connection: Connection, row: Any, effect: Notify, teller: Teller, now: datetime) -> Prepared:
    """A message of several that may have been sent: the same once more, under the same name, as they stand now."""
    rows = [item for item in outbox.together(connection, row.told_with) if item.state in outbox.OPEN]
    if not rows or rows[0].key != row.told_with:
        return Drop(SUPERSEDED)  # the message that told of it is done with
    return _told(connection, row, effect, rows, teller, now) if rows[0].id == row.id else Wait(now + SOON)


def _told(
    connection: Connection, row: Any, effect: Notify, rows: Sequence[Any], teller: Teller, now: datetime
) -> Prepared:
    """The message that tells of these notices, `row` first; nobody is told when no client of them waits."""
    ordered = [row, *(item for item in rows if item.id != row.id)]
    known = _cases_of(connection, ordered, teller, now)
    if known and not any(found.is_open for found in known):
        return Drop(NO_LONGER)
    if known and all(suppressed(found.timeline, now) for found in known):
        return Drop("the client is to be left alone")
    if len(known) > 1:
        shown = teller.notices.several(known)
    else:
        shown = teller.notices.notice(known[0], row.recipient) if known else Shown(effect.contact, "")
    also = tuple(item.key for item in ordered[1:])
    return Message(_filled(effect, teller.address(row.recipient), shown, also=also), ordered)


def _cases_of(connection: Connection, rows: Sequence[Any], teller: Teller, now: datetime) -> list[Situation]:
    """The cases that one message tells, each once however many of its steps are told with it."""
    numbers = dict.fromkeys(row.case_id for row in rows)
    return [found for number in numbers if (found := situation(connection, number, teller.book, now)) is not None]


def _filled(effect: Any, address: str, shown: Shown, **more: Any) -> Any:
    return replace(effect, address=address, title=shown.title, text=shown.text, buttons=shown.buttons, **more)


def _group(effect: Notify, book: Rulebook) -> LineGroup:
    return book.at(effect.at).group(effect.line_group)


def _quiet_until(row: Any, group: LineGroup, book: Rulebook, now: datetime) -> datetime | None:
    """When its reader works again, of a notice that was held up beyond his hours; None when he may be told now."""
    if group.critical or now - row.at <= LATE:
        return None
    calendar = owners.planned(book.team, row.recipient, group)
    opening = hours.next_opening(now, calendar, group.policy.no_calendar_horizon)
    return opening if opening is not None and opening > now else None


def _gathered(
    connection: Connection, row: Any, group: LineGroup, name: str, now: datetime
) -> Sequence[Any] | Wait | Drop:
    """The notices that are told in one message: this one alone, unless it would be too many in too short a time.

    The first ones of a burst go out as they come; what exceeds them waits for the end of the window and comes together,
    as does what was held outside his hours. What the vendor's trouble delayed comes one by one, each with its buttons.
    """
    most, window = group.policy.batch_alerts, group.policy.batch_window
    waiting = outbox.waiting_notices(connection, row.recipient, now, name)
    lately = outbox.messages_since(connection, row.recipient, now - window)
    if row.id not in {item.id for item in waiting}:
        return Drop(NO_LONGER)  # or it was told a moment ago, together with another: then nothing is dropped
    if any(item.state == "held" for item in waiting):
        return waiting
    if len(lately) + len(waiting) <= most:
        return [row]
    return Wait(lately[0] + window, "held") if lately else waiting


# What became of a notice.


def _amendment(connection: Connection, row: Any, effect: AmendNotice, teller: Teller, now: datetime) -> Prepared:
    before = outbox.sent_notice(connection, row.case_id, row.recipient, effect.step)
    if before is None:
        return Drop("there is no notice to amend")
    if before.connection != teller.name:
        return Elsewhere(before.connection)
    if _is_superseded(connection, row, effect):
        return Drop(SUPERSEDED)
    told = situation(connection, row.case_id, teller.book, now)
    shown = Shown(effect.contact, "")
    if told is not None:
        free = _free(connection, told, teller.book, now) if effect.menu == "hand" else ()
        shown = teller.notices.notice(told, row.recipient, effect.menu, free)
    if before.told_with is not None:
        others = _cases_of(connection, outbox.together(connection, before.told_with), teller, now)
        if len(others) > 1:
            several = teller.notices.several(others)
            shown = replace(several, title=shown.title) if effect.correction else several
    address = teller.address(row.recipient)
    return Message(_filled(effect, address, shown, replaces=before.vendor_id), [row])


def _is_superseded(connection: Connection, row: Any, effect: AmendNotice) -> bool:
    """Whether the same message is amended once more: it is told as it stands then."""
    said = outbox.amended(connection, [row.case_id]).get(row.case_id, ())
    return any(
        other.id > row.id
        and other.recipient == row.recipient
        and other.state in outbox.OPEN
        and other.body.get("step", "") == effect.step
        for other in said
    )


def _free(connection: Connection, told: Situation, book: Rulebook, now: datetime) -> list[str]:
    """Who of the line group works now and talks with nobody, the roster first."""
    group = told.group
    running = pages.running_calls(connection, now - TALK)
    busy = {call["answered_by"] for call in running}
    near = [key for key in (*group.duty, *group.owners.values(), group.head) if key is not None]
    wanted = dict.fromkeys([*near, *(() if len(set(near)) > 2 else book.team.members)])
    free = [
        key
        for key in wanted
        if key in book.team.members
        and key not in busy
        and key != told.turn
        and hours.is_open(now, owners.planned(book.team, key, group), group.policy.no_calendar_horizon) is not False
    ]
    return free[:MOST_FREE]


# Reading a case.


def situation(connection: Connection, case_id: int | None, book: Rulebook, now: datetime) -> Situation | None:
    """The stored case as it is now, None where there is no such row."""
    row = cases.row(connection, case_id) if case_id is not None else None
    contact = contacts.survivor(connection, row.contact_id) if row is not None else None
    if row is None or contact is None:
        return None
    known = timeline.load(connection, {contact: row.started_at - BEFORE}).timelines.get(contact)
    if known is None:
        return None
    refs = {ref for ref in (*row.evidence, row.row.get("closed_by")) if ref}
    return Situation(
        number=row.id,
        row={**row.row, "state": row.state, "resolution": row.resolution},
        timeline=known,
        calls=pages.calls_by_ref(connection, refs),
        group=book.at(row.started_at).group(row.line_group),
        team=book.team,
        head_of_sales=book.head_of_sales,
        told=outbox.told(connection, row.id),
        now=now,
    )
