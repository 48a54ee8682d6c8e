"""Which legs and transfers did a session have, told in the hub's words? (mapping: contracts/telephony.md 0.1)"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from hub.sdk import Call, Leg, Target, Transfer
from plugins.telephony.asterisk.fold.sessions import Session, birth, dialled_number, origin_of
from plugins.telephony.asterisk.fold.talk import Stretch, conversations
from plugins.telephony.asterisk.fold.trace import Channel, Handover, Step, Trace, Waiting
from plugins.telephony.asterisk.fold.who import Site, destinations, endpoint
from plugins.telephony.asterisk.keep import ANNOUNCEMENTS, MACHINES, MENUS

Result = Literal[
    "answered", "no_answer", "busy", "declined", "elsewhere", "cancelled", "forwarded", "failed", "unreachable",
    "timeout", "closed",
]
Completeness = Literal["live", "repaired", "partial"]
_SOON = 1_500
"""What Asterisk does because of one answer or one hang-up happens within this, in ms."""
_GLIMPSE = 50
"""Two channels pass through a bridge together for less than this when one takes the other's place."""
_FAREWELL = 10_000
"""After a hand-over a phone may hear the parking slot read out; longer than this it has gone on to something else."""
_UNREACHABLE = frozenset({"3", "18", "20", "27", "44"})
_REFUSED = frozenset({"21"})
_BUSY = frozenset({"17"})
_FAILED = frozenset({"1", "22", "28", "34", "38", "41", "42", "50", "52", "54", "58", "88", "127"})


def moment(ms: float) -> datetime:
    """UTC of milliseconds since 1970."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


def _maybe(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


@dataclass(slots=True)
class View:
    """A session together with all that its legs are derived from."""

    session: Session
    trace: Trace
    site: Site
    talks: dict[str, list[Stretch]]
    start: int
    end: int | None
    handovers: list[Handover]
    legs: list[Leg] = field(default_factory=list)

    @property
    def unsure(self) -> bool:
        """Would we have missed the client's own hang-up?"""
        return any(client.lost or client.crashed or client.known_by == "cdr" for client in self.session.clients)

    def ended(self, at: int | None) -> datetime | None:
        """An end, not beyond the end of the session; None while both last."""
        if at is None:
            return _maybe(self.end)
        return moment(at if self.end is None else max(min(at, self.end), self.start))

    def first_talk(self) -> int | None:
        """When the client first spoke with one of us."""
        since = [
            stretch.since
            for uid, stretches in self.talks.items()
            if self.human(uid)
            for stretch in stretches
            if stretch.to - stretch.since >= _GLIMPSE or stretch.open
        ]
        return min(since, default=None)

    def human(self, uid: str) -> bool:
        """Is this channel a person's, not a half of a Local channel or Asterisk's own?"""
        channel = self.trace.channels.get(uid)
        return channel is not None and self.site.kind(channel.name) in {"trunk", "phone"}

    def target(self, channel: Channel) -> Target:
        """How the record names who is behind a channel."""
        if self.site.kind(channel.name) == "phone":
            return Target(self.site.member(channel.name, channel.number if channel.outgoing else ""))
        raw = dialled_number(channel, self.trace) if channel.outgoing else channel.number
        return Target(self.site.phone(raw) or raw or endpoint(channel.name))


def call(session: Session, trace: Trace, site: Site, completeness: Completeness) -> Call:
    """The record of one session."""
    view = _view(session, trace, site)
    _machine_legs(view)
    _human_legs(view)
    _hold_legs(view)
    transfers = tuple(_transfers(view))
    legs = tuple(sorted(view.legs, key=lambda leg: (leg.started_at, _RANK[leg.kind], leg.to or "")))
    final = (_final(view) and completeness != "partial") or trace.restarted
    return Call(
        id=session.id,
        direction=session.direction,
        client=session.client if session.direction != "internal" else None,
        client_raw=session.client_raw if session.direction != "internal" else None,
        line=_line(view),
        started_at=moment(view.start),
        ended_at=_maybe(view.end),
        hangup_by=_hangup_by(view),
        final=final,
        voicemail_seconds=_voicemail_seconds(view),
        origin=session.origin,
        queue=next((leg.to for leg in legs if leg.kind == "queue"), None),
        completeness=completeness,
        recordings=tuple(dict.fromkeys(path for channel in session.channels for path in channel.recordings)),
        legs=legs,
        transfers=transfers,
    )


