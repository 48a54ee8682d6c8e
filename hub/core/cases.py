"""A client waits for us: what such a case is, when it is due, how it closes and what it is worth (metrics.md 3).

Rules say where a case opens and what joins it (`Waiting`); everything that holds for every kind follows here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

from hub.core import hours, marks, owners
from hub.core.attempts import Attempt, exhausting
from hub.core.calls import instant_text
from hub.core.context import Context
from hub.core.deals import any_open
from hub.core.evidence import Met
from hub.core.ladder import Ladder, Step
from hub.core.policy import DEFINITION_VERSION, LineGroup
from hub.core.records import Mark
from hub.core.session import seconds
from hub.core.timeline import Fact
from hub.core.waited import Length, Waited

State: TypeAlias = Literal["open", "recovered", "closed", "lost", "void"]
Resolution: TypeAlias = Literal[
    "callback_reached",
    "client_got_through",
    "other_channel",
    "exhausted",
    "closed_by_hand",
    "expired",
    "not_a_miss",
    "merged",
    "no_callback_number",
    "replied",
    "no_reply_needed",
    "bot_resolved",
    "client_deleted",
]
STATES: dict[str, State] = {
    "callback_reached": "recovered",
    "client_got_through": "recovered",
    "other_channel": "recovered",
    "exhausted": "lost",
    "expired": "lost",
    "closed_by_hand": "closed",
    "no_callback_number": "closed",
    "replied": "recovered",
    "no_reply_needed": "closed",
    "bot_resolved": "closed",
    "client_deleted": "closed",
    "not_a_miss": "void",
    "merged": "void",
}
REACHED = ("callback_reached", "client_got_through", "other_channel")
CLOCK_RUNS_ON = ("exhausted", "expired")
"""Resolutions that do not end the promise: nobody was called back, so the delay goes on (metrics.md 3.3)."""
MEMORY = timedelta(days=30)
"""How long after its end a case is still the previous one of a new case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it stands at a moment: the row of `crmhub cases` (model.md 4).

    evidence: references of all facts that opened or joined it, by time; the stored row is found by them.
    wait: how long and by whose turns, of a wait for a reply. taken_by: who took it. live: whether effects may follow. wake_at: the next moment at which time alone changes the case.
    """

    kind: str
    line_group: str
    priority: Literal["low", "normal", "high"]
    state: State
    resolution: Resolution | None
    opened_at: datetime
    opened_by: str
    evidence: tuple[str, ...]
    due_at: datetime | None
    breached: bool | None
    late_by: int | None
    closed_at: datetime | None = None
    closed_by: str | None = None
    closed_by_member: str | None = None
    reason: str | None = None
    client_attempts: int = 1
    last_attempt_at: datetime
    attempts: tuple[Attempt, ...] = ()
    first_attempt: Length | None = None
    time_to_reach: Length | None = None
    owner: str | None = None
    owner_because: str | None = None
    assignee: str | None = None
    owner_absent: bool = False
    in_hours: bool | None = None
    silently_lost: bool = False
    previous: str | None = None
    flags: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    rules_version: int = 1
    definition_version: int = DEFINITION_VERSION
    contact_id: int
    contact_name: str | None = None
    contact_handles: tuple[str, ...] = ()
    wait: Waited | None = None
    taken_by: str | None = None
    live: bool = False
    started_at: datetime
    wake_at: datetime | None = None

    @property
    def key(self) -> str:
        """The public name: `<kind>:<reference of the opening evidence>`; it may change, the stored row does not."""
        return f"{self.kind}:{self.opened_by}"

    @property
    def breached_at(self) -> datetime | None:
        """A broken promise is broken at the moment it was due."""
        return self.due_at if self.breached else None

    def row(self) -> dict[str, Any]:
        """The row of `crmhub cases --json`."""
        return {
            "key": self.key,
            "ref": self.key,
            "kind": self.kind,
            "contact": {"id": self.contact_id, "name": self.contact_name, "handles": list(self.contact_handles)},
            "line_group": self.line_group,
            "priority": self.priority,
            "state": self.state,
            "resolution": self.resolution,
            "opened_at": instant_text(self.opened_at),
            "opened_by": self.opened_by,
            "due_at": instant_text(self.due_at),
            "breached": self.breached,
            "breached_at": instant_text(self.breached_at),
            "late_by": self.late_by,
            "closed_at": instant_text(self.closed_at),
            "closed_by": self.closed_by,
            "closed_by_member": self.closed_by_member,
            "reason": self.reason,
            "client_attempts": self.client_attempts,
            "last_attempt_at": instant_text(self.last_attempt_at),
            "attempts": [attempt.row() for attempt in self.attempts],
            "first_attempt": self.first_attempt.row() if self.first_attempt else None,
            "time_to_reach": self.time_to_reach.row() if self.time_to_reach else None,
            "owner": self.owner,
            "owner_because": self.owner_because,
            "assignee": self.assignee,
            "owner_absent": self.owner_absent,
            "in_hours": self.in_hours,
            "silently_lost": self.silently_lost,
            "previous": self.previous,
            "flags": list(self.flags),
            "evidence": list(self.evidence),
            "steps": [step.row() for step in self.steps],
            "wait": self.wait.row() if self.wait else None,
            "rules_version": self.rules_version,
            "definition_version": self.definition_version,
        }


class Asking(Protocol):
    """What a client asked by: a session, or a form that he sent."""

    @property
    def ref(self) -> str: ...
    @property
    def line(self) -> str | None: ...
    @property
    def started_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def in_hours(self) -> bool | None: ...
    @property
    def rules_version(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A client who waits, as a rule finds him: where it began and what joined it.

    opening: what opened the case. dials: all by which he asked, by their start. echoes: what only said it again. opened_at: when
    the case opened. since: what happens from here on is evidence and attempt. promised_at: where the clock of the
    promise begins, None while there is no promise (a case of low priority). owner: an owner whom no order can change.
    """

    kind: str
    group: LineGroup
    opening: Asking
    dials: tuple[Asking, ...]
    opened_at: datetime
    since: datetime
    promised_at: datetime | None
    owner: tuple[str, str] | None = None
    without: tuple[str, ...] = ()
    echoes: tuple[str, ...] = ()
    previous: str | None = None
    flags: tuple[str, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        return (*(dial.ref for dial in self.dials), *self.echoes)

    @property
    def called(self) -> bool:
        """Whether he called; who sent a form has no third dial and no limit of our attempts."""
        return self.kind != "new_lead"

    @property
    def target(self) -> timedelta:
        """How soon we promised to reach him, in working time."""
        return self.group.policy.target(self.kind) or timedelta()

    @property
    def ttl(self) -> timedelta:
        """How long the case lives at most."""
        return self.group.policy.case_ttl if self.called else self.group.policy.lead_ttl


@dataclass(frozen=True, slots=True)
class Closing:
    """What ended a case. at: the moment. talk_ended_at: the end of the talk that closed it, None while it lasts."""

    resolution: Resolution
    at: datetime
    by: str | None = None
    member: str | None = None
    reason: str | None = None
    met: Met | None = None

    @property
    def unhappy_from(self) -> datetime | None:
        """From when on a new miss says that the client is unhappy: the end of the talk, else the closing."""
        return self.met.end if self.met is not None and self.met.resolution in REACHED[:2] else self.at


def closing_by_facts(waiting: Waiting, context: Context) -> Closing | None:
    """How facts and time close the case; this does not change when later sessions join."""
    if context.timeline.contact.kind == "withheld":
        return Closing("no_callback_number", waiting.opened_at)
    met = context.evidence.first_since(waiting.since, waiting.group, waiting.without)
    if met is not None and met.start <= waiting.since:
        return _met(met)
    expires = waiting.opened_at + waiting.ttl
    until = min(met.start if met else expires, expires)
    tried = [item for item in context.attempts_between(waiting.since, until) if met is None or item.ref != met.ref]
    done = exhausting(tried, waiting.group, text_known_at=context.text_known_at) if waiting.called else None
    if done is not None and done.at < until:
        return Closing("exhausted", done.at, done.ref, done.by)
    if met is not None and met.start <= expires:
        return _met(met)
    return Closing("expired", expires) if expires <= context.now else None


def _met(met: Met) -> Closing:
    return Closing(met.resolution, met.start, met.ref, met.member, met=met)


def closing_by_hand(waiting: Waiting, context: Context, until: datetime) -> Closing | None:
    """How a person closed it, where nothing else did before `until`."""
    own = context.timeline.contact.handles
    before = marks.closed_by(_marks(waiting, context, None), waiting.kind, own)
    until = min(until, before.record.at) if before is not None else until  # later calls of ours belong to a later case
    mark = marks.closed_by(_marks(waiting, context, until), waiting.kind, own)
    if mark is None:
        return None
    by = context.book.team.named(mark.record.by, mark.record.at)
    return Closing("closed_by_hand", mark.record.at, mark.ref, by, mark.record.reason)


def _marks(waiting: Waiting, context: Context, until: datetime | None) -> list[Fact[Mark]]:
    """What people decided about the case: by its key, by one of its sessions, by the client, or by a call of ours.

    until: our calls up to here belong to the case; None leaves them out.
    """
    tried = _called_back(waiting, context, until) if until is not None else ()
    found = context.marks.on(waiting.kind, (*waiting.evidence, *tried), waiting.opened_at)
    return [fact for fact in found if fact.record.at >= waiting.since]


def _called_back(waiting: Waiting, context: Context, until: datetime) -> tuple[str, ...]:
    """Our calls that belong to the case: a mark on one of them means it (model.md 2)."""
    if not context.timeline.marks:
        return ()
    return tuple(item.ref for item in context.attempts_between(waiting.since, until) if item.kind == "call")


def build(waiting: Waiting, ended: Closing | None, context: Context) -> Case:
    """The case with everything that follows from where it began and how it ended."""
    group, now = waiting.group, context.now
    decisions = _marks(waiting, context, ended.at if ended else now)
    due_at = _due(waiting)
    breached, late_by = _promise(waiting, ended, due_at, now)
    question = owners.Question(
        waiting.opening.line,
        waiting.opening.started_at,
        due_at,
        group,
        context.book.team,
        context.timeline,
        context.talks,
        context.book.country,
    )
    owned = owners.ownership(question, waiting.owner)
    tried = context.attempts_between(waiting.since, ended.at if ended else now, included=True)
    kinds = ("call",) if waiting.called else ("call", "message")
    first = next((attempt for attempt in tried if attempt.valid and attempt.kind in kinds), None)
    took = marks.taken(decisions, ended.at if ended else now)
    live = context.is_live(waiting.opening.ref)
    ladder = Ladder(
        group=group,
        team=context.book.team,
        head_of_sales=context.book.head_of_sales,
        assignee=owned.assignee,
        opened_at=waiting.opened_at,
        promised_at=waiting.promised_at,
        target=waiting.target,
        due_at=due_at,
        closed_at=ended.at if ended else None,
        marks=tuple(decisions),
        live=live,
        now=now,
        quiet=partial(marks.suppressed, context.timeline),
    )
    reached = ended is not None and ended.resolution in REACHED
    taken_by = context.book.team.named(took.record.by, took.record.at) if took else None
    return Case(
        kind=waiting.kind,
        line_group=group.name,
        priority=_priority(waiting, ended, context),
        state=STATES[ended.resolution] if ended else "open",
        resolution=ended.resolution if ended else None,
        opened_at=waiting.opened_at,
        opened_by=waiting.opening.ref,
        evidence=waiting.evidence,
        due_at=due_at,
        breached=breached,
        late_by=late_by,
        closed_at=ended.at if ended else None,
        closed_by=ended.by if ended else None,
        closed_by_member=ended.member if ended else None,
        reason=ended.reason if ended else None,
        client_attempts=len(waiting.dials),
        last_attempt_at=max(dial.started_at for dial in waiting.dials),
        attempts=tried,
        first_attempt=_length(waiting, first.at) if first else None,
        time_to_reach=_length(waiting, ended.at) if ended and reached else None,
        owner=owned.owner,
        owner_because=owned.because,
        assignee=taken_by or owned.assignee,
        owner_absent=owned.absent,
        in_hours=waiting.opening.in_hours,
        silently_lost=waiting.called and _silently_lost(ended, tried),
        previous=waiting.previous,
        flags=_flags(waiting, ended, decisions),
        steps=ladder.steps,
        rules_version=waiting.opening.rules_version,
        contact_id=context.timeline.contact.id,
        contact_name=context.timeline.contact.name,
        contact_handles=context.timeline.contact.handles,
        taken_by=taken_by,
        live=live,
        started_at=waiting.opening.started_at,
        wake_at=_wake(waiting, ended, due_at, ladder.wake_at, now),
    )


# The promise


def _due(waiting: Waiting) -> datetime | None:
    """When we promised to have called back; a third dial in a short time brings it forward, never back."""
    if waiting.promised_at is None:
        return None
    policy = waiting.group.policy
    due_at = hours.due(
        waiting.promised_at, waiting.target.total_seconds(), waiting.group.calendar, policy.no_calendar_horizon
    )
    urgent = _urgent_at(waiting)
    if due_at is None or urgent is None:
        return due_at
    return min(due_at, max(urgent, waiting.promised_at))


def _urgent_at(waiting: Waiting) -> datetime | None:
    """The end of the session that made it `urgent_attempts` dials within `urgent_window`."""
    number, window = waiting.group.policy.urgent_attempts, waiting.group.policy.urgent_window
    if number < 1 or not waiting.called:
        return None
    for first, last in zip(waiting.dials, waiting.dials[number - 1 :], strict=False):
        if last.started_at - first.started_at <= window:
            return last.ended_at
    return None


def _promise(
    waiting: Waiting, ended: Closing | None, due_at: datetime | None, now: datetime
) -> tuple[bool | None, int | None]:
    """(whether the promise was broken, by how many working seconds so far)."""
    if due_at is None:
        return None, None
    stopped = ended is not None and ended.resolution not in CLOCK_RUNS_ON
    breached = ended.at > due_at if ended is not None and stopped else due_at <= now
    if not breached:
        return False, None
    policy = waiting.group.policy
    until = ended.at if ended else now
    return True, hours.seconds(due_at, until, waiting.group.calendar, policy.no_calendar_horizon)


def _length(waiting: Waiting, at: datetime) -> Length:
    """From the opening to `at`; zero where that came first."""
    group = waiting.group
    working = hours.seconds(waiting.opened_at, at, group.calendar, group.policy.no_calendar_horizon)
    return Length(seconds(waiting.opened_at, at), working)


def _priority(waiting: Waiting, ended: Closing | None, context: Context) -> Literal["low", "normal", "high"]:
    if waiting.promised_at is None:
        return "low"
    asked = any(context.callback_requested(dial.ref) for dial in waiting.dials)
    until = ended.at if ended else context.now
    if not waiting.called:
        return "normal"
    if asked or _urgent_at(waiting) or any_open(context.timeline.deals, waiting.opened_at, until):
        return "high"
    return "normal"


def _silently_lost(ended: Closing | None, tried: Sequence[Attempt]) -> bool:
    """Lost without one valid attempt of ours."""
    if ended is None or any(attempt.valid for attempt in tried):
        return False
    return STATES[ended.resolution] == "lost" or ended.reason == "asked_not_to_call"


def _flags(waiting: Waiting, ended: Closing | None, decisions: Sequence[Fact[Mark]]) -> tuple[str, ...]:
    met = ended.met if ended else None
    other = met is not None and met.line_group not in (None, "default", waiting.group.name)
    found = {
        "by_other_group": other,
        "unverified": met is not None and met.unverified,
        "excused": any(fact.record.kind == "excused" for fact in decisions),
    }
    return (*waiting.flags, *(name for name, holds in found.items() if holds))


def _wake(
    waiting: Waiting, ended: Closing | None, due_at: datetime | None, ladder: datetime | None, now: datetime
) -> datetime | None:
    """The next moment at which time alone changes the case: the promise, the end of its life, a step."""
    moments = [ladder, due_at]
    if ended is None:
        moments.append(waiting.opened_at + waiting.ttl)
    elif ended.resolution not in CLOCK_RUNS_ON:
        moments.remove(due_at)
    return min((at for at in moments if at is not None and at > now), default=None)


Finder: TypeAlias = Callable[[Context], Sequence[Case]]


@dataclass(slots=True)
class Growing:
    """A case while its sessions are gone through: what joined so far, and how it stands closed."""

    waiting: Waiting
    context: Context
    by_facts: Closing | None = field(init=False)
    ended: Closing | None = field(init=False)

    def __post_init__(self) -> None:
        self.by_facts = closing_by_facts(self.waiting, self.context)
        self._settle()

    def takes(self, dial: Asking) -> bool:
        """Whether a session that starts now joins: the case is open, or the talk that closed it still runs."""
        if self.ended is None or dial.started_at < self.ended.at:
            return True
        met = self.ended.met
        talking = met is not None and met.resolution in REACHED[:2]
        return talking and met is not None and (met.end is None or dial.started_at < met.end)

    def join(self, dial: Asking, **changes: Any) -> None:
        dials = tuple(sorted((*self.waiting.dials, dial), key=lambda item: (item.started_at, item.ref)))
        self.waiting = replace(self.waiting, dials=dials, **changes)
        self._settle()

    def echo(self, ref: str) -> None:
        """What only says again what was said: it belongs to the case and asks nothing more."""
        self.waiting = replace(self.waiting, echoes=(*self.waiting.echoes, ref))
        self._settle()

    def _settle(self) -> None:
        until = self.by_facts.at if self.by_facts is not None else self.context.now
        by_hand = closing_by_hand(self.waiting, self.context, until)
        found = [item for item in (self.by_facts, by_hand) if item is not None]
        self.ended = min(found, key=lambda item: item.at, default=None)

    def case(self) -> Case:
        return build(self.waiting, self.ended, self.context)

    def followed_by(self, start: datetime) -> tuple[str | None, tuple[str, ...]]:
        """(the key as the previous case, flags) of a new case that begins with a session at `start`."""
        if self.ended is None or start - self.ended.at > MEMORY:
            return None, ()
        since = self.ended.unhappy_from
        unhappy = since is not None and start - since < self.waiting.group.policy.unhappy_window
        return f"{self.waiting.kind}:{self.waiting.opening.ref}", ("returned_unhappy",) if unhappy else ()
