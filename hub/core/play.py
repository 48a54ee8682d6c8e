"""What would have happened, moment by moment: one client's facts played through the rules with a moved clock.

The clock stops only where something is told or where time alone changes something, so the cost follows what happened,
not how long it lasted. Cases keep their identity from stop to stop as the stored ones do (`reconcile`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from hub.core.calls import instant_text
from hub.core.cases import Case
from hub.core.derive import derive
from hub.core.history import EVER
from hub.core.horizon import next_known
from hub.core.policy import Rulebook
from hub.core.reconcile import Reconciled, StoredCase, Void, reconcile
from hub.core.records import Record
from hub.core.rules import CaseRule
from hub.core.steps import amend, plan, taken_by
from hub.core.timeline import Fact, Timeline

What: TypeAlias = Literal["opened", "step", "dropped", "closed", "reopened", "void", "merged", "corrected"]
_FACTS = ("calls", "messages", "submissions", "meetings", "marks")


@dataclass(frozen=True, slots=True)
class Told:
    """How a fact was told at first: `record` holds until a newer version of it came."""

    until: datetime
    record: Record


@dataclass(frozen=True, slots=True)
class Story:
    """One client's facts in their newest version. earlier: reference → the versions before it, oldest first."""

    timeline: Timeline
    earlier: Mapping[str, Sequence[Told]] = field(default_factory=dict)

    def told(self, at: datetime) -> Timeline:
        """The timeline with each fact in the version that was known then."""
        changed = {
            ref: version.record
            for ref, versions in self.earlier.items()
            if (version := next((item for item in versions if at < item.until), None)) is not None
        }
        if not changed:
            return self.timeline
        facts: dict[str, Any] = {name: tuple(_as_told(self._facts(name), changed)) for name in _FACTS}
        return replace(self.timeline, **facts)

    def next_told(self, at: datetime) -> datetime | None:
        """When the next newer version came, after that moment."""
        return min((item.until for told in self.earlier.values() for item in told if item.until > at), default=None)

    def begins(self) -> datetime | None:
        """The earliest moment that any fact names; None where there is none."""
        return next_known(self.timeline, EVER)

    def _facts(self, name: str) -> Sequence[Fact[Any]]:
        found: Sequence[Fact[Any]] = getattr(self.timeline, name)
        return found