_RANK = {
    "menu": 0, "announcement": 1, "bot": 2, "queue": 3, "member": 4, "external": 5, "client": 6, "hold": 7,
    "voicemail": 8,
}


def _view(session: Session, trace: Trace, site: Site) -> View:
    clients = {channel.uid for channel in session.clients}
    if session.direction == "internal":
        clients = {session.first.uid}
    talks = conversations(trace, clients)
    uids = {channel.uid for channel in session.channels}
    handovers = [
        handover
        for handover in trace.handovers
        if uids & {handover.by, handover.moved, handover.target, handover.consult}
    ]
    told = [channel.born_at for channel in session.channels if channel.born_at is not None and channel.known_by != "cdr"]
    start = min(told) if session.first.born_at in told else min(birth(channel)[0] for channel in session.channels)
    return View(session, trace, site, talks, start, _end(session, site, talks), handovers)


def _end(session: Session, site: Site, talks: dict[str, list[Stretch]]) -> int | None:
    if session.direction == "inbound" or (session.clients and talks):
        return _latest(session.clients)
    real = [channel for channel in session.channels if site.kind(channel.name) in {"phone", "trunk"}]
    return _latest([session.first] if session.direction == "outbound" else real)


def _latest(channels: Iterable[Channel]) -> int | None:
    ends = [channel.ended_at for channel in channels]
    return None if not ends or None in ends else max(end for end in ends if end is not None)


def _final(view: View) -> bool:
    if view.end is None:
        return False
    return all(
        channel.ended_at is not None and not channel.lost
        for channel in view.session.channels
        if view.site.kind(channel.name) != "pseudo"
    )


# People's legs.


def _human_legs(view: View) -> None:
    seen: set[str] = set()
    real = [c for c in view.session.channels if view.site.kind(c.name) in {"phone", "trunk"}]
    clients = {channel.uid for channel in view.session.clients}
    for channel in real:
        if channel.uid in clients:
            if view.session.direction == "outbound":
                view.legs.append(_client_leg(view, channel))
        elif channel.outgoing:
            leg = _called_leg(view, channel)
            if leg is not None:
                view.legs.append(leg)
                seen.add(leg.to or "")
        else:
            leg = _calling_leg(view, channel, first=channel is view.session.first, seen=seen)
            if leg is not None:
                view.legs.append(leg)
                seen.add(leg.to or "")
    for channel in view.session.foreign:
        if view.human(channel.uid) and _talked(view, channel.uid):
            leg = _called_leg(view, channel) if channel.outgoing else _calling_leg(view, channel, first=False, seen=seen)
            if leg is not None:
                view.legs.append(leg)
    _unreachable_legs(view)


def _talked(view: View, uid: str) -> list[Stretch]:
    return [one for one in view.talks.get(uid, ()) if one.open or one.to - one.since >= _GLIMPSE]


def _kind(view: View, channel: Channel) -> Literal["member", "external"]:
    return "member" if view.site.kind(channel.name) == "phone" else "external"


def _client_leg(view: View, channel: Channel) -> Leg:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    answered = _answered(view, channel)
    result: Result = "answered" if answered is not None else _why_not(view, channel)
    if answered is None and result in {"elsewhere", "unreachable"}:
        result = "no_answer" if result == "elsewhere" else "failed"
    ended = channel.ended_at if answered is not None else _stopped(channel)
    to = view.session.client or (Target(view.session.client_raw) if view.session.client_raw else None)
    return Leg(
        kind="client", to=Target(to) if to else None, started_at=moment(started), answered_at=_maybe(answered),
        ended_at=_end_of(ended, started), result=None if answered is None and ended is None else result,
    )


