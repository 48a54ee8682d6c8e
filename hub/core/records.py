"""What comes in: the one model's records, as frozen values that cannot be built wrong (model.md 2)."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal, NewType, TypeAlias, TypeVar, cast

from hub.core import handles
from hub.core.handles import Handle

R = TypeVar("R")
MemberRef = NewType("MemberRef", str)
"""One of us: a handle (`user:amo/504141`, `ext:pbx/101`) or a key of `[team]`."""
Target = NewType("Target", str)
"""Where a leg or a transfer went: a handle, or a name such as a queue's."""
Reference = NewType("Reference", str)
"""`connection/kind/id`, for example `pbx/call/1795428997.24`."""


class WrongRecord(ValueError):
    """A record that cannot be built; `problems` holds every reason, each beginning with its key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


LegResult: TypeAlias = Literal[
    "answered",
    "no_answer",
    "busy",
    "declined",
    "elsewhere",
    "cancelled",
    "forwarded",
    "failed",
    "unreachable",
    "timeout",
    "closed",
]
Completeness: TypeAlias = Literal["live", "repaired", "partial"]
PresenceState: TypeAlias = Literal["in", "out", "busy", "free", "away"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One ringing, talking or playing stretch of a call (model.md 2.1)."""

    kind: Literal["member", "external", "client", "queue", "menu", "announcement", "voicemail", "bot", "hold"]
    to: Target | None = None
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    result: LegResult | None = None
    complete_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A call handed on; JSON key `from` is `from_` here."""

    kind: Literal["blind", "attended", "pickup", "park", "forward"]
    from_: Target | None = None
    to: Target | None = None
    at: datetime
    answered: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """How long both sides were in a meeting, in seconds."""

    client: int | None = None
    member: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Versioned:
    """What every record may carry."""

    id: str
    url: str | None = None
    changed_at: datetime | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(_Versioned):
    """One of us, as a system knows him."""

    name: str
    handles: tuple[Handle, ...] = ()
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Card(_Versioned):
    """A client, as a system knows him."""

    name: str | None = None
    handles: tuple[Handle, ...] = ()
    owner: MemberRef | None = None
    company: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal(_Versioned):
    """A possible sale; `cards` are ids of cards of the same connection."""

    title: str | None = None
    cards: tuple[str, ...] = ()
    owner: MemberRef | None = None
    pipeline: str | None = None
    stage: str | None = None
    state: Literal["open", "won", "lost"] = "open"
    amount: float | None = None
    currency: str | None = None
    created_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(_Versioned):
    """Something one of us has to do; `key` is the key of our effect that made it."""

    title: str | None = None
    card: str | None = None
    deal: str | None = None
    owner: MemberRef | None = None
    created_at: datetime | None = None
    due_at: datetime | None = None
    done_at: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(_Versioned):
    """One session with all its legs (model.md 2.1)."""

    direction: Literal["inbound", "outbound", "internal"]
    client: Handle | None = None
    client_raw: str | None = None
    line: str | None = None
    started_at: datetime
    ended_at: datetime | None = None
    hangup_by: Literal["client", "member", "system"] | None = None
    final: bool = False
    callback_requested: bool = False
    voicemail_seconds: int | None = None
    spam: bool = False
    test: bool = False
    origin: Literal["manual", "click2call", "callback_widget", "autodial"] | None = None
    queue: str | None = None
    completeness: Completeness = "live"
    recordings: tuple[str, ...] = ()
    legs: tuple[Leg, ...]
    transfers: tuple[Transfer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(_Versioned):
    """One message of a conversation (model.md 2.2).

    Of a mail, too: message_id, the same in every mailbox; references: Message-IDs of those that it answers; bare: its
    writer added nothing to what he answers; coverage: `inbound_only` where nobody sees what that mailbox sends.
    """

    at: datetime
    channel: str
    direction: Literal["in", "out"]
    author: Literal["client", "member", "bot", "system", "campaign"]
    client: Handle
    member: MemberRef | None = None
    line: str | None = None
    thread: str | None = None
    content: Literal[
        "text",
        "voice",
        "photo",
        "file",
        "sticker",
        "location",
        "contact",
        "form",
        "note",
        "handoff",
        "reaction",
        "edit",
        "receipt",
    ] = "text"
    text: str | None = None
    automatic: bool | Literal["suspected"] = False
    automatic_because: str | None = None
    delivery: Literal["sent", "delivered", "read", "failed", "bounced_hard", "bounced_soft"] | None = None
    concerns: str | None = None
    subject: str | None = None
    message_id: str | None = None
    references: tuple[str, ...] = ()
    bare: bool = False
    coverage: Literal["inbound_only"] | None = None
    deleted_at: datetime | None = None
    deleted_by: Literal["client", "member", "system"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission(_Versioned):
    """A form that a client filled in."""

    at: datetime
    form: str | None = None
    line: str | None = None
    handles: tuple[Handle, ...] = ()
    name: str | None = None
    wants_at: datetime | None = None
    source: Mapping[str, str] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting(_Versioned):
    """A meeting with a client; `handles` are the client's."""

    starts_at: datetime
    ends_at: datetime | None = None
    title: str | None = None
    handles: tuple[Handle, ...] = ()
    member: MemberRef | None = None
    state: Literal["planned", "held", "cancelled", "missed"] = "planned"
    joined: Joined | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(_Versioned):
    """One of us came, went or changed his state."""

    id: str = ""
    member: MemberRef
    at: datetime
    state: PresenceState
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(_Versioned):
    """What a person decided about a case, a fact or a client (model.md 2, metrics.md 3.3)."""

    at: datetime
    by: MemberRef
    kind: Literal[
        "taken",
        "closed",
        "no_reply_needed",
        "contacted",
        "snoozed",
        "excused",
        "suppressed",
        "unsuppressed",
        "reopened",
    ]
    on: Target
    reason: str | None = None
    until: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone(_Versioned):
    """An object that was deleted at the source; `of` is its kind."""

    of: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(_Versioned):
    """An entry of a source's log: at `at` the `field` of a card or deal went from `before` to `after`.

    of, on: kind and id of the object, of the same connection. before, after: members for `owner` (None: nobody's), and
    `open`, `won` or `lost` for `state`.
    """

    of: Literal["card", "deal"]
    on: str
    at: datetime
    field: Literal["owner", "state"]
    before: MemberRef | None = None
    after: MemberRef | None = None


