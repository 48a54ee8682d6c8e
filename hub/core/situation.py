"""What does a stored case look like at the moment when one of us is told of it, or says something about it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.core import hours, marks, owners
from hub.core.history import held_at
from hub.core.ladder import Ladder, Step
from hub.core.marks import Marks
from hub.core.once import once
from hub.core.policy import LineGroup, Team
from hub.core.records import Card, Deal, Mark, Message, Submission, instant
from hub.core.timeline import Fact, Timeline

Row = Mapping[str, Any]
FAR = timedelta(days=30)
"""How far ahead the next warning is looked for."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A stored case, its client and what people decided, at `now`.

    number: the lasting row. row: as `crmhub cases` prints it. calls: verdicts as `crmhub calls` prints them, by
    reference. told: whom of us we told of it. because: of what is believed no more, why (`not_a_miss`, `merged`).
    """

    number: int
    row: Row
    timeline: Timeline
    calls: Mapping[str, Row]
    group: LineGroup
    team: Team
    head_of_sales: str | None
    told: frozenset[str]
    now: datetime

    @property
    def key(self) -> str:
        """The case's public name."""
        return str(self.row["key"])

    @property
    def kind(self) -> str:
        """Its kind, such as `missed_call`."""
        return str(self.row["kind"])

    @property
    def opened_at(self) -> datetime:
        """Since when the client waits."""
        return instant(self.row["opened_at"])

    @property
    def due_at(self) -> datetime | None:
        """Until when we promised."""
        return self._at("due_at")

    def _at(self, name: str) -> datetime | None:
        return instant(self.row[name]) if self.row.get(name) else None

    # What people decided.

    @once
    def decisions(self) -> tuple[Fact[Mark], ...]:
        """The marks on it up to now, in order."""
        found = Marks(self.timeline).on(self.kind, self.row["evidence"], self.opened_at)
        return tuple(fact for fact in found if fact.record.at <= self.now)

    @once
    def taken(self) -> tuple[str, datetime] | None:
        """(who took it, when): the last who did, None while nobody has."""
        took = marks.taken(self.decisions, self.now)
        if took is None:
            return None
        by = self.team.named(took.record.by, took.record.at)
        return (by, took.record.at) if by is not None else None

    @once
    def _closed_by_hand(self) -> Fact[Mark] | None:
        """What a person said a moment ago and the stored row does not show yet."""
        if self.kind in marks.NOT_BY_HANDLE:
            return marks.no_reply_needed(self.decisions)
        return marks.closed_by(self.decisions, self.kind, self.timeline.contact.handles)

    @property
    def _reopened(self) -> bool:
        return self.row["resolution"] in _BY_HAND and self._closed_by_hand is None

    @property
    def resolution(self) -> str | None:
        """How it ended, None while the client waits."""
        if self.row["state"] != "open":
            return None if self._reopened else self.row["resolution"]
        if self._closed_by_hand is None:
            return None
        return "no_reply_needed" if self.kind in marks.NOT_BY_HANDLE else "closed_by_hand"

    @property
    def is_open(self) -> bool:
        """Whether the client waits for us."""
        return self.resolution is None

    @property
    def by_hand(self) -> bool:
        """Whether a person closed it, who may think better of it."""
        return self.resolution in _BY_HAND

    @property
    def closed_at(self) -> datetime | None:
        """When it ended."""
        hand = self._closed_by_hand
        return hand.record.at if self.by_hand and hand is not None else self._at("closed_at")

    @property
    def closed_by(self) -> str | None:
        """Who of us ended it."""
        hand = self._closed_by_hand
        if self.by_hand and hand is not None:
            return self.team.named(hand.record.by, hand.record.at)
        return self.row.get("closed_by_member")

    @property
    def reason(self) -> str | None:
        """Why a person closed it."""
        hand = self._closed_by_hand
        return hand.record.reason if self.by_hand and hand is not None else self.row.get("reason")

    # How long.

    def worked(self, start: datetime, end: datetime) -> int:
        """Seconds in working time of the line, by the wall where it has no calendar."""
        found = hours.seconds(start, end, self.group.calendar, self.group.policy.no_calendar_horizon)
        return int((end - start).total_seconds()) if found is None else found

    @property
    def waited(self) -> int:
        """How long the client has waited, or waited until it ended."""
        return max(self.worked(self.opened_at, self.closed_at or self.now), 0)

    @property
    def left(self) -> int | None:
        """How much of the promise is left; None once it is broken, or without one."""
        return self.worked(self.now, self.due_at) if self.due_at is not None and self.now < self.due_at else None

    @property
    def overdue(self) -> bool:
        """Whether the promise is broken while he waits."""
        return self.due_at is not None and self.due_at <= self.now

    @property
    def target(self) -> timedelta | None:
        """What was promised, in working time."""
        return self.group.policy.target(self.kind, (self.row.get("wait") or {}).get("kind"))

    def after(self, start: datetime, length: timedelta) -> datetime:
        """The moment by which so much working time has passed."""
        horizon = self.group.policy.no_calendar_horizon
        return hours.due(start, length.total_seconds(), self.group.calendar, horizon) or start + length

    # Who.

    @property
    def turn(self) -> str | None:
        """Whose turn it is."""
        return self.taken[0] if self.taken else self.row["assignee"] or self.row["owner"]

    @once
    def concerned(self) -> frozenset[str]:
        """Those of us who may decide about it: who took it, else all whose it could be; their deputies and heads."""
        if self.taken is not None:
            mine = {self.taken[0]}
        else:
            mine = {self.row["owner"], self.row["assignee"], *self.group.duty, *self.told}
        deputies = {owners.deputy(self.team, key) for key in mine}
        found = {*mine, *deputies, self.group.head, self.head_of_sales}
        return frozenset(key for key in found if key is not None and key in self.team.members)

    def next_step(self) -> Step | None:
        """The warning that comes next unless somebody gets in touch, and whom it reaches."""
        ladder = Ladder(
            group=self.group,
            team=self.team,
            head_of_sales=self.head_of_sales,
            assignee=self.row["assignee"],
            opened_at=self.opened_at,
            promised_at=self.opened_at if self.due_at else None,
            target=self.target or timedelta(),
            due_at=self.due_at,
            closed_at=None,
            marks=self.decisions,
            live=True,
            now=self.now + FAR,
        )
        return next((step for step in ladder.steps if step.at > self.now), None)

    # The client.

    @property
    def handle(self) -> str:
        """The address by which he asked, else any of his."""
        call = self.calls.get(self.row["opened_by"])
        asked = call["client"] if call else self.said.client if self.said else None
        return asked or next(iter(self.timeline.contact.handles), "")

    @property
    def company(self) -> str | None:
        """The company of his card."""
        held = (held_at(history, self.now) for history in self.timeline.cards)
        return next((card.company for card in held if isinstance(card, Card) and card.company), None)

    @property
    def deal(self) -> Deal | None:
        """His open deal, the one created last."""
        return next(iter(owners.open_deals(self.timeline.deals, self.now)), None)

    @property
    def crm_url(self) -> str | None:
        """Where his deal or card is opened in the CRM."""
        held = (held_at(history, self.now) for history in self.timeline.cards)
        cards = (card.url for card in held if card is not None and card.url)
        return (self.deal.url if self.deal else None) or next(cards, None)

    # What he said.

    def _evidence(self, facts: tuple[Fact[Any], ...]) -> Iterator[Any]:
        evidence = set(self.row["evidence"])
        return (fact.record for fact in facts if fact.ref in evidence)

    @property
    def said(self) -> Message | None:
        """His last message of the wait."""
        return max(self._evidence(self.timeline.messages), key=lambda message: message.at, default=None)

    @property
    def form(self) -> Submission | None:
        """The form that opened the lead."""
        return next(self._evidence(self.timeline.submissions), None)

    @property
    def call(self) -> Row | None:
        """His last call of the case."""
        own = [self.calls[ref] for ref in self.row["evidence"] if ref in self.calls]
        return max(own, key=lambda call: str(call["started_at"]), default=None)

    @property
    def rang(self) -> tuple[str, ...]:
        """Whose telephones rang in vain."""
        rings = (ring for ref in self.row["evidence"] for ring in self.calls.get(ref, {}).get("rang") or ())
        return tuple(dict.fromkeys(ring["member"] for ring in rings if ring["member"] and ring["seconds"]))


_BY_HAND = ("closed_by_hand", "no_reply_needed")
