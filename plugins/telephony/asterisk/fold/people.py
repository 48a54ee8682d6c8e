"""Whom did a call reach, and what came of each ringing? (mapping: contracts/telephony.md 0.1)"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from hub.sdk import Leg, LegResult, Target
from plugins.telephony.asterisk.fold.sessions import birth, origin_of
from plugins.telephony.asterisk.fold.trace import Channel
from plugins.telephony.asterisk.fold.view import SOON, View, maybe, moment, steps_of, talked_with
from plugins.telephony.asterisk.fold.who import destinations, endpoint

_FAREWELL = 10_000
"""After a hand-over a phone may hear the parking slot read out; longer than this it has gone on to something else."""
_UNREACHABLE = frozenset({"3", "18", "20", "27", "44"})
_SENT_AWAY = frozenset({"18", "19", "20"})
"""A phone that is there and answers 480 or 408 instead of ringing."""
_REFUSED = frozenset({"21"})
_BUSY = frozenset({"17"})
_FAILED = frozenset({"1", "22", "28", "34", "38", "41", "42", "50", "52", "54", "58", "88", "127"})


def human_legs(view: View) -> None:
    """Add a leg for each ringing of each of us, for the client's own phone, and for phones that never rang."""
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
        if channel.outgoing and view.human(channel.uid) and talked_with(view, channel.uid):
            leg = _called_leg(view, channel)
            if leg is not None:
                view.legs.append(leg)
    _unreachable_legs(view)


def _kind(view: View, channel: Channel) -> Literal["member", "external"]:
    return "member" if view.site.kind(channel.name) == "phone" else "external"


def _client_leg(view: View, channel: Channel) -> Leg:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    answered = answered_at(view, channel)
    result: LegResult = "answered" if answered is not None else why_not(view, channel)
    if answered is None and result in {"elsewhere", "unreachable"}:
        result = "no_answer" if result == "elsewhere" else "failed"
    ended = channel.ended_at if answered is not None else stopped_at(channel)
    to = view.session.client or (Target(view.session.client_raw) if view.session.client_raw else None)
    return Leg(
        kind="client",
        to=Target(to) if to else None,
        started_at=moment(started),
        answered_at=maybe(answered),
        ended_at=_end_of(ended, started),
        result=None if answered is None and ended is None else result,
    )


def _end_of(ended: int | None, started: int) -> datetime | None:
    return None if ended is None else moment(max(ended, started))


def answered_at(view: View, channel: Channel) -> int | None:
    """When a called channel answered, None if it never did."""
    if channel.dial is not None and channel.dial.status:
        return channel.dial.ended_at if channel.dial.status == "ANSWER" else None
    talks = talked_with(view, channel.uid)
    consulted = any(h.target == channel.uid for h in view.handovers)
    if channel.up_at is not None and (consulted or not talks or view.session.direction != "inbound"):
        return channel.up_at
    return max(talks[0].since, channel.up_at or 0) if talks else None


def stopped_at(channel: Channel) -> int | None:
    """When a channel that never answered stopped ringing."""
    ends = [at for at in (channel.dial.ended_at if channel.dial else None, channel.ended_at) if at is not None]
    return min(ends, default=None)


def _called_leg(view: View, channel: Channel) -> Leg | None:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    answered = answered_at(view, channel)
    talks = talked_with(view, channel.uid)
    if not talks and _is_aside(view, channel):
        return None
    started = min(started, answered) if answered is not None else started
    if answered is not None and not talks and view.session.direction != "outbound":
        # It picked up and the client was not put through: a mobile's own mailbox, a confirmation not given.
        ended = channel.ended_at
        result: LegResult | None = "no_answer" if ended is not None else None
        if _someone_else(view, channel, ended):
            result = "elsewhere"
        return _member(view, channel, started, None, ended, result)
    if answered is not None:
        return _member(view, channel, started, answered, left_at(view, channel), "answered")
    ended = stopped_at(channel)
    if ended is None and view.end is not None:
        ended = view.end
    if channel.lost and channel.dial is not None and channel.dial.ended_at is None:
        return _member(view, channel, started, None, ended, None)
    return _member(view, channel, started, None, ended, None if ended is None else why_not(view, channel))


