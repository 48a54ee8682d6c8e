"""What do updates say: who wrote to whom, what was changed and taken back, who is a client and what is he called?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import takewhile
from typing import Literal, TypeAlias

from hub.sdk import Card, Context, Member, MemberRef, Parse, Press, Record, Said, Stored, read_number
from hub.sdk import Message as Written
from plugins.messenger.telegram import staff
from plugins.messenger.telegram.objects import Chat, Message, Met, Told, User, handle, moment, read
from plugins.messenger.telegram.settings import Settings

CHANNEL = "telegram"
SERVICE = 777000
"""The vendor's own account, which sends codes for logging in."""
STARTED = "pressed Start"
OFFLINE = "a greeting, an away message or one that was scheduled"

Author: TypeAlias = Literal["client", "member", "bot", "system"]


def updates(items: Sequence[Stored], settings: Settings, context: Context) -> Iterator[Record | Press | Said]:
    """What the updates about one message say, or a single one about something else."""
    told = [read(Told, item) for item in items]
    yield from _connections(told)
    for item in told:
        if item.update.callback_query is not None:
            yield from staff.pressed(item.update.callback_query, item.received_at, context)
    yield from _reactions(told, settings, context)
    yield from _messages(told, settings, context)


# messages


@dataclass(frozen=True, slots=True)
class Version:
    """A message as one update tells it. place: chat and, of an own account, whose."""

    told: Told
    message: Message
    place: str

    @property
    def order(self) -> tuple[int, int]:
        """Which of two is the newer one."""
        return (self.message.edit_date or 0, self.told.update.update_id)

    @property
    def id(self) -> str:
        return f"{self.place}/{self.message.message_id}"


@dataclass(frozen=True, slots=True)
class Side:
    """Who wrote, seen from us."""

    direction: Literal["in", "out"]
    author: Author
    member: MemberRef | None = None
    automatic_because: str | None = None


def _messages(told: Sequence[Told], settings: Settings, context: Context) -> Iterator[Record | Press | Said]:
    """One message; the pictures of an album are one, which tells together what they tell, and ends with the last."""
    newest: dict[int, Version] = {}
    for version in sorted(_versions(told), key=lambda version: version.order):
        newest[version.message.message_id] = version
    parts = [newest[number] for number in sorted(newest) if newest[number].message.content is not None]
    if not parts:
        return
    first = parts[0]
    written = next((item.update.message for item in told if item.update.message is not None), None)
    if not _is_own(first.told) and is_ours(first.message.chat, settings, context):
        yield from staff.said(written, first.id) if written is not None else ()
        return
    if written is not None and staff.is_code(written):
        yield staff.shown(written, first.id)
        return
    side = _side(first, context)
    if side is None:
        return
    ends = _ends(told)
    gone = [ends.get(part.message.message_id) for part in parts]
    deleted_at = max((at for at in gone if at is not None), default=None) if all(gone) else None
    yield Written(
        id=first.id,
        at=min(moment(part.message.date) for part in parts),
        changed_at=_changed_at(parts, deleted_at),
        url=_url(first.message),
        channel=CHANNEL,
        direction=side.direction,
        author=side.author,
        client=handle(first.message.chat.id),
        member=side.member,
        line=_line(first.told),
        thread=_thread(first.message),
        content=first.message.content or "text",
        text="\n".join(part.message.words for part in parts if part.message.words) or None,
        automatic=side.automatic_because is not None,
        automatic_because=side.automatic_because,
        deleted_at=deleted_at,
        deleted_by=("client" if side.author == "client" else "member") if deleted_at else None,
    )


def _versions(told: Sequence[Told]) -> Iterator[Version]:
    for item in told:
        message = item.update.said
        if message is not None:
            account = item.owner or message.business_connection_id
            place = f"{account}/{message.chat.id}" if account else f"{message.chat.id}"
            yield Version(item, message, place)


def _ends(told: Sequence[Told]) -> dict[int, datetime]:
    """When we heard of each deletion, which has no time of its own."""
    ends: dict[int, datetime] = {}
    for item in told:
        if item.update.deleted_business_messages is not None and item.message_id is not None:
            ends[item.message_id] = min(item.received_at, ends.get(item.message_id, item.received_at))
    return ends


def _changed_at(parts: Sequence[Version], deleted_at: datetime | None) -> datetime | None:
    edits = [moment(part.message.edit_date) for part in parts if part.message.edit_date]
    return max([*edits, *([deleted_at] if deleted_at else [])], default=None)


def _is_own(told: Told) -> bool:
    """Whether it is of a manager's own account."""
    return told.update.business_message is not None or told.update.edited_business_message is not None


def _line(told: Told) -> str | None:
    """Whose own account it is, where that is known, otherwise the bot."""
    return handle(told.owner) if _is_own(told) and told.owner is not None else told.line


def is_ours(chat: Chat, settings: Settings, context: Context) -> bool:
    """Whether only our own people talk there."""
    return handle(chat.id) in context.team or chat.id in settings.own_chats