def _end_of(ended: int | None, started: int) -> datetime | None:
    return None if ended is None else moment(max(ended, started))


def _answered(view: View, channel: Channel) -> int | None:
    """When a called channel answered, None if it never did."""
    if channel.dial is not None and channel.dial.status:
        return channel.dial.ended_at if channel.dial.status == "ANSWER" else None
    talks = _talked(view, channel.uid)
    consulted = any(h.target == channel.uid for h in view.handovers)
    if channel.up_at is not None and (consulted or not talks or view.session.direction != "inbound"):
        return channel.up_at
    return max(talks[0].since, channel.up_at or 0) if talks else None


def _stopped(channel: Channel) -> int | None:
    """When a channel that never answered stopped ringing."""
    ends = [at for at in (channel.dial.ended_at if channel.dial else None, channel.ended_at) if at is not None]
    return min(ends, default=None)


def _called_leg(view: View, channel: Channel) -> Leg | None:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    answered = _answered(view, channel)
    talks = _talked(view, channel.uid)
    if not talks and _is_aside(view, channel):
        return None
    started = min(started, answered) if answered is not None else started
    if answered is not None and not talks and view.session.direction != "outbound":
        # It picked up and the client was not put through: a mobile's own mailbox, a confirmation not given.
        ended = channel.ended_at
        result: Result | None = "no_answer" if ended is not None else None
        if _someone_else(view, channel, ended):
            result = "elsewhere"
        return _member(view, channel, started, None, ended, result)
    if answered is not None:
        return _member(view, channel, started, answered, _left(view, channel), "answered")
    ended = _stopped(channel)
    if ended is None and view.end is not None:
        ended = view.end
    if channel.lost and channel.dial is not None and channel.dial.ended_at is None:
        return _member(view, channel, started, None, ended, None)
    return _member(view, channel, started, None, ended, None if ended is None else _why_not(view, channel))


def _member(
    view: View, channel: Channel, started: int, answered: int | None, ended: int | None, result: Result | None
) -> Leg:
    started = max(started, view.start)
    end = view.ended(ended) if ended is not None or answered is not None else None
    if end is not None and end < moment(started):
        end = moment(started)
    return Leg(
        kind=_kind(view, channel), to=view.target(channel), started_at=moment(started),
        answered_at=_maybe(answered), ended_at=end, result=result,
    )


def _is_aside(view: View, channel: Channel) -> bool:
    """Was it rung by one of us aside (a consultation), without the client ever being handed over to it?"""
    if view.session.direction == "internal":
        return False
    origin = origin_of(channel, view.trace, view.site)
    if origin is None or origin.uid in {client.uid for client in view.session.clients}:
        return False
    if view.session.direction == "outbound" and origin is view.session.first and not view.session.clients:
        return False
    if view.site.kind(origin.name) == "phone":
        handed = (h for h in view.handovers if h.kind == "attended" and origin.uid in {h.consult, h.by})
        stopped = _stopped(channel)
        return not any(stopped is None or stopped >= handover.at for handover in handed)
    return False


def _left(view: View, channel: Channel) -> int | None:
    """When one who had answered was out of the call: his phone hung up, or soon after he handed the client over."""
    handed = [
        h.at for h in view.handovers
        if (h.by == channel.uid and h.kind in {"blind", "attended", "park"})
        or (h.kind == "attended" and h.consult == channel.uid)
    ]
    if handed and (channel.ended_at is None or channel.ended_at - min(handed) > _FAREWELL):
        return min(handed)
    return channel.ended_at