def _member(
    view: View, channel: Channel, started: int, answered: int | None, ended: int | None, result: LegResult | None
) -> Leg:
    started = max(started, view.start)
    end = view.ended(ended) if ended is not None or answered is not None else None
    if end is not None and end < moment(started):
        end = moment(started)
    return Leg(
        kind=_kind(view, channel),
        to=view.target(channel),
        started_at=moment(started),
        answered_at=maybe(answered),
        ended_at=end,
        result=result,
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
        stopped = stopped_at(channel)
        return not any(stopped is None or stopped >= handover.at for handover in handed)
    return False


def left_at(view: View, channel: Channel) -> int | None:
    """When one who had answered was out of the call: his phone hung up, or soon after he handed the client over."""
    handed = [
        h.at
        for h in view.handovers
        if (h.by == channel.uid and h.kind in {"blind", "attended", "park"})
        or (h.kind == "attended" and h.consult == channel.uid)
    ]
    hung_up = [at for at in (channel.requested_at, channel.ended_at) if at is not None]
    ended = min(hung_up, default=None)
    if handed and (ended is None or ended - min(handed) > _FAREWELL):
        return min(handed)
    return ended


def _someone_else(view: View, channel: Channel, ended: int | None) -> bool:
    """Did a colleague begin to speak with the client at the moment this phone stopped ringing?"""
    if ended is None:
        return False
    for uid in view.talks:
        if uid == channel.uid or not view.human(uid):
            continue
        if any(abs(stretch.since - ended) <= SOON for stretch in talked_with(view, uid)):
            return True
    return False


def why_not(view: View, channel: Channel) -> LegResult:
    """Why a called channel was not answered.

    The cause of a Hangup counts only where the far end itself ended the ringing: on the others of a ring group
    Asterisk leaves the cause of whoever was busy.
    """
    dial = channel.dial
    status = dial.status if dial else ""
    own = channel.requested_at is not None or status == "BUSY"
    cause = channel.cause if own or _waited(channel) < SOON else ""
    if (dial and dial.forward) or channel.cause == "23":
        return "forwarded"
    if channel.up_at is not None and status not in {"", "CANCEL"}:
        return "no_answer"  # it picked up and was not put through: a confirmation that nobody gave
    if channel.cause == "26" or any(h.kind == "pickup" and h.by == channel.uid for h in view.handovers):
        return "elsewhere"
    if channel.requested_at is not None and cause in _BUSY:
        return "busy"
    if status == "CANCEL":
        return "elsewhere" if _someone_else(view, channel, stopped_at(channel)) else "no_answer"
    if cause in _REFUSED:
        return "declined"
    if own and cause in _SENT_AWAY and channel.rang_at is None:
        return "failed"
    if status == "BUSY" or (not status and cause in _BUSY):
        return "busy"
    if cause in _FAILED and channel.rang_at is None:
        return "failed"
    if cause in _UNREACHABLE and channel.rang_at is None:
        return "unreachable"
    if status in {"CONGESTION", "CHANUNAVAIL"}:
        return "no_answer" if channel.rang_at is not None and _waited(channel) > SOON else "unreachable"
    return "elsewhere" if _someone_else(view, channel, stopped_at(channel)) else "no_answer"


def _waited(channel: Channel) -> int:
    started = channel.dial.at if channel.dial else birth(channel)[0]
    return (stopped_at(channel) or started) - started


def _calling_leg(view: View, channel: Channel, *, first: bool, seen: set[str]) -> Leg | None:
    """The leg of a phone that called: the manager of an outbound call, one who picked up or took out of parking."""
    if view.site.kind(channel.name) == "trunk" and view.session.direction != "internal":
        return None
    talks = talked_with(view, channel.uid)
    target = view.target(channel)
    if first and view.session.direction != "inbound":
        started = birth(channel)[0]
        return _member(view, channel, started, started, left_at(view, channel), "answered")
    if not talks or any(h.consult == channel.uid for h in view.handovers):
        return None
    picked = next((h.at for h in view.handovers if h.kind == "pickup" and h.target == channel.uid), None)
    since = talks[0].since if picked is None else min(picked, talks[0].since)
    if target in seen and picked is None and not any(h.target == channel.uid for h in view.handovers):
        return None
    return _member(view, channel, since, since, left_at(view, channel), "answered")


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
        for step in steps_of(channel):
            told = step.source in {"dialplan", "cel"} or (step.source == "cdr" and not called)
            if step.application != "dial" or not told:
                continue
            for target in destinations(step.argument):
                name = f"{target.tech}/{target.device}-0"
                if target.tech == "Local" or not target.device or view.site.kind(name) != "phone":
                    continue
                if (channel.uid, target.device) in rung or (channel.dial is None and target.device in called):
                    continue
                leg = Leg(
                    kind="member",
                    to=Target(view.site.member(name)),
                    started_at=moment(max(step.at, view.start)),
                    ended_at=moment(max(step.at, view.start)),
                    result="unreachable",
                )
                if leg not in view.legs:
                    view.legs.append(leg)
