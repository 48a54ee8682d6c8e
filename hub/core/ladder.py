"""Whom do we warn about a case, and when: the ladder of steps as values (metrics.md 11.3).

0 the case opens: the assignee's silent list, no message · 1 half of the target · 2 four fifths · 3 breach · 4 breach
and the target once more. Instants are in working time of the line; a message waits for its recipient's hours. A case
without a promise (low priority, or no calendar) has step 0 alone: there is no target to count by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

from hub.core import hours, owners
from hub.core.calls import instant_text
from hub.core.once import once
from hub.core.policy import LineGroup, Team
from hub.core.records import Mark
from hub.core.timeline import Fact

StepState: TypeAlias = Literal["planned", "sent", "held", "dropped", "suppressed", "history"]

QUICK_TARGET = timedelta(minutes=10)
"""Below this the first warning comes at the start: half of so little is no warning."""
HALF, MOST = 0.5, 0.8


@dataclass(frozen=True, slots=True)
class Step:
    """One warning to one of us. at: when it reaches him. state as `crmhub cases` shows it, as far as facts tell."""

    step: int
    at: datetime
    to: str
    state: StepState

    @property
    def name(self) -> str:
        """`step/recipient`: what a stored case remembers of a step that was taken."""
        return f"{self.step}/{self.to}"

    def row(self) -> dict[str, Any]:
        return {"step": self.step, "at": instant_text(self.at), "to": self.to, "state": self.state}


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The steps of one case. promised_at: where the promise begins, None without one. target: what was promised, in working time.

    marks: those on the case. quiet: whether the client is to be left alone at a moment (metrics.md 8).
    """

    group: LineGroup
    team: Team
    head_of_sales: str | None
    assignee: str | None
    opened_at: datetime
    promised_at: datetime | None
    target: timedelta
    due_at: datetime | None
    closed_at: datetime | None
    marks: tuple[Fact[Mark], ...]
    live: bool
    now: datetime
    quiet: Callable[[datetime], bool] = lambda _at: False

    @once
    def steps(self) -> tuple[Step, ...]:
        """The steps whose instant has come and found the case open."""
        return tuple(
            Step(number, delivered, to, self._state(number, delivered))
            for number, at, recipients in self._fired
            if at <= self.now
            for to, delivered in recipients
        )

    @once
    def wake_at(self) -> datetime | None:
        """The next instant at which a step fires or a held one is delivered."""
        moments = [moment for _, at, told in self._fired for moment in (at, *(delivered for _, delivered in told))]
        return min((at for at in moments if at > self.now), default=None)

    @once
    def _fired(self) -> list[tuple[int, datetime, tuple[tuple[str, datetime], ...]]]:
        """(step, its instant, (recipient, when it reaches him)…) of the steps that happen unless the case closes."""
        found: list[tuple[int, datetime, tuple[tuple[str, datetime], ...]]] = []
        at_once: datetime | None = None  # nobody could be told of the step before: the next comes now
        for number, planned_at in self._instants():
            at = planned_at if at_once is None else min(at_once, planned_at)
            at = at if number == 0 else self._paused(at)
            if self.closed_at is not None and self.closed_at <= at:
                continue
            recipients = self._recipients(number, at)
            if recipients:
                found.append((number, at, tuple((to, self._delivered(number, to, at)) for to in recipients)))
                at_once = None
            elif number > 0:
                at_once = at
        return found

    def _instants(self) -> Iterator[tuple[int, datetime]]:
        start = self._begins(self.opened_at)
        yield 0, start
        if self.promised_at is None or self.due_at is None:
            return
        target = self.target
        begins = max(self._begins(self.promised_at), self.promised_at)
        breach = self._breach(begins, target)
        first = begins if target < QUICK_TARGET else self._after(begins, target * HALF)
        for number, at in ((1, first), (2, self._after(begins, target * MOST))):
            if at < breach:
                yield number, at
        yield 3, breach
        yield 4, self._after(breach, target)

    def _breach(self, begins: datetime, target: timedelta) -> datetime:
        """When the head is told: at the breach; where nobody was on duty until after it, once the ladder has begun."""
        due_at = self.due_at
        if due_at is None or begins <= due_at:
            return due_at or begins
        promised = self.promised_at or begins
        forward = due_at < self._after(promised, target)  # brought forward by dials: nothing is left to wait for
        return begins if forward else self._after(begins, target)

    def _after(self, start: datetime, length: timedelta) -> datetime:
        """The instant by which so much working time of the line has passed; wall clock where it has no calendar."""
        horizon = self.group.policy.no_calendar_horizon
        return hours.due(start, length.total_seconds(), self.group.calendar, horizon) or start + length

    def _begins(self, at: datetime) -> datetime:
        """The moment itself if anybody is on duty, else the next at which somebody is."""
        people = {self.assignee, owners.deputy(self.team, self.assignee), *self.group.duty, self.group.head}
        openings = []
        for key in sorted(key for key in people if key is not None):
            opening = self._opening(key, at)
            if opening <= at:
                return at
            openings.append(opening)
        return min(openings, default=at)

    @once
    def _known(self) -> dict[tuple[str, datetime], datetime]:
        return {}

    def _opening(self, key: str, at: datetime) -> datetime:
        """The moment itself if he is planned to work then or nobody knows, else when he next begins."""
        known = self._known.get((key, at))
        if known is None:
            calendar = owners.planned(self.team, key, self.group)
            known = hours.next_opening(at, calendar, self.group.policy.no_calendar_horizon) or at
            self._known[key, at] = known
        return known

    def _paused(self, at: datetime) -> datetime:
        """The instant after all pauses: `taken` holds steps for a while, `snoozed` until its moment."""
        for fact in self.marks:
            mark = fact.record
            until = self._pause_ends(mark)
            if until is not None and mark.at <= at < until:
                at = until
        return at

    def _pause_ends(self, mark: Mark) -> datetime | None:
        if mark.kind == "taken":
            return self._after(mark.at, self.group.policy.taken_pause)
        breached = self.due_at is not None and self.due_at <= mark.at
        if mark.kind != "snoozed" or (breached and not mark.reason):
            return None  # after the breach a snooze needs a reason
        return mark.until

    def _recipients(self, number: int, at: datetime) -> tuple[str, ...]:
        assignee = self._assignee(at)
        wanted = {
            0: (assignee,),
            1: (assignee,),
            2: (assignee, owners.deputy(self.team, assignee)),
            3: (self.group.head,),
            4: (self.head_of_sales,),
        }[number]
        if number == 0:
            return (assignee,) if assignee in self.team.members and assignee is not None else ()
        present = (self._present(key, at) for key in wanted)
        return tuple(dict.fromkeys(key for key in present if key is not None))

    def _assignee(self, at: datetime) -> str | None:
        """Who has to act at that moment: whoever took the case, else the one it was given to."""
        took = [fact.record for fact in self.marks if fact.record.kind == "taken" and fact.record.at <= at]
        return self.team.named(took[-1].by, took[-1].at) if took else self.assignee

    def _present(self, key: str | None, at: datetime) -> str | None:
        """Who gets what is meant for one of us: he himself, his deputy while he is away, nobody."""
        for candidate in (key, owners.deputy(self.team, key)):
            if candidate in self.team.members and candidate is not None and not self._away(candidate, at):
                return candidate
        return None

    def _away(self, key: str, at: datetime) -> bool:
        """Whether he does not work at all on the day of that moment."""
        if self._opening(key, at) <= at:
            return False
        calendar = owners.planned(self.team, key, self.group)
        return calendar is not None and not hours.works_on(hours.local_date(at, calendar), calendar)

    def _delivered(self, number: int, to: str, at: datetime) -> datetime:
        """When it reaches him: inside his hours, at once on a critical line; a list waits for nobody."""
        return at if number == 0 or self.group.critical else self._opening(to, at)

    def _state(self, number: int, delivered: datetime) -> StepState:
        """`held` until he works; `dropped` if it was solved meanwhile; imported history is `history`.

        Step 0 is on his list at once, so it is `sent`.
        """
        if self.closed_at is not None and self.closed_at <= delivered:
            return "dropped"
        if not self.live:
            return "history"
        if self.quiet(delivered):
            return "suppressed"
        if delivered > self.now:
            return "held"
        return "planned" if number else "sent"