def _someone_else(view: View, channel: Channel, ended: int | None) -> bool:
    """Did a colleague begin to speak with the client at the moment this phone stopped ringing?"""
    if ended is None:
        return False
    for uid in view.talks:
        if uid == channel.uid or not view.human(uid):
            continue
        if any(abs(stretch.since - ended) <= _SOON for stretch in _talked(view, uid)):
            return True
    return False


def _why_not(view: View, channel: Channel) -> Result:
    """Why a called channel was not answered.

    The cause of a Hangup counts only where the far end itself ended the ringing: on the others of a ring group
    Asterisk leaves the cause of whoever was busy.
    """
    dial = channel.dial
    status = dial.status if dial else ""
    cause = channel.cause if channel.requested_at is not None or _waited(channel) < _SOON else ""
    if (dial and dial.forward) or channel.cause == "23":
        return "forwarded"
    if channel.up_at is not None and status not in {"", "CANCEL"}:
        return "no_answer"  # it picked up and was not put through: a confirmation that nobody gave
    if channel.cause == "26" or any(h.kind == "pickup" and h.by == channel.uid for h in view.handovers):
        return "elsewhere"
    if channel.requested_at is not None and cause in _BUSY:
        return "busy"
    if status == "CANCEL":
        return "elsewhere" if _someone_else(view, channel, _stopped(channel)) else "no_answer"
    if cause in _REFUSED:
        return "declined"
    if status == "BUSY" or (not status and cause in _BUSY):
        return "busy"
    if cause in _FAILED and channel.rang_at is None:
        return "failed"
    if cause in _UNREACHABLE and channel.rang_at is None:
        return "unreachable"
    if status in {"CONGESTION", "CHANUNAVAIL"}:
        return "no_answer" if channel.rang_at is not None and _waited(channel) > _SOON else "unreachable"
    return "elsewhere" if _someone_else(view, channel, _stopped(channel)) else "no_answer"


def _waited(channel: Channel) -> int:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    return (_stopped(channel) or started) - started


def _calling_leg(view: View, channel: Channel, *, first: bool, seen: set[str]) -> Leg | None:
    """The leg of a phone that called: the manager of an outbound call, one who picked up or took out of parking."""
    if view.site.kind(channel.name) == "trunk" and view.session.direction != "internal" and channel not in view.session.foreign:
        return None
    talks = _talked(view, channel.uid)
    target = view.target(channel)
    if first and view.session.direction != "inbound":
        started = birth(channel)[0]
        return _member(view, channel, started, started, _left(view, channel), "answered")
    if not talks or any(h.consult == channel.uid for h in view.handovers):
        return None
    picked = next((h.at for h in view.handovers if h.kind == "pickup" and h.target == channel.uid), None)
    since = talks[0].since if picked is None else min(picked, talks[0].since)
    if target in seen and picked is None and not any(h.target == channel.uid for h in view.handovers):
        return None
    return _member(view, channel, since, since, _left(view, channel), "answered")


def _unreachable_legs(view: View) -> None:
    """Phones that Dial() named and that were never even called: not registered."""
    rung = {
        (channel.dial.caller if channel.dial else "", endpoint(channel.name)): channel
        for channel in view.session.channels
        if channel.outgoing
    }
    called = {endpoint(channel.name) for channel in view.session.channels if channel.outgoing}
    for channel in view.session.channels:
        if channel.outgoing and view.site.kind(channel.name) != "local":
            continue
        for step in _steps(channel):
            if step.application != "dial":
                continue
            for target in destinations(step.argument):
                name = f"{target.tech}/{target.device}-0"
                if target.tech == "Local" or not target.device or view.site.kind(name) != "phone":
                    continue
                if (channel.uid, target.device) in rung or (channel.dial is None and target.device in called):
                    continue
                leg = Leg(
                    kind="member", to=Target(view.site.member(name)), started_at=moment(max(step.at, view.start)),
                    ended_at=moment(max(step.at, view.start)), result="unreachable",
                )
                if leg not in view.legs:
                    view.legs.append(leg)


