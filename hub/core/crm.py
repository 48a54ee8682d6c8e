"""What is a CRM told about a client: tasks to call back, his calls, who he is when nobody knew him?

Planning is pure and asks of every case and call again and again: what should the CRM know, and what was it told? Only
the difference becomes an effect, so that late, repeated and shuffled facts lead to the same end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from hub.core.calls import Verdict
from hub.core.cases import Case
from hub.core.effects import AddNote, AmendTask, CloseTask, CreateLead, CreateTask, Effect, LogCall, Told
from hub.core.history import EVER, created_at, held_at
from hub.core.marks import suppressed
from hub.core.owners import open_deals
from hub.core.policy import Team
from hub.core.records import Call, Message, moment
from hub.core.timeline import Fact, Timeline
from hub.core.wording import Opening, Wording

TaskEffect: TypeAlias = CreateTask | AmendTask | CloseTask
TASKS = ("create_task", "amend_task", "close_task")
KINDS = (*TASKS, "add_note", "log_call", "create_lead")
"""Kinds of effects that a CRM carries; a notice goes by its recipient's channel instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """A connection whose CRM is told. since: kind of effect that is switched on → from when on, None: not yet.

    What began earlier is history and told to nobody, unless it was imported as live.
    """

    connection: str
    since: Mapping[str, datetime | None]

    def wants(self, kind: str, fact: Fact[Any] | None) -> bool:
        """Whether this kind of effect may follow from what began with this fact."""
        if kind not in self.since or fact is None or not fact.live:
            return False
        since, at = self.since[kind], moment(fact.record)
        return fact.as_live or (since is not None and at is not None and at >= since)


@dataclass(frozen=True, slots=True)
class Opened:
    """The fact that opened a case, what is said of it, and by which handle the client is reached."""

    fact: Fact[Any]
    what: Opening
    client: str | None


@dataclass(frozen=True, slots=True)
class Client:
    """One client's timeline at a moment, with what was judged of it."""

    timeline: Timeline
    verdicts: Mapping[str, Verdict]
    cases: Sequence[Case]
    now: datetime
    facts: Mapping[str, Fact[Call]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", {fact.ref: fact for fact in self.timeline.calls})

    def opening(self, case: Case) -> Opened | None:
        """What he did that opened the case; None where that is not, or no more, on his timeline."""
        if case.opened_by in self.facts:
            call = self.verdicts.get(case.opened_by)
            return Opened(self.facts[case.opened_by], call, call.client) if call is not None else None
        written: tuple[Fact[Any], ...] = (*self.timeline.messages, *self.timeline.submissions)
        for fact in written:
            if fact.ref == case.opened_by:
                record = fact.record
                handle = record.client if isinstance(record, Message) else next(iter(record.handles), None)
                return Opened(fact, record, handle)
        return None

    def card_in(self, connection: str) -> bool:
        """Whether the connection has a card of him."""
        return any(
            (created_at(history) or EVER) <= self.now and (history.gone_at is None or history.gone_at > self.now)
            for history in self.timeline.cards
            if history.ref.startswith(f"{connection}/")
        )


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for the targets of one hub."""

    targets: Sequence[Target]
    words: Wording
    team: Team

    # Tasks and notes: what a case says now against what was last planned for it.

    def of_case(
        self, row_id: int | str, case: Case, client: Client, planned: Mapping[str, Sequence[Effect]]
    ) -> Iterator[tuple[str, Told]]:
        """(connection, effect) that a case which stands needs. row_id: its lasting id; planned: by connection, so far."""
        opened = client.opening(case)
        if opened is None or not self._is_client(opened.client, client):
            return
        for target in self.targets:
            before = planned.get(target.connection, ())
            task = self._task(row_id, case, client, _tasks(before), target, opened)
            if task is not None:
                yield target.connection, task
            noted = any(isinstance(effect, AddNote) for effect in before)
            lost = opened.what if case.kind == "lost_in_transfer" and isinstance(opened.what, Verdict) else None
            if lost is not None and not noted and target.wants("add_note", opened.fact):
                yield target.connection, self._note(row_id, case, lost, target)

    def of_void(
        self, because: Literal["not_a_miss", "merged"], planned: Mapping[str, Sequence[Effect]], now: datetime
    ) -> Iterator[tuple[str, Told]]:
        """(connection, effect) that a case needs which is believed no more: its task is done with."""
        for target in self.targets:
            before = _tasks(planned.get(target.connection, ()))
            if before and not isinstance(before[-1], CloseTask) and "close_task" in target.since:
                kind = before[-1].case.partition(":")[0]
                yield target.connection, _closed(before, self.words.no_longer(because, kind), now)

    def _task(
        self,
        row_id: int | str,
        case: Case,
        client: Client,
        before: Sequence[TaskEffect],
        target: Target,
        opened: Opened,
    ) -> TaskEffect | None:
        quiet = suppressed(client.timeline, client.now)
        last = before[-1] if before else None
        if last is None:
            wants = target.wants("create_task", opened.fact)
            wanted = case.state == "open" and case.due_at is not None and not quiet and wants
            key = f"{row_id}/task/{target.connection}"
            return self._wanted(CreateTask, key, case, opened, client.now) if wanted else None
        if case.state != "open" or quiet:
            if isinstance(last, CloseTask) or "close_task" not in target.since:
                return None
            text = self.words.result(case) if case.state != "open" else self.words.no_longer("suppressed", case.kind)
            return _closed(before, text, case.closed_at or client.now)
        said = (None, None) if isinstance(last, CloseTask) else (last.due_at, last.to)
        if case.due_at is None or said == (case.due_at, case.assignee) or "amend_task" not in target.since:
            return None
        return self._wanted(AmendTask, f"{before[0].key}/{len(before)}", case, opened, client.now)

    def _wanted(
        self, what: type[CreateTask | AmendTask], key: str, case: Case, opened: Opened, now: datetime
    ) -> CreateTask | AmendTask:
        assert case.due_at is not None, "asked before"
        assert opened.client is not None, "asked before"
        return what(
            key=key,
            at=now,
            client=opened.client,
            contact=case.contact_name,
            to=case.assignee,
            case=case.key,
            due_at=case.due_at,
            text=self.words.task(case, opened.what, opened.client),
        )

    def _note(self, row_id: int | str, case: Case, loss: Verdict, target: Target) -> AddNote:
        return AddNote(
            key=f"{row_id}/note/{target.connection}",
            at=case.opened_at,
            client=loss.client or "",
            contact=case.contact_name,
            to=case.owner,
            case=case.key,
            text=self.words.note(case, loss),
        )

    # Calls: each once, when it is settled.

    def fresh(self, client: Client, told: Mapping[str, Collection[str]]) -> Iterator[tuple[Target, Verdict]]:
        """(target, call) that is to be told now, in order of time. told: reference → connections that know it."""
        if not self.targets:
            return
        for call in sorted(client.verdicts.values(), key=lambda call: (call.started_at, call.ref)):
            if not self._is_worth_telling(call, client):
                continue
            for target in self.targets:
                known = target.connection in told.get(call.ref, ()) or target.connection == call.connection
                fact = client.facts.get(call.ref)
                if not known and (target.wants("log_call", fact) or target.wants("create_lead", fact)):
                    yield target, call

    def of_calls(
        self, client: Client, fresh: Iterable[tuple[Target, Verdict]], leads: Collection[str]
    ) -> Iterator[tuple[str, LogCall | CreateLead]]:
        """(connection, effect) for calls that are to be told. leads: keys of leads that were planned before."""
        made = set(leads)
        for target, call in fresh:
            fact = client.facts[call.ref]
            lead = f"lead/{target.connection}/{call.client}"
            if self._is_a_new_face(call, client, target, made) and target.wants("create_lead", fact):
                made.add(lead)
                yield target.connection, self._lead(lead, call, client)
            elif target.wants("log_call", fact):
                yield target.connection, self._call(target, call, client)

    def _is_client(self, handle: str | None, client: Client) -> bool:
        """Whether it is somebody's own address, not a switchboard, one of us, or a number that was withheld."""
        return client.timeline.contact.kind == "person" and handle is not None and not self.team.owns(handle)

    def _is_worth_telling(self, call: Verdict, client: Client) -> bool:
        settled = call.outcome is not None and call.wake_at is None
        left_out = call.direction == "internal" or call.excluded in ("internal", "test_number", "blocked")
        return settled and not left_out and self._is_client(call.client, client)

    def _is_a_new_face(self, call: Verdict, client: Client, target: Target, made: set[str]) -> bool:
        """Whether a client called whom the CRM does not know and was not told of before."""
        known = client.card_in(target.connection) or not made.isdisjoint(lead_keys(target.connection, client.timeline))
        return (
            call.direction == "inbound"
            and call.excluded is None
            and not known
            and not suppressed(client.timeline, client.now)
        )

    def _call(self, target: Target, call: Verdict, client: Client) -> LogCall:
        return LogCall(
            key=f"call/{call.ref}/{target.connection}", text=self.words.call(call), **self._told(call, client)
        )

    def _lead(self, key: str, call: Verdict, client: Client) -> CreateLead:
        name = client.timeline.contact.name
        title = self.words.lead(name, call.client or "", call)
        return CreateLead(key=key, text=self.words.call(call), title=title, **self._told(call, client))

    def _told(self, call: Verdict, client: Client) -> dict[str, Any]:
        """What is told of a call in either form; the last human is responsible, else the owner of the case."""
        owner = next((case.owner for case in client.cases if call.ref in case.evidence), None)
        return {
            "at": call.started_at,
            "client": call.client,
            "contact": client.timeline.contact.name,
            "to": call.last_human or (call.dialled_by if call.direction == "outbound" else owner),
            "call": call.ref,
            "direction": call.direction,
            "outcome": call.outcome,
            "started_at": call.started_at,
            "duration": call.talk or 0,
            "line": call.line,
            "line_group": call.line_group,
            "recordings": call.recordings,
        }


def _tasks(planned: Iterable[Effect]) -> list[TaskEffect]:
    return [effect for effect in planned if isinstance(effect, CreateTask | AmendTask | CloseTask)]


def _closed(before: Sequence[TaskEffect], text: str, at: datetime) -> CloseTask:
    last = before[-1]
    return CloseTask(
        key=f"{before[0].key}/{len(before)}",
        at=at,
        client=last.client,
        contact=last.contact,
        to=last.to,
        case=last.case,
        text=text,
    )


def lead_keys(connection: str, timeline: Timeline) -> set[str]:
    """The keys of the leads that could have been made of this client in a connection, one a handle."""
    return {f"lead/{connection}/{handle}" for handle in timeline.contact.handles}


# At delivery: what the connection calls the client and his deal.


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a CRM a client is: ids of his card and of his open deal there, None where there is none."""

    card: str | None = None
    deal: str | None = None


def place(timeline: Timeline, connection: str, handle: str, now: datetime) -> Place:
    """The client's place in a connection: the deal created last among the open ones, and a card of it.

    Of several cards the one that carries the handle goes first, then the one changed last.
    """
    own = f"{connection}/"
    deals = open_deals([history for history in timeline.deals if history.ref.startswith(own)], now)
    held = [held_at(history, now) for history in timeline.cards if history.ref.startswith(own)]
    cards = sorted(
        (card for card in held if card is not None),
        key=lambda card: (
            handle in getattr(card, "handles", ()),
            card.changed_at.timestamp() if card.changed_at else 0.0,
            card.id,
        ),
        reverse=True,
    )
    return Place(cards[0].id if cards else None, deals[0].id if deals else None)
