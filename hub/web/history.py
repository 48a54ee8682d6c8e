"""What happened between this client and us, newest first, each event with its source and what it proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.core import ladder
from hub.core.policy import TeamMember
from hub.core.records import Call, Mark, Meeting, Message, Record, Submission
from hub.core.timeline import Fact
from hub.store.history import Event
from hub.texts import N_
from hub.web import words
from hub.web.calls_words import verdict_of
from hub.web.waits import SHORT, Reading, Row, line_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the history. node: class of its circle; proof: (class, text) of the mark on evidence."""

    at: datetime
    icon: str
    title: str
    node: str = ""
    minor: bool = False
    pill: tuple[str, str] | None = None
    proof: tuple[str, str] | None = None
    details: str = ""
    quote: str = ""
    ours: bool = False
    source: str = ""
    url: str | None = None
    kind: str = "call"


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns facts into lines; cases: those of the client, to know what each fact proved."""

    reading: Reading
    cases: Sequence[Row]
    bodies: Mapping[int, Record] = field(default_factory=dict)
    _attempts: dict[datetime, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for case in self.cases:
            for attempt in case.get("attempts") or ():
                self._attempts[datetime.fromisoformat(attempt["at"])] = attempt

    def call(self, row: Row) -> Entry:
        """A call, by its verdict."""
        at = datetime.fromisoformat(row["started_at"])
        opens, closes = self._opens(row["ref"]), self._closes(row["ref"])
        proof = closes or opens
        source = f"{row['connection']} · {row['id']}"
        if row["direction"] == "inbound" and row["outcome"] != "answered" and row.get("ended_at"):
            missed = row["missed"] or row.get("excluded") in SHORT
            waits = any(case["state"] == "open" and row["ref"] in case["evidence"] for case in self.cases)
            node = "late" if waits else ""
            return Entry(
                at=at,
                icon="missed" if missed else "in",
                title=self._missed(row),
                node=node,
                proof=proof,
                details=self._where(row),
                source=source,
            )
        talked = bool(row.get("talk"))
        node = "good" if closes else ("" if talked or not row.get("ended_at") else "accent")
        icon = "in" if row["direction"] == "inbound" else "out"
        return Entry(
            at=at,
            icon=icon,
            title=self._talk(row),
            node=node,
            proof=proof,
            details=self._where(row),
            pill=self._attempt(at) if row["direction"] == "outbound" and not closes else None,
            source=source,
        )

    def fact(self, event: Event) -> Entry:
        """A message, a lead or a meeting."""
        say = self.reading.formats.texts.say
        record: Record = event.record
        if isinstance(record, Message):
            ours = record.direction == "out"
            who = self.reading.name(record.member) if ours and record.member else ""
            title = (say("%(name)s wrote", name=who) if who else say("We wrote")) if ours else say("The client wrote")
            channel = say(words.CHANNELS.get(record.channel, record.channel.capitalize()))
            return Entry(
                at=event.at,
                icon="mail" if record.channel == "email" else "chat",
                title=title,
                proof=self._closes(event.ref) or self._opens(event.ref),
                quote=record.text or "",
                ours=ours,
                source=f"{channel} · {event.ref.partition('/')[0]}",
                url=record.url,
                kind="text",
            )
        if isinstance(record, Submission):
            title = say("Form %(name)s", name=record.form) if record.form else say("A form was filled in")
            return Entry(
                at=event.at,
                icon="form",
                title=title,
                proof=self._opens(event.ref),
                quote=record.text or "",
                source=event.ref.partition("/")[0],
                url=record.url,
                kind="text",
            )
        title = say("Meeting")
        if isinstance(record, Meeting) and record.title:
            title = f"{title}: {record.title}"
        return Entry(
            at=event.at,
            icon="day",
            title=title,
            proof=self._closes(event.ref),
            source=event.ref.partition("/")[0],
            url=record.url,
            kind="text",
        )

    def mark(self, event: Event) -> Entry:
        """What one of us decided."""
        say = self.reading.formats.texts.say
        mark = event.record
        assert isinstance(mark, Mark), "asked for marks"
        name = self.reading.name(self.reading.book.team.named(mark.by, event.at))
        reason = words.REASONS.get(mark.reason or "", ("", ""))[0]
        titles = {
            "taken": ("check", say("%(name)s took it", name=name)),
            "closed": ("x", say("%(name)s closed it: %(reason)s", name=name, reason=say(reason or "closed").lower())),
            "reopened": ("undo", say("%(name)s brought it back", name=name)),
            "contacted": ("check", say("%(name)s says the client was reached", name=name)),
            "snoozed": ("pause", say("%(name)s put it off", name=name)),
            "no_reply_needed": ("check", say("%(name)s: no reply needed", name=name)),
        }
        icon, title = titles.get(mark.kind, ("check", say("%(name)s: %(what)s", name=name, what=mark.kind)))
        closes = self._closes(event.ref)
        return Entry(
            at=event.at,
            icon=icon,
            title=title,
            minor=closes is None,
            proof=closes,
            quote=mark.note or "",
            ours=True,
            kind="mark",
        )

    def effect(self, row: Row) -> Entry:
        """Something that the hub did outside for this client."""
        say = self.reading.formats.texts.say
        body = row["body"]
        what = say(words.EFFECTS.get(row["kind"], row["kind"]))
        step = words.STEPS.get(str(body.get("step")), "")
        to = self.reading.name(row["recipient"])
        text = say("%(what)s to %(name)s", what=what, name=to) if to else what
        because = say(step).lower() if step else ""
        tone, state = words.DELIVERY_STATES.get(row["state"], ("", row["state"]))
        title = f"{text}: {because}" if because else text
        return Entry(
            at=row["settled_at"] or row["at"],
            icon="bell",
            title=title,
            minor=True,
            pill=(tone, say(state)),
            url=row["url"],
            kind="effect",
        )

    def _opens(self, ref: str) -> tuple[str, str] | None:
        say = self.reading.formats.texts.say
        for case in self.cases:
            if case["opened_by"] == ref and case.get("resolution") != "no_callback_number":
                css = "mark-open" if case["state"] == "open" else "mark-open past"
                return css, say("opened the wait")
        return None

    def _closes(self, ref: str) -> tuple[str, str] | None:
        formats = self.reading.formats
        for case in self.cases:
            if case.get("closed_by") == ref and ref != case["opened_by"]:
                wait = self.reading.clock(case, case["closed_at"])
                css = "mark-close" if case["state"] == "recovered" else "mark-open past"
                return css, formats.texts.say("closed the wait in %(time)s", time=formats.duration(wait.seconds))
        return None

    def _attempt(self, at: datetime) -> tuple[str, str] | None:
        say = self.reading.formats.texts.say
        attempt = self._attempts.get(at)
        if attempt is None:
            return None
        if attempt["valid"]:
            return "accent", say("attempt counted")
        return "line", say("not counted: too short a ring")

    def _missed(self, row: Row) -> str:
        formats = self.reading.formats
        texts = formats.texts
        text = texts.say(verdict_of(row).text)
        if row.get("missed"):
            text = texts.say("Missed call, %(what)s", what=text)
        text = text[:1].upper() + text[1:]
        if row["client_wait"] is None:
            return text
        return texts.say("%(what)s after %(time)s", what=text, time=formats.exact(row["client_wait"]))

    def _talk(self, row: Row) -> str:
        formats = self.reading.formats
        say = formats.texts.say
        name = self._ours(row)
        inbound = row["direction"] == "inbound"
        if row.get("talk") and row.get("ended_at"):
            text = (
                N_("The client called, %(name)s talked for %(time)s")
                if inbound
                else N_("%(name)s called, talked for %(time)s")
            )
            return say(text, name=name or say("somebody"), time=formats.exact(row["talk"]))
        if row.get("ended_at") is None:
            if row.get("answered_at"):
                return say("%(name)s is talking with the client now", name=name or say("somebody"))
            if inbound:
                return say("The client is calling now")
            return say("%(name)s is calling the client now", name=name or say("somebody"))
        if inbound:
            return say("The client called")
        what = say(verdict_of(row).text)
        if row.get("ring_wait"):
            return say(
                "%(name)s called, rang %(time)s: %(what)s",
                name=name or say("somebody"),
                time=formats.exact(row["ring_wait"]),
                what=what,
            )
        return say("%(name)s called: %(what)s", name=name or say("somebody"), what=what)

    def _ours(self, row: Row) -> str:
        """Who of us had this call."""
        if row.get("answered_by"):
            return self.reading.name(row["answered_by"])
        record = self.bodies.get(row["number"])
        legs = record.legs if isinstance(record, Call) else ()
        own = next((leg.to for leg in legs if leg.kind == "member" and leg.to), None)
        return self.reading.name(own)

    def _where(self, row: Row) -> str:
        formats = self.reading.formats
        say = formats.texts.say
        parts = [line_name(row.get("line"), formats)]
        rang = [
            f"{self.reading.name(ring['member'])} {formats.exact(ring['seconds'])}"
            for ring in row.get("rang") or ()
            if ring.get("seconds") and ring.get("result") != "answered"
        ]
        if rang and row["direction"] == "inbound":
            parts.append(say("rang at %(names)s", names=", ".join(rang)))
        if row.get("missed") and row.get("hangup_by"):
            hung_up = words.HANGUP[row["hangup_by"]]
            parts.append(say(hung_up))
        parts += [say(words.FLAGS[flag]) for flag in row.get("flags") or () if flag in words.FLAGS]
        return " · ".join(part for part in parts if part)


def upcoming(
    row: Row,
    reading: Reading,
    marks: Sequence[Event],
    members: Mapping[str, TeamMember],
    head_of_sales: str | None,
    until: datetime,
) -> list[tuple[datetime, int, str]]:
    """(when, step, to whom) of the warnings that follow unless somebody talks with the client."""
    facts = tuple(Fact(event.ref, event.record) for event in marks if isinstance(event.record, Mark))
    group = reading.book.at(row["opened_at"]).group(row["line_group"])
    target = group.policy.target(row["kind"], (row.get("wait") or {}).get("kind"))
    steps = ladder.Ladder(
        group=group,
        team=reading.book.team,
        head_of_sales=head_of_sales,
        assignee=row.get("owner") if row.get("owner") in members else row.get("assignee"),
        opened_at=row["opened_at"],
        promised_at=row["opened_at"] if row["due_at"] is not None else None,
        target=target or timedelta(),
        due_at=row["due_at"],
        closed_at=None,
        marks=facts,
        live=True,
        now=until,
    ).steps
    return [(step.at, step.step, step.to) for step in steps if step.at > reading.now]