def _steps(channel: Channel) -> list[Step]:
    """The dialplan's steps on a channel: as it told them itself, else as CEL or a snapshot did."""
    own = [step for step in channel.steps if step.source == "dialplan"]
    if own:
        return own
    return [step for step in channel.steps if step.source == "cel"] or channel.steps


# Machines' legs.


def _machine_legs(view: View) -> None:
    if view.session.direction == "internal":
        return
    own = {channel.uid for channel in view.session.channels}
    for wait in view.trace.waits:
        if wait.uid in own:
            view.legs.append(_queue_leg(view, wait))
    if view.session.direction == "outbound":
        return
    for channel in view.session.clients:
        _played(view, channel)


def _queue_leg(view: View, wait: Waiting) -> Leg:
    to = wait.to
    result: Result | None
    connected = any(
        abs(stretch.since - (to or stretch.since)) <= _SOON and stretch.since >= wait.since
        for uid in view.talks
        if view.human(uid)
        for stretch in _talked(view, uid)
    )
    if wait.how == "connected" or (connected and wait.how in {"", "continue", "complete"}):
        result = "answered"
    elif wait.how == "abandoned" and not _gave_up(view) and to is not None and not view.unsure:
        result = "closed"  # the queue let him go: nobody was there
    elif wait.how == "abandoned":
        result = "cancelled"
    elif wait.how in {"joinempty", "leaveempty", "joinunavail", "leaveunavail", "empty"}:
        result = "closed"
    elif wait.how == "full":
        result = "busy"
    elif wait.how == "timeout":
        result = "timeout"
    elif wait.how in {"continue", "key"}:
        result = "forwarded"
    elif to is None and view.end is None:
        result = None
    elif _gave_up(view) and (
        view.end is None or to is None or abs(view.end - to) <= _SOON
    ):
        result = "cancelled"
    else:
        result = "timeout"
    since = max(wait.since, view.start)
    answered = to if result == "answered" else None
    return Leg(
        kind="queue", to=Target(wait.queue) if wait.queue else None, started_at=moment(since),
        answered_at=_maybe(answered), ended_at=view.ended(max(to, since) if to is not None else None), result=result,
    )


def _played(view: View, channel: Channel) -> None:
    """Menus, announcements, mailboxes and queues that the client's channel went through, by the dialplan's steps."""
    steps = _steps(channel)
    borders = sorted(_borders(view, channel))
    queues = [leg for leg in view.legs if leg.kind == "queue"]
    previous: tuple[str, str] | None = None
    for number, step in enumerate(steps):
        after = [other.at for other in steps[number + 1 :] if other.at >= step.at]
        ends = [*after[:1], *(at for at in borders if at > step.at)]
        ended = min(ends, default=None)
        leg = _step_leg(view, step, ended, queues)
        if leg is None:
            previous = None
            continue
        same = (leg.kind, str(leg.to))
        if leg.kind == "menu" and previous == same:
            before = view.legs.pop()
            leg = Leg(kind="menu", to=leg.to, started_at=before.started_at, ended_at=leg.ended_at, result=leg.result)
        view.legs.append(leg)
        previous = same
    if not steps and channel.up_at is not None:
        _silent_machine(view, channel, borders)


def _borders(view: View, channel: Channel) -> Iterable[int]:
    """Moments at which something other than a machine takes over the client."""
    for other in view.session.channels:
        if other.dial is not None and other.dial.caller == channel.uid:
            yield other.dial.at
    for stay in view.trace.stays:
        if stay.uid == channel.uid and not stay.holding:
            yield stay.since
    for wait in view.trace.waits:
        if wait.uid == channel.uid:
            yield wait.since
    if view.end is not None:
        yield view.end