def _as_told(facts: Iterable[Fact[Any]], changed: Mapping[str, Record]) -> Iterator[Fact[Any]]:
    for fact in facts:
        yield replace(fact, record=changed[fact.ref]) if fact.ref in changed else fact


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a case at a moment. step, to: of a step, and of a correction who is told."""

    at: datetime
    what: What
    step: int | None = None
    to: str | None = None
    resolution: str | None = None

    def row(self) -> dict[str, Any]:
        return {
            "at": instant_text(self.at),
            "what": self.what,
            "step": self.step,
            "to": self.to,
            "resolution": self.resolution,
        }


@dataclass(slots=True)
class Played:
    """A case that opened while its client's facts were played, as it stands at the end.

    void: why it was believed no more. sent: names `step/recipient` of the steps that went out.
    """

    case: Case
    events: list[Event] = field(default_factory=list)
    void: Literal["not_a_miss", "merged"] | None = None
    sent: frozenset[str] = frozenset()

    def row(self) -> dict[str, Any]:
        """The row of `crmhub cases`, with what became of each step; a void case says so as stored ones do."""
        row = self.case.row()
        row["steps"] = [
            step.row() | ({"state": "sent"} if step.state == "planned" and step.name in self.sent else {})
            for step in self.case.steps
        ]
        return row | ({"state": "void", "resolution": self.void} if self.void else {})


def play(
    story: Story,
    book: Rulebook,
    rules: Sequence[CaseRule],
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Played, ...]:
    """The cases of one client that open from `since` on, by their opening, each with its events in order.

    since: None begins with the first fact. until: the last moment that is played; None plays until time alone changes
    nothing any more.
    """
    table = _Table()
    at = since or story.begins()
    if since is not None:
        table.begin(derive(story.told(since), book, rules, since).cases, since)
    while at is not None and (until is None or at < until):
        derived = derive(story.told(at), book, rules, at)
        table.take(derived.cases, at)
        at = min((next_ for next_ in (derived.wake_at, story.next_told(at)) if next_ is not None), default=None)
    if until is not None:  # whatever still grows is as long as it is then
        table.take(derive(story.told(until), book, rules, until).cases, until)
    return tuple(sorted(table.seen(), key=lambda played: (played.case.opened_at, played.case.key)))


@dataclass(slots=True)
class _Table:
    """The cases so far, by the number of their row. before: rows of cases that opened before the play began."""

    rows: list[Played] = field(default_factory=list)
    void_into: dict[int, int | None] = field(default_factory=dict)
    before: set[int] = field(default_factory=set)

    def seen(self) -> Iterator[Played]:
        return (row for number, row in enumerate(self.rows) if number not in self.before)

    def begin(self, cases: Sequence[Case], now: datetime) -> None:
        """What stands already when the play begins is no event, and nobody is told of it again."""
        for case in cases:
            if case.opened_at < now:
                self.before.add(len(self.rows))
                self.rows.append(Played(case, sent=frozenset(step.name for step in case.steps)))

    def take(self, cases: Sequence[Case], now: datetime) -> None:
        """The cases as they stand now: what happened to each since the stop before."""
        found = reconcile([self._stored(number) for number in range(len(self.rows))], cases)
        self._go_on(found, now)
        for new in found.new:
            self.rows.append(Played(new.case, [Event(now, "opened")], sent=new.taken))
            self._happened(len(self.rows) - 1, None, now)
        for void in found.voids:
            self._believed_no_more(void, now)

    def _stored(self, number: int) -> StoredCase:
        row = self.rows[number]
        return StoredCase(
            id=number,
            kind=row.case.kind,
            line_group=row.case.line_group,
            opened_at=row.case.opened_at,
            evidence=row.case.evidence,
            taken=row.sent,
            void=row.void,
            merged_into=self.void_into.get(number),
        )

    def _go_on(self, found: Reconciled, now: datetime) -> None:
        for update in found.updates:
            row = self.rows[update.id]
            before = row.case
            row.case, row.sent, row.void = update.case, row.sent | update.taken, None
            if update.revived:
                row.events.append(Event(now, "reopened"))
            self._happened(update.id, before, now)

    def _happened(self, number: int, before: Case | None, now: datetime) -> None:
        """Steps that go out or are dropped, and how the case ended or began to stand open again."""
        row = self.rows[number]
        resolution = before.resolution if before else None
        if row.case.resolution != resolution:
            ended = row.case.resolution
            row.events.append(Event(now, "closed" if ended else "reopened", resolution=ended or resolution))
        notices = plan(number, row.case, row.sent, now)
        row.sent |= taken_by(notices)
        row.events += [Event(now, "step", int(notice.step), notice.to) for notice in notices]
        known = {(step.step, step.to) for step in before.steps if step.state == "dropped"} if before else set()
        row.events += [
            Event(now, "dropped", step.step, step.to)
            for step in row.case.steps
            if step.state == "dropped" and (step.step, step.to) not in known and step.name not in row.sent
        ]

    def _believed_no_more(self, void: Void, now: datetime) -> None:
        row = self.rows[void.id]
        self.void_into[void.id] = void.into
        if row.void is None:
            because: Literal["void", "merged"] = "merged" if void.because == "merged" else "void"
            row.events.append(Event(now, because, resolution=void.because))
            told = amend(void.id, row.case.key, "", row.sent, because, 0, now)
            row.events += [Event(now, "corrected", to=notice.to) for notice in told if notice.correction]
        row.void = void.because