def _side(version: Version, context: Context) -> Side | None:
    """Who wrote; None where it is nothing between a client and us."""
    message = version.message
    if _is_own(version.told):
        return _own_side(version, context)
    if message.chat.is_private:
        begun = message.text == "/start" or message.text.startswith("/start ")
        return Side("in", "client", automatic_because=STARTED if begun else None)
    if message.chat.type == "channel" or message.is_automatic_forward:
        return None
    if message.sender_chat is not None:
        anonymous = message.sender_chat.id == message.chat.id
        return Side("out", "member") if anonymous else Side("in", "client")
    return _group_side(message.from_, context)


def _own_side(version: Version, context: Context) -> Side | None:
    """In a manager's own account: his private chats with clients, and whatever else he does there."""
    message, owner = version.message, version.told.owner
    client, writer = message.chat.id, message.from_.id if message.from_ else None
    if client == owner or not message.chat.is_private or handle(client) in context.team:
        return None
    if writer == client:
        is_bot = message.from_ is not None and message.from_.is_bot
        return Side("in", "system" if client == SERVICE else "bot" if is_bot else "client")
    if message.sender_business_bot is not None:
        return Side("out", "bot")
    member = MemberRef(handle(writer)) if writer is not None else None
    return Side("out", "member", member, OFFLINE if message.is_from_offline else None)


def _group_side(user: User | None, context: Context) -> Side | None:
    """In a group: our people are who answers there, everybody else is the client."""
    if user is None:
        return None
    if handle(user.id) in context.team:
        return Side("out", "member", MemberRef(handle(user.id)))
    return Side("out", "bot") if user.is_bot else Side("in", "client")


def _thread(message: Message) -> str | None:
    """Of a group its number, with that of the topic."""
    if message.chat.is_private:
        return None
    topic = message.message_thread_id if message.is_topic_message else None
    return f"{message.chat.id}/{topic}" if topic is not None else str(message.chat.id)


def _url(message: Message) -> str | None:
    """Where a member of the group opens it; private chats have no addresses."""
    number = str(message.chat.id)
    return f"https://t.me/c/{number[4:]}/{message.message_id}" if number.startswith("-100") else None


# reactions


def _reactions(told: Sequence[Told], settings: Settings, context: Context) -> Iterator[Record]:
    """The last reaction of one person to one message; one that was taken back is none."""
    found = [(item.update.message_reaction, item) for item in told if item.update.message_reaction is not None]
    if not found:
        return
    last, item = max(found, key=lambda pair: (pair[0].date, pair[1].update.update_id))
    if not last.new_reaction or is_ours(last.chat, settings, context):
        return
    side = Side("in", "client") if last.chat.is_private else _group_side(last.user, context)
    if side is None:
        return
    by = last.user.id if last.user else last.actor_chat.id if last.actor_chat else 0
    message = f"{last.chat.id}/{last.message_id}"
    yield Written(
        id=f"{message}/reaction/{by}",
        at=moment(last.date),
        channel=CHANNEL,
        direction=side.direction,
        author=side.author,
        client=handle(last.chat.id),
        member=side.member,
        line=item.line,
        thread=None if last.chat.is_private else str(last.chat.id),
        content="reaction",
        text=" ".join(reaction.sign for reaction in last.new_reaction),
        concerns=message,
    )


# who is who


def _connections(told: Sequence[Told]) -> Iterator[Record]:
    """Whose own account the bot was connected to."""
    found = [item for item in told if item.update.business_connection is not None]
    if not found:
        return
    last = max(found, key=lambda item: item.update.update_id).update.business_connection
    assert last is not None, "filtered above"
    name = " ".join(filter(None, (last.user.first_name, last.user.last_name))) or str(last.user.id)
    yield Member(id=last.id, name=name, handles=(handle(last.user.id),), active=last.is_enabled)


def chats(items: Sequence[Stored], settings: Settings, context: Context) -> Iterator[Record]:
    """The card of a client, or of a group of his: his name as of the last day, and each number that he showed.

    A group that became a supergroup has two numbers and one card.
    """
    met = sorted((read(Met, item) for item in items), key=lambda told: (told.on, told.model_dump_json()))
    told = [item for item in met if item.chat.type != "channel" and not is_ours(item.chat, settings, context)]
    phones = [read_number(item.phone, context.country).handle for item in told if item.phone]
    if not told or told[0].chat.id == SERVICE or any(phone in context.team for phone in phones):
        return
    numbers = dict.fromkeys(number for item in told for number in (item.chat.id, item.moved) if number is not None)
    last = told[-1].chat
    since = min(item.on for item in _so_called(told))
    yield Card(
        id=str(max(numbers)),
        url=f"https://t.me/{last.username}" if last.username else None,
        changed_at=datetime.combine(since, time(), UTC),
        name=last.name,
        handles=(*map(handle, sorted(numbers, reverse=True)), *dict.fromkeys(filter(None, phones))),
    )


def _so_called(told: Sequence[Met]) -> Iterator[Met]:
    """Backwards as far as he was called what he is called now: that he is met again is no change."""
    return takewhile(lambda item: item.chat.name == told[-1].chat.name, reversed(told))


PARSE: Mapping[str, Parse] = {"update": updates, "chat": chats}
