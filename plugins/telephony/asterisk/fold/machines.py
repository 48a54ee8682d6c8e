"""Which queues, menus, announcements and mailboxes did the client go through, and how did each end?"""

from __future__ import annotations

from collections.abc import Iterable

from hub.sdk import Leg, LegResult, Target
from plugins.telephony.asterisk.fold.trace import Channel, Step, Waiting
from plugins.telephony.asterisk.fold.view import SOON, View, gave_up, maybe, moment, steps_of, talked_with
from plugins.telephony.asterisk.keep import ANNOUNCEMENTS, MACHINES, MENUS


def machine_legs(view: View) -> None:
    """Add a leg for each queue, menu, announcement and mailbox."""
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
    result: LegResult | None
    connected = any(
        abs(stretch.since - (to or stretch.since)) <= SOON and stretch.since >= wait.since
        for uid in view.talks
        if view.human(uid)
        for stretch in talked_with(view, uid)
    )
    if wait.how == "connected" or (connected and wait.how in {"", "continue", "complete"}):
        result = "answered"
    elif wait.how == "abandoned" and not gave_up(view) and to is not None and not view.unsure:
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
    elif gave_up(view) and (view.end is None or to is None or abs(view.end - to) <= SOON):
        result = "cancelled"
    else:
        result = "timeout"
    since = max(wait.since, view.start)
    answered = to if result == "answered" else None
    return Leg(
        kind="queue",
        to=Target(wait.queue) if wait.queue else None,
        started_at=moment(since),
        answered_at=maybe(answered),
        ended_at=view.ended(max(to, since) if to is not None else None),
        result=result,
    )


def _played(view: View, channel: Channel) -> None:
    """Menus, announcements, mailboxes and queues that the client's channel went through, by the dialplan's steps."""
    steps = steps_of(channel)
    borders = sorted(_borders(view, channel))
    queues = [leg for leg in view.legs if leg.kind == "queue"]
    previous: tuple[str, str] | None = None
    for number, step in enumerate(steps):
        after = [other.at for other in steps[number + 1 :] if (other.source, other.application) != ("cdr", "dial")]
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
    if previous is None and not any(step.source in {"dialplan", "cel"} for step in steps):
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
    end = view.ended(ended) if ended is not None else maybe(view.end)
    if end is not None and end < started:
        end = started
    last = view.end is not None and ended is not None and ended >= view.end - 300
    if step.application == "voicemail":
        return Leg(kind="voicemail", to=Target(_first(step.argument) or "voicemail"), started_at=started, ended_at=end)
    if step.application == "queue":
        if any(abs((leg.started_at - started).total_seconds()) < 2 for leg in queues):
            return None
        at_once = ended is not None and ended - step.at < 1_000 and not gave_up(view)
        return _queue_leg(view, Waiting("", _first(step.argument), step.at, ended, "joinempty" if at_once else ""))
    if step.application in MENUS:
        result: LegResult | None = "answered" if not last else None
        if last:
            result = "cancelled" if gave_up(view) else "timeout"
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
    if last and not gave_up(view):
        view.legs.append(Leg(kind="announcement", started_at=started, ended_at=end))
    else:
        result: LegResult | None = None if ended is None else "cancelled" if last else "answered"
        view.legs.append(Leg(kind="menu", started_at=started, ended_at=end, result=result))


def voicemail_seconds(view: View) -> int | None:
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