def _step_leg(view: View, step: Step, ended: int | None, queues: list[Leg]) -> Leg | None:
    started = moment(max(step.at, view.start))
    end = view.ended(ended) if ended is not None else _maybe(view.end)
    if end is not None and end < started:
        end = started
    last = view.end is not None and ended is not None and ended >= view.end - 300
    if step.application == "voicemail":
        return Leg(kind="voicemail", to=Target(_first(step.argument) or "voicemail"), started_at=started, ended_at=end)
    if step.application == "queue":
        if any(abs((leg.started_at - started).total_seconds()) < 2 for leg in queues):
            return None
        return _queue_leg(view, Waiting("", _first(step.argument), step.at, ended))
    if step.application in MENUS:
        result: Result | None = "answered" if not last else None
        if last:
            result = "cancelled" if _gave_up(view) else "timeout"
        return Leg(kind="menu", to=Target(step.context or "menu"), started_at=started, ended_at=end, result=result)
    if step.application in ANNOUNCEMENTS:
        name = _first(step.argument) or step.application
        return Leg(kind="announcement", to=Target(name), started_at=started, ended_at=end)
    long = end is None or (end - started).total_seconds() >= 2
    if step.application in MACHINES and long and not _talks_within(view, step.at, ended):
        return Leg(kind="menu", to=Target(_first(step.argument) or step.application), started_at=started, ended_at=end)
    return None


def _talks_within(view: View, since: int, to: int | None) -> bool:
    return any(
        stretch.since >= since and (to is None or stretch.since <= to)
        for stretches in view.talks.values()
        for stretch in stretches
    )


def _first(argument: str) -> str:
    return argument.partition(",")[0].partition("&")[0].strip()


def _gave_up(view: View) -> bool:
    if any(client.known_by == "cdr" and client.source == client.name for client in view.session.clients):
        return True
    return any(client.requested_at is not None and not _turned_away(view, client) for client in view.session.clients)


def _turned_away(view: View, client: Channel) -> bool:
    """Is what looks like the client's hang-up the echo of our own refusal (Busy(), Congestion())?

    chan_pjsip ends the dialogue with 486 or 503 and reports its end as a HangupRequest; a caller's own is 487 or a BYE.
    """
    if view.session.direction != "inbound" or client.requested_at is None or client.up_at is not None:
        return False
    if client.refusal not in {"", "0", "487", "200"}:
        return True
    asked = client.requested_at
    return any(step.application in {"busy", "congestion"} and 0 <= asked - step.at <= 300 for step in _steps(client))


def _silent_machine(view: View, channel: Channel, borders: list[int]) -> None:
    """Nobody tells the steps: the PBX picked up itself, so until a person or a queue takes over a machine spoke."""
    if channel.up_at is None:
        return
    ended = next((at for at in borders if at >= channel.up_at), None)
    humans = any(leg.started_at <= moment(channel.up_at) for leg in view.legs)
    if humans or (ended is not None and ended - channel.up_at < 700):
        return
    rung = any(other.dial is not None and other.dial.at <= channel.up_at for other in view.session.channels)
    if rung:
        return
    last = view.end is not None and ended is not None and ended >= view.end
    started, end = moment(channel.up_at), view.ended(ended)
    if last and not _gave_up(view):
        view.legs.append(Leg(kind="announcement", started_at=started, ended_at=end))
    else:
        result: Result | None = None if ended is None else "cancelled" if last else "answered"
        view.legs.append(Leg(kind="menu", started_at=started, ended_at=end, result=result))


