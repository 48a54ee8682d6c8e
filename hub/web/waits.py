"""How does a case read at this moment: how long the client waits, how much is left, whose turn it is and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.core import hours
from hub.core.policy import Rulebook
from hub.core.records import Message, Submission
from hub.store.history import Event
from hub.texts import N_
from hub.texts.formats import Formats
from hub.web import words

Row = Mapping[str, Any]

SHORT = frozenset({"short_abandon", "ivr_short"})

_SAID: Mapping[str, str] = {
    "abandoned_wait": N_("Waited %(time)s and hung up"),
    "no_answer": N_("Waited %(time)s, nobody answered"),
    "busy_declined": N_("Waited %(time)s, everybody was busy"),
    "no_staff": N_("Nobody was on duty"),
    "abandoned_ivr": N_("Left in the menu after %(time)s"),
    "voicemail": N_("Left a message on the voicemail"),
    "callback_requested": N_("Asked to be called back"),
    "failed_technical": N_("The carrier did not let the call through"),
    "unknown_unanswered": N_("Waited %(time)s, the call was not answered"),
}
"""What the client did, by the outcome of his call."""

_SENT: Mapping[str, str] = {
    "voice": N_("A voice message"),
    "photo": N_("A photo"),
    "file": N_("A file"),
    "sticker": N_("A sticker"),
    "location": N_("A place on the map"),
    "contact": N_("A contact"),
}
"""A message without words, by its content."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A length of working time, and the same by the wall. runs: whether it grows at this moment."""

    working: int | None
    wall: int
    runs: bool

    @property
    def seconds(self) -> int:
        """What is shown: working time, or the wall where there is no calendar."""
        return self.wall if self.working is None else self.working


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A case as a row of *Now* or a card of a client's page.

    line: group and number of ours; share: used part of
    the promise, 1 is due; tone: how bad it is.
    """

    key: str
    kind: str
    contact: int
    client: str
    tag: tuple[str, str] | None
    says: str
    line: tuple[str, str]
    clock: Clock
    due_at: datetime | None
    late: int | None
    left: int | None
    share: float | None
    tone: str
    turn: str | None
    note: str
    valid: int
    weak: int
    taken_at: datetime | None
    taken_by: str | None
    row: Row = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is needed to read cases: the rules, the reader's language, and what else is known of calls and marks.

    calls: reference → verdict. facts: reference → message, form or mark. busy: member → since when he talks.
    taken: case key → (when, by whom).
    """

    book: Rulebook
    formats: Formats
    names: Mapping[str, str]
    calls: Mapping[str, Row] = field(default_factory=dict)
    facts: Mapping[str, Event] = field(default_factory=dict)
    busy: Mapping[str, datetime] = field(default_factory=dict)
    taken: Mapping[str, tuple[datetime, str]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The moment that the page is about."""
        return self.formats.now

    def wait(self, row: Row) -> Wait:
        """The case of this row."""
        due_at, opened_at = row["due_at"], row["opened_at"]
        calendar = self.calendar(row)
        late = left = share = None
        if due_at is not None:
            total = seconds(opened_at, due_at, calendar)
            late = seconds(due_at, self.now, calendar) if self.now >= due_at else None
            left = seconds(self.now, due_at, calendar) if self.now < due_at else None
            share = max(seconds(opened_at, self.now, calendar) / total, 0.0) if total else 1.0
            share = max(share, 1.01) if late is not None else min(share, 1.0)
        taken = self.taken.get(row["key"])
        attempts = [item for item in row.get("attempts") or () if item.get("kind") != "message"]
        return Wait(
            key=row["key"],
            kind=row["kind"],
            contact=row["contact"]["id"],
            client=self.client(row),
            tag=self._tag(row),
            says=self._says(row),
            line=self.line(row),
            clock=self.clock(row),
            due_at=due_at,
            late=late,
            left=left,
            share=share,
            tone=_tone(late, left, share),
            turn=row.get("assignee") or row.get("owner"),
            note=self._note(row),
            valid=sum(1 for item in attempts if item.get("valid")),
            weak=sum(1 for item in attempts if not item.get("valid")),
            taken_at=taken[0] if taken else None,
            taken_by=taken[1] if taken else None,
            row=row,
        )

    def clock(self, row: Row, until: datetime | None = None) -> Clock:
        """How long the client has waited, up to `until`."""
        end = until or self.now
        calendar = self.calendar(row)
        working = None if calendar is None else hours.seconds(row["opened_at"], end, calendar)
        runs = until is None and (calendar is None or bool(hours.is_open(self.now, calendar)))
        return Clock(working, max(int((end - row["opened_at"]).total_seconds()), 0), runs)

    def calendar(self, row: Row) -> hours.Calendar | None:
        """The calendar of the case's line group in the version that judges it."""
        return self.book.at(row["opened_at"]).group(row["line_group"]).calendar

    def client(self, row: Row) -> str:
        """The client's name, the one that he gave in a form, else his number."""
        said = self._last_said(row)
        given = said.name if isinstance(said, Submission) else None
        return client_name(row["contact"]["name"] or given, row["contact"]["handles"], self.formats)

    def line(self, row: Row) -> tuple[str, str]:
        """The line group, and which of our numbers or channels was used; either may be empty."""
        call, message = self._last_call(row), self._last_said(row)
        if isinstance(message, Message):
            number = " ".join(filter(None, (self.channel(message.channel), line_name(message.line, self.formats))))
        else:
            number = line_name(call.get("line") if call else None, self.formats)
        group = str(row["line_group"])
        if group == "default":
            return ("" if number else self.formats.texts.say("no line group")), number
        return group, number

    def name(self, ref: str | None) -> str:
        """One of us."""
        return self.names.get(ref or "") or self.formats.handle(ref)

    def channel(self, name: str) -> str:
        """What people call a channel of messages."""
        return self.formats.texts.say(words.CHANNELS.get(name, name.capitalize()))

    def _last_said(self, row: Row) -> Message | Submission | None:
        """What the client wrote last of what the case is about."""
        events = [self.facts[ref] for ref in row["evidence"] if ref in self.facts]
        said = [event.record for event in events if isinstance(event.record, Message | Submission)]
        return max(said, key=lambda record: record.at, default=None)

    def _last_call(self, row: Row) -> Row | None:
        seen = [call for ref in row["evidence"] if (call := self.calls.get(ref)) and call["direction"] == "inbound"]
        return max(seen, key=lambda call: str(call["started_at"]), default=None)

    def _tag(self, row: Row) -> tuple[str, str] | None:
        texts = self.formats.texts
        attempts = int(row.get("client_attempts") or 1)
        call = self._last_call(row)
        if call is not None and call["outcome"] == "callback_requested":
            return "accent", texts.say("asked for a callback")
        if row["kind"] == "awaiting_reply":
            kind = (row.get("wait") or {}).get("kind")
            if attempts > 1:
                return "soon", texts.count("wrote %(n)s time", "wrote %(n)s times", attempts)
            return ("line", texts.say("answers our message")) if kind == "reply_to_outreach" else None
        if row["kind"] == "new_lead":
            wish = next((self.facts[ref].record for ref in row["evidence"] if ref in self.facts), None)
            if isinstance(wish, Submission) and wish.wants_at is not None:
                return "accent", texts.say("asked for a call at %(time)s", time=self.formats.moment(wish.wants_at))
            return None
        if attempts > 1:
            tone = "late" if row.get("priority") == "high" else "soon"
            return tone, texts.count("called %(n)s time", "called %(n)s times", attempts)
        if "returned_unhappy" in (row.get("flags") or ()):
            return "soon", texts.say("called again soon after we talked")
        is_new = call is not None and "first_time_caller" in (call.get("flags") or ())
        if is_new and not row["contact"]["name"]:
            return "line", texts.say("new number")
        return None

    def _says(self, row: Row) -> str:
        call, written = self._last_call(row), self._last_said(row)
        if written is not None:
            return wrote(written, self.formats)
        if call is None:
            kind = words.KINDS[row["kind"]][2]
            return self.formats.texts.say(kind)
        return said(call, self.formats, self.name)

    def _note(self, row: Row) -> str:
        texts = self.formats.texts
        owner, turn = row.get("owner"), row.get("assignee") or row.get("owner")
        if turn is not None and turn in self.busy:
            passed = (self.now - self.busy[turn]).total_seconds()
            return texts.say("on the phone for %(time)s", time=self.formats.duration(passed))
        if row["key"] in self.taken and turn == self.taken[row["key"]][1]:
            return ""
        if row.get("owner_absent") and owner and owner != turn:
            return texts.say("instead of %(name)s, who is away", name=self.name(owner))
        because = words.BECAUSE.get(row.get("owner_because") or "")
        return texts.say(because) if because else ""


def said(call: Row, formats: Formats, name: Any) -> str:
    """What the client did in this call, in a sentence."""
    texts = formats.texts
    time = formats.exact(call["client_wait"])
    if "lost_in_transfer" in (call.get("flags") or ()):
        return texts.say("Was put through and lost after talking with %(name)s", name=name(call.get("last_human")))
    if call.get("excluded") in SHORT:
        return texts.say("Hung up after %(time)s: in no rate, but the client is ours", time=time)
    if call["outcome"] == "answered":
        return texts.say("Talked with %(name)s", name=name(call.get("answered_by")))
    if call["outcome"] is None and call.get("ended_at") is None:
        return texts.say("Is calling now")
    sentence = _SAID.get(call["outcome"] or "", N_("The call is not judged yet"))
    return texts.say(sentence, time=time)


QUOTED = 160
"""Signs of a message that are quoted in a row."""


def wrote(record: Message | Submission, formats: Formats) -> str:
    """What the client wrote, shortened; of a message without words what it was."""
    say = formats.texts.say
    words_ = " ".join((record.text or "").split())
    short = words_ if len(words_) <= QUOTED else words_[:QUOTED].rsplit(" ", 1)[0].rstrip(" .,;:") + "…"
    if isinstance(record, Submission):
        form = say("Form %(name)s", name=record.form) if record.form else say("A form was filled in")
        return say("%(what)s: “%(text)s”", what=form, text=short) if short else form
    if short:
        return say("“%(text)s”", text=short)
    return say(_SENT.get(record.content, N_("Message")))


def client_name(name: str | None, handles_: Sequence[str], formats: Formats) -> str:
    """The name, else the first number or address, else that it was withheld."""
    if name:
        return name
    ordered = sorted(handles_, key=lambda handle: (not handle.startswith("phone:"), handle))
    return formats.handle(ordered[0]) if ordered else formats.texts.say("number withheld")


def line_name(line: str | None, formats: Formats) -> str:
    """One of our lines as people write it: a number in groups, anything else as the source names it."""
    if not line:
        return ""
    digits = line.lstrip("+")
    if digits.isdecimal() and len(digits) >= 11:
        return formats.handle(f"phone:+{digits}")
    return line


def seconds(a: datetime, b: datetime, calendar: hours.Calendar | None) -> int:
    """Working seconds, of the wall where there is no calendar."""
    worked = None if calendar is None else hours.seconds(a, b, calendar)
    return max((b - a) // timedelta(seconds=1), 0) if worked is None else worked


def _tone(late: int | None, left: int | None, share: float | None) -> str:
    if late is not None:
        return "late"
    return "soon" if left is not None and share is not None and share >= 0.5 else ""