Record: TypeAlias = (
    Member | Card | Deal | Task | Call | Message | Submission | Meeting | Presence | Mark | Change | Gone
)
KINDS: Mapping[str, type[Record]] = types.MappingProxyType(
    {
        "member": Member,
        "card": Card,
        "deal": Deal,
        "task": Task,
        "call": Call,
        "message": Message,
        "submission": Submission,
        "meeting": Meeting,
        "presence": Presence,
        "mark": Mark,
        "change": Change,
        "gone": Gone,
    }
)
CLOSING_REASONS = ("wrong_number", "spam", "duplicate", "handled_offline", "asked_not_to_call")
_JSON_NAMES = {"from_": "from"}


def kind(record: Record) -> str:
    """The name of the record's kind, as in the JSON key `record`."""
    return type(record).__name__.lower()


def reference(connection: str, record: Record) -> Reference:
    """`connection/kind/id`; of a `gone` the reference of what is gone."""
    return Reference(f"{connection}/{record.of if isinstance(record, Gone) else kind(record)}/{record.id}")


def instant(value: object) -> datetime:
    """An RFC 3339 instant with an offset, as UTC cut to milliseconds; ValueError otherwise."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an instant; write 2026-03-10T10:00:42+03:00") from None
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not an instant; write 2026-03-10T10:00:42+03:00")
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no offset; write {value.isoformat()}+03:00")
    try:
        utc = value.astimezone(UTC)
    except OverflowError:
        raise ValueError(
            f"{value.isoformat()} is beyond the calendar; leave the key out where there is no time"
        ) from None
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


# Reading: one coder a type of field, chosen from the annotations once a class.


@dataclass(slots=True)
class _Reading:
    """One record being read: where in it we are, by what country numbers are read, what was wrong so far."""

    country: str
    problems: list[str] = field(default_factory=list)

    def wrong(self, path: str, why: str) -> None:
        self.problems.append(f"{path}: {why}")


_Coder: TypeAlias = Callable[[_Reading, str, object], Any]


def _instant(reading: _Reading, path: str, value: object) -> datetime | None:
    try:
        return instant(value)
    except ValueError as error:
        reading.wrong(path, str(error))
        return None


def _text(reading: _Reading, path: str, value: object) -> str | None:
    if isinstance(value, str) and value:
        return value
    reading.wrong(path, "an empty text; leave the key out or write null" if value == "" else f"{value!r} is not a text")
    return None


def _handle(reading: _Reading, path: str, value: object) -> str | None:
    if not isinstance(value, str):
        reading.wrong(path, f"{value!r} is not a handle; write for example phone:+79211234567")
        return None
    try:
        return handles.canonical(value, reading.country)
    except ValueError as error:
        reading.wrong(path, str(error))
        return None


def _target(reading: _Reading, path: str, value: object) -> str | None:
    text = _text(reading, path, value)
    return _handle(reading, path, text) if text and text.startswith(("phone:", "email:")) else text


def _boolean(reading: _Reading, path: str, value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    reading.wrong(path, f"{value!r} is neither true nor false")
    return None


def _whole(reading: _Reading, path: str, value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    reading.wrong(path, f"{value!r} is not a whole number")
    return None


def _number(reading: _Reading, path: str, value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    reading.wrong(path, f"{value!r} is not a number")
    return None


def _choice(options: tuple[object, ...]) -> _Coder:
    types_known = {type(option) for option in options}

    def read(reading: _Reading, path: str, value: object) -> object:
        if type(value) in types_known and value in options:
            return value
        reading.wrong(path, f"{value!r} is none of {' '.join(map(str, options))}")
        return None

    return read


def _many(coder: _Coder) -> _Coder:
    def read(reading: _Reading, path: str, value: object) -> tuple[Any, ...]:
        if isinstance(value, list | tuple):
            return tuple(coder(reading, f"{path}[{number}]", item) for number, item in enumerate(value))
        reading.wrong(path, f"{value!r} is not a list")
        return ()

    return read


def _texts(reading: _Reading, path: str, value: object) -> dict[str, str] | None:
    if isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values()):
        return dict(value)
    reading.wrong(path, f"{value!r} is not an object of texts")
    return None


def _nested(cls: type) -> _Coder:
    def read(reading: _Reading, path: str, value: object) -> object:
        if isinstance(value, Mapping):
            return _build(cls, value, reading, f"{path}.")
        reading.wrong(path, f"{value!r} is not an object")
        return None

    return read


_SIMPLE: Mapping[object, _Coder] = {
    datetime: _instant,
    str: _text,
    Handle: _handle,
    MemberRef: _target,
    Target: _target,
    Reference: _text,
    bool: _boolean,
    int: _whole,
    float: _number,
}


def _coder(annotation: object) -> _Coder:
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return _choice(arguments)
    if origin is Mapping:
        return _texts
    if origin is tuple:
        return _many(_coder(arguments[0]))
    if is_dataclass(annotation):
        return _nested(cast(type, annotation))
    inner = [argument for argument in arguments if argument is not type(None)]
    if len(inner) == 1:
        return _coder(inner[0])
    return _choice((True, False, *typing.get_args(inner[1])))  # bool | Literal["suspected"]


@cache
def _coders(cls: type) -> Mapping[str, tuple[str, _Coder, bool]]:
    """JSON key → (field, coder, required) of a record class."""
    hints = typing.get_type_hints(cls)
    return {
        _JSON_NAMES.get(item.name, item.name): (item.name, _coder(hints[item.name]), item.default is MISSING)
        for item in fields(cls)
    }


def _build(cls: type, data: Mapping[str, object], reading: _Reading, prefix: str = "") -> Any:
    coders = _coders(cls)
    before = len(reading.problems)
    for key in data.keys() - coders.keys():
        reading.wrong(prefix + key, f"no such key; known are {' '.join(coders)}")
    values: dict[str, Any] = {}
    for key, (name, coder, required) in coders.items():
        value = data.get(key)
        if value is not None:
            values[name] = coder(reading, prefix + key, value)
        elif required:
            reading.wrong(prefix + key, "is required")
    return cls(**values) if len(reading.problems) == before else None


def from_json(data: Mapping[str, object], country: str = "RU") -> Record:
    """Build the record that a JSON object of our own format describes.

    Unknown keys are refused (a typing error must not vanish), phone handles are canonicalised by `country`.
    Raises WrongRecord with every problem.
    """
    name = data.get("record")
    cls = KINDS.get(name) if isinstance(name, str) else None
    if cls is None:
        raise WrongRecord([f"record: {name!r} is none of {' '.join(KINDS)}"])
    content = {key: value for key, value in data.items() if key != "record"}
    if cls is Presence and "id" not in content:
        content["id"] = f"{content.get('member')}@{content.get('at')}"
    if cls is Meeting and "handles" not in content and "client" in content:
        client = content.pop("client")
        content["handles"] = client if isinstance(client, list) else [client]
    reading = _Reading(country)
    record = _build(cls, content, reading)
    if record is not None:
        reading.problems += _contradictions(record)
    if reading.problems:
        raise WrongRecord(reading.problems)
    return cast(Record, record)


def _contradictions(record: Record) -> list[str]:
    """What no single field shows: an end before the start, a mark that says nothing."""
    found: list[str] = []
    if isinstance(record, Call):
        if record.ended_at and record.ended_at < record.started_at:
            found.append("ended_at: is before started_at")
        for number, leg in enumerate(record.legs):
            if leg.ended_at and leg.ended_at < leg.started_at:
                found.append(f"legs[{number}].ended_at: is before started_at")
    if isinstance(record, Mark):
        if record.kind == "closed" and record.reason not in CLOSING_REASONS:
            found.append(f"reason: {record.reason!r} is none of {' '.join(CLOSING_REASONS)}")
        if record.kind == "snoozed" and record.until is None:
            found.append("until: a snoozed mark needs it, for example 2026-03-10T15:00:00+03:00")
    if isinstance(record, Change) and record.field == "state":
        found += [
            f"{name}: {value!r} is none of open won lost"
            for name, value in (("before", record.before), ("after", record.after))
            if value not in ("open", "won", "lost")
        ]
    if isinstance(record, Gone) and record.of not in KINDS:
        found.append(f"of: {record.of!r} is none of {' '.join(KINDS)}")
    return found


def to_json(record: Record) -> dict[str, Any]:
    """The JSON object of a record: absent values left out, instants in UTC."""
    return {"record": kind(record), **_plain(record)}


def _plain(value: Any) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, key, absent in _written(value.__class__):
        content = getattr(value, name)
        if content is not None and content is not absent and content != absent:
            row[key] = content if type(content) in _AS_THEY_ARE else _value(content)
    return row


@cache
def _written(cls: type) -> tuple[tuple[str, str, Any], ...]:
    """(field, JSON key, the value that is left out besides null) of a record class."""
    return tuple(
        (item.name, _JSON_NAMES.get(item.name, item.name), item.default if item.default in ((), False) else None)
        for item in fields(cls)
    )


_AS_THEY_ARE = frozenset({str, int, bool})


def _value(content: Any) -> Any:
    if type(content) in _AS_THEY_ARE:
        return content
    if isinstance(content, datetime):
        return content.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(content, tuple):
        return [_value(item) for item in content]
    if is_dataclass(content):
        return _plain(content)
    return dict(content) if isinstance(content, Mapping) else content


# Reading back what we wrote ourselves: no checks, for it was checked on its way in.


@cache
def _revivers(cls: type) -> tuple[tuple[str, str, Callable[[Any], Any]], ...]:
    """(JSON key, field, coder) of the fields that are not kept as they are."""
    hints = typing.get_type_hints(cls)
    found: list[tuple[str, str, Callable[[Any], Any]]] = []
    for item in fields(cls):
        arguments = [part for part in typing.get_args(hints[item.name]) if part is not type(None)]
        annotation = arguments[0] if datetime in arguments or any(map(is_dataclass, arguments)) else hints[item.name]
        name = _JSON_NAMES.get(item.name, item.name)
        if annotation is datetime:
            found.append((name, item.name, datetime.fromisoformat))
        elif typing.get_origin(hints[item.name]) is tuple:
            inner = typing.get_args(hints[item.name])[0]
            found.append((name, item.name, _many_revived(cast(type, inner)) if is_dataclass(inner) else tuple))
        elif is_dataclass(annotation):
            found.append((name, item.name, _one_revived(cast(type, annotation))))
        elif name != item.name:
            found.append((name, item.name, str))
    return tuple(found)


def _one_revived(cls: type) -> Callable[[Any], Any]:
    return lambda data: _revive(cls, data)


def _many_revived(cls: type) -> Callable[[Any], Any]:
    return lambda rows: tuple(_revive(cls, data) for data in rows)


def _revive(cls: type, data: Mapping[str, Any]) -> Any:
    values = dict(data)
    for key, name, coder in _revivers(cls):
        if key in values:
            values[name] = coder(values.pop(key))
    return cls(**values)


def stored(data: Mapping[str, Any]) -> Record:
    """The record that `to_json` wrote, without checking it again."""
    content = dict(data)
    return cast(Record, _revive(KINDS[content.pop("record")], content))


# Handles of ours are short inside a connection's own records.


def qualified(record: Record, connection: str) -> Record:
    """The record with `ext:101` and `user:504141` written as `ext:<connection>/101` (model.md 1)."""

    def full(handle: Any) -> Any:
        if handle is not None and handle.startswith(("ext:", "user:")) and "/" not in handle:
            head, _, value = handle.partition(":")
            return f"{head}:{connection}/{value}"
        return handle

    match record:
        case Member() | Card():
            changes: dict[str, Any] = {"handles": tuple(map(full, record.handles))}
            if isinstance(record, Card):
                changes["owner"] = full(record.owner)
        case Deal() | Task():
            changes = {"owner": full(record.owner)}
        case Call():
            changes = {
                "client": full(record.client),
                "legs": tuple(replace(leg, to=full(leg.to)) for leg in record.legs),
                "transfers": tuple(
                    replace(item, from_=full(item.from_), to=full(item.to)) for item in record.transfers
                ),
            }
        case Message():
            changes = {"client": full(record.client), "member": full(record.member)}
        case Meeting():
            changes = {"handles": tuple(map(full, record.handles)), "member": full(record.member)}
        case Presence():
            changes = {"member": full(record.member)}
        case Mark():
            changes = {"by": full(record.by), "on": full(record.on)}
        case Change():
            changes = {"before": full(record.before), "after": full(record.after)}
        case _:
            return record
    return replace(record, **changes)


def shifted(record: R, by: timedelta) -> R:
    """The whole record moved in time, so that its durations survive (metrics.md 10, clock trouble)."""

    def moved(value: Any) -> Any:
        if isinstance(value, datetime):
            return value + by
        if isinstance(value, tuple):
            return tuple(map(moved, value))
        return shifted(value, by) if is_dataclass(value) else value

    return cast(
        R,
        replace(
            cast(Any, record), **{item.name: moved(getattr(record, item.name)) for item in fields(cast(Any, record))}
        ),
    )


def order(record: Record, content_hash: str) -> tuple[int, float, float, str]:
    """What decides which of two versions of one fact is the newer, never the order of arrival (metrics.md 10).

    `version` beats `changed_at` beats neither; of two without order the later `ended_at` or `at`, then the hash.
    """
    moment = getattr(record, "ended_at", None) or getattr(record, "at", None)
    tie = moment.timestamp() if moment else 0.0
    if record.version is not None:
        return (2, float(record.version), tie, content_hash)
    if record.changed_at is not None:
        return (1, record.changed_at.timestamp(), tie, content_hash)
    return (0, 0.0, tie, content_hash)


def handles_of(record: Record) -> tuple[Handle, ...]:
    """The client's handles by which the fact joins a contact."""
    match record:
        case Call() | Message():
            return (record.client,) if record.client else ()
        case Card() | Submission() | Meeting():
            return record.handles
        case _:
            return ()


def moment(record: Record) -> datetime | None:
    """When the fact happened by its source's clock."""
    match record:
        case Call():
            return record.started_at
        case Message() | Submission() | Presence() | Mark() | Change():
            return record.at
        case Meeting():
            return record.starts_at
        case Card() | Deal() | Task():
            return record.created_at or record.changed_at
        case _:
            return record.changed_at