def _voicemail_seconds(view: View) -> int | None:
    for channel in view.session.clients:
        stored = channel.vm_status == "SUCCESS" or channel.message_at is not None
        if not stored:
            continue
        for leg in view.legs:
            if leg.kind == "voicemail" and leg.ended_at is not None:
                return int((leg.ended_at - leg.started_at).total_seconds())
        if channel.message_at is not None and channel.up_at is not None:
            return max(0, (channel.message_at - channel.up_at) // 1000)
    return None


# Holds and transfers.


def _hold_legs(view: View) -> None:
    """Stretches in which the client waits for one of us to return: held, parked, or left alone in a bridge."""
    spans: list[tuple[int, int | None]] = []
    for uid in view.talks:
        channel = view.trace.channels[uid]
        talks = _talked(view, uid)
        if not talks or not view.human(uid):
            continue
        left = _left(view, channel)
        for since, to in channel.holds:
            if since is not None and since >= talks[0].since:
                ends = [at for at in (to, left, view.end) if at is not None]
                spans.append((since, min(ends, default=None)))
    spans += _alone(view)
    for stay in view.trace.stays:
        if stay.holding and stay.uid in {client.uid for client in view.session.clients}:
            spans.append((stay.since, stay.to if stay.to is not None else view.end))
    for since, to in _union(spans):
        if to is None or to - since >= 300:
            view.legs.append(
                Leg(kind="hold", started_at=moment(max(since, view.start)), ended_at=None if to is None else view.ended(to))
            )


def _alone(view: View) -> list[tuple[int, int | None]]:
    """The client sits in a bridge that one of us has left to speak with somebody else (feature-code consultation)."""
    clients = {client.uid for client in view.session.clients}
    together: list[tuple[int, int]] = []
    for uid, stretches in view.talks.items():
        if view.human(uid):
            together += [(stretch.since, stretch.to) for stretch in stretches]
    if not together:
        return []
    first = min(since for since, _ in together)
    spans: list[tuple[int, int | None]] = []
    for stay in view.trace.stays:
        if stay.uid not in clients or stay.holding:
            continue
        cursor = max(stay.since, first)
        to = stay.to if stay.to is not None else view.end
        for since, until in sorted(together):
            if since > cursor and (to is None or cursor < to):
                spans.append((cursor, since if to is None else min(since, to)))
            cursor = max(cursor, until)
        if to is not None and cursor < to:
            spans.append((cursor, to))
    return [(since, to) for since, to in spans if to is None or to - since >= 1_000]


def _union(spans: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    joined: list[tuple[int, int | None]] = []
    for since, to in sorted(spans, key=lambda span: span[0]):
        if joined and (joined[-1][1] is None or joined[-1][1] >= since):
            last = joined[-1][1]
            joined[-1] = (joined[-1][0], None if last is None or to is None else max(last, to))
        else:
            joined.append((since, to))
    return joined


def _transfers(view: View) -> Iterable[Transfer]:
    parked = [h.at for h in view.handovers if h.kind == "park"]
    ordered = sorted(view.handovers, key=lambda h: h.at)
    for number, handover in enumerate(ordered):
        if handover.kind == "blind" and any(abs(at - handover.at) <= _SOON for at in parked):
            continue
        following = ordered[number + 1].at if number + 1 < len(ordered) else None
        to, answered = _where_to(view, handover, following)
        yield Transfer(
            kind=_TRANSFER[handover.kind], from_=_from(view, handover), to=to, at=moment(max(handover.at, view.start)),
            answered=answered,
        )


_TRANSFER: dict[str, Literal["blind", "attended", "pickup", "park", "forward"]] = {
    "blind": "blind", "attended": "attended", "pickup": "pickup", "park": "park", "forward": "forward",
}


def _from(view: View, handover: Handover) -> Target | None:
    channel = view.trace.channels.get(handover.by)
    if channel is not None and view.human(channel.uid):
        return view.target(channel)
    if handover.by_name and "/" in handover.by_name:
        return Target(view.site.member(handover.by_name + ("" if channel else "-0")))
    return None


def _where_to(view: View, handover: Handover, following: int | None) -> tuple[Target | None, bool | None]:
    until = following if following is not None else None
    talks = sorted(
        (stretch.since, uid)
        for uid in view.talks
        if view.human(uid) and uid != handover.by
        for stretch in _talked(view, uid)
        if stretch.to > handover.at and (until is None or stretch.since < until)
    )
    target = view.trace.channels.get(handover.target)
    if target is not None and view.human(target.uid):
        return view.target(target), bool(_talked(view, target.uid)) or handover.kind == "pickup"
    if handover.kind == "park":
        return None, False if view.end is not None else None
    fresh = [uid for since, uid in talks if since >= handover.at - _SOON] or [uid for _, uid in talks]
    answered = bool(fresh)
    if view.end is None and not answered:
        answered_or_open: bool | None = None
    else:
        answered_or_open = answered
    rung = [
        leg for leg in view.legs
        if leg.kind in {"member", "external", "queue"} and leg.started_at >= moment(handover.at - 300)
        and (until is None or leg.started_at < moment(until))
    ]
    if handover.extension:
        for leg in rung:
            if leg.to in {f"ext:{handover.extension}", handover.extension}:
                return leg.to, answered_or_open
    if fresh:
        return view.target(view.trace.channels[fresh[0]]), answered_or_open
    if rung:
        return rung[0].to, answered_or_open
    if handover.extension:
        handle = view.site.phone(handover.extension)
        short = handover.extension.isdigit() and len(handover.extension) <= 6
        return Target(handle or (f"ext:{handover.extension}" if short else handover.extension)), answered_or_open
    return None, answered_or_open


# The frame.


def _hangup_by(view: View) -> Literal["client", "member", "system"] | None:
    if view.end is None:
        return None
    clients, members = view.session.clients, view.session.channels
    if any(client.crashed for client in clients) or (not clients and view.trace.restarted):
        return "system"
    if any(client.lost for client in clients):
        return None
    if clients and all(client.known_by == "cdr" for client in clients):
        sources = {client.source for client in clients}
        if sources & {client.name for client in clients}:
            return "client"
        return "system" if sources == {"pbx"} else None
    asked = {client.uid: client.requested_at for client in clients if client.requested_at and not _turned_away(view, client)}
    own = {client.uid for client in clients}
    others = [
        channel.requested_at
        for channel in members
        if channel.uid not in own and channel.requested_at is not None and view.human(channel.uid)
        and view.end - _SOON <= channel.requested_at <= view.end + _SOON
    ]
    if view.session.direction == "internal":
        told = any(channel.known_by != "cdr" for channel in members)
        return "member" if others or asked else "system" if told else None
    if not asked and not others and any(_stale(view, client) for client in clients):
        return None
    if asked and (not others or min(asked.values()) <= min(others) or view.session.direction == "inbound"):
        return "client"
    if others:
        return "member"
    if view.session.direction == "outbound" and any(_refused(view, client) for client in clients):
        return "client"
    return "system"


def _stale(view: View, client: Channel) -> bool:
    """Does CEL name a phone that had hung up long before, so that nobody can tell who ended the rest?"""
    source = view.trace.named(client.source) if client.source not in {"", client.name} else None
    return (
        source is not None and source.ended_at is not None and client.ended_at is not None
        and client.ended_at - source.ended_at > _SOON
    )


def _refused(view: View, client: Channel) -> bool:
    return _answered(view, client) is None and _why_not(view, client) in {"busy", "declined"}


def _line(view: View) -> str | None:
    session = view.session
    if session.direction == "internal":
        return None
    if session.direction == "inbound":
        trunk = session.clients[0]
        if trunk.exten not in {"", "s", "h", "i", "t"}:
            return trunk.exten
        return trunk.did or endpoint(trunk.name) or None
    for client in session.clients:
        shown = client.dial.shown if client.dial else ""
        if view.site.phone(shown) is not None and view.site.phone(shown) != session.client:
            return shown
    if view.site.company:
        return view.site.company
    return endpoint(session.clients[0].name) if session.clients else None
