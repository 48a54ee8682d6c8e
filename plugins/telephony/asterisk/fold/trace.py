"""What happened to each channel of a group? Events in order of time become channels, bridges, queues and transfers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from plugins.telephony.asterisk.fold.moments import Event, Hole
from plugins.telephony.asterisk.fold.who import half
from plugins.telephony.asterisk.wire import Packet

_NOBODY = frozenset({"", "<null>", "<unknown>", "<none>", "N/A"})


@dataclass(frozen=True, slots=True)
class Step:
    """The dialplan ran an application on a channel."""

    at: int
    application: str
    argument: str
    context: str
    source: str


@dataclass(slots=True)
class Dial:
    """A channel was called; `caller` is empty where Asterisk itself dialled (Originate)."""

    caller: str
    at: int
    string: str = ""
    ended_at: int | None = None
    status: str = ""
    forward: str = ""
    shown: str = ""
    """The caller id that was presented."""
    target: str = ""
    """The number that the packet gives to the called side."""


@dataclass(slots=True)
class Channel:
    """One channel for its whole life. Times in ms; None: not known, or not (yet) happened."""

    uid: str
    linkedid: str
    order: int
    seen_at: int
    last_at: int
    name: str = ""
    born_at: int | None = None
    state: str = ""
    exten: str = ""
    context: str = ""
    number: str = ""
    connected: str = ""
    did: str = ""
    up_at: int | None = None
    rang_at: int | None = None
    requested_at: int | None = None
    """The far end hung up."""
    refusal: str = ""
    """The SIP answer with which an unanswered dialogue ended, where Asterisk tells it."""
    ended_at: int | None = None
    cause: str = ""
    source: str = ""
    """The channel that CEL says began the hang-up."""
    outgoing: bool = False
    """It was called rather than calling."""
    dial: Dial | None = None
    steps: list[Step] = field(default_factory=list)
    holds: list[list[int | None]] = field(default_factory=list)
    vm_status: str = ""
    message_at: int | None = None
    recordings: dict[str, None] = field(default_factory=dict)
    lost: bool = False
    """It vanished while nobody listened."""
    unheard: bool = False
    """It was alive when the recording ended."""
    crashed: bool = False
    """It ended with the PBX."""
    originated: Packet | None = None
    known_by: str = "ami"


@dataclass(slots=True)
class Stay:
    """A channel in a bridge from `since` to `to` (None: still there)."""

    bridge: str
    uid: str
    since: int
    to: int | None = None
    holding: bool = False
    guessed: bool = False
    """Its beginning or end was not told, only found later."""


@dataclass(slots=True)
class Waiting:
    """A caller in a queue; `how` is joined, connected, abandoned, or the queue's own word for why he left."""

    uid: str
    queue: str
    since: int
    to: int | None = None
    how: str = ""


@dataclass(slots=True)
class Handover:
    """A transfer, pickup, parking or forward as the events name it; uids may be halves of Local channels."""

    kind: str
    at: int
    by: str = ""
    by_name: str = ""
    moved: str = ""
    target: str = ""
    target_name: str = ""
    extension: str = ""
    consult: str = ""


class Trace:
    """What is known of a group: filled by `apply`, completed by `finish`, read by the sessions."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.stays: list[Stay] = []
        self.pairs: dict[str, str] = {}
        self.waits: list[Waiting] = []
        self.handovers: list[Handover] = []
        self._told: set[tuple[str, str, str, str, int]] = set()
        self.joined: dict[str, str] = {}
        self.restarted = False
        self.end = 0
        self._inside: dict[str, Stay] = {}
        self._halves: dict[str, str] = {}

    def apply(self, events: Iterable[Event]) -> None:
        """Take in events; they must come in order of time."""
        for event in events:
            rule = _RULES.get(event.name)
            if rule is not None:
                self.end = max(self.end, event.at)
                rule(self, event.at, event.fields)

    def channel(self, at: int, fields: Packet, role: str = "") -> Channel | None:
        """The channel that the packet names in this role; made when it is seen for the first time."""
        uid = fields.get(role + "uniqueid", "")
        if uid in _NOBODY:
            return None
        found = self.channels.get(uid)
        if found is None:
            linkedid = fields.get(role + "linkedid") or uid
            found = Channel(uid, linkedid, len(self.channels), at, at)
            found.outgoing = linkedid != uid  # until it is introduced: the oldest of a call is who called
            self.channels[uid] = found
        found.last_at = max(found.last_at, at)
        name = fields.get(role + "channel", "")
        if name and not found.name:
            found.name = name
            self._pair(uid, name)
        if not role:
            if not found.state and (state := fields.get("channelstate", "")):
                found.state = state
                found.outgoing = found.outgoing or state == "5"  # it rings: it is being called
            found.number = found.number or fields.get("calleridnum", "").replace("<unknown>", "")
            found.exten = found.exten or fields.get("exten", "")
            found.context = found.context or fields.get("context", "")
        return found

    def _pair(self, uid: str, name: str) -> None:
        halves = half(name)
        if halves is None:
            return
        other = self._halves.get(f"{halves[0]};{'2' if halves[1] == '1' else '1'}")
        self._halves[name] = uid
        if other:
            self.pair(uid, other)

    def pair(self, one: str, two: str) -> None:
        """These are the two halves of a Local channel."""
        self.pairs[one], self.pairs[two] = two, one

    def leave(self, uid: str, at: int) -> None:
        """The channel is in no bridge any more."""
        stay = self._inside.pop(uid, None)
        if stay is not None:
            stay.to = max(at, stay.since)

    def enter(self, uid: str, bridge: str, at: int, *, holding: bool = False) -> None:
        """The channel is in this bridge, and so in no other."""
        stay = self._inside.get(uid)
        if stay is not None and stay.bridge == bridge:
            return
        self.leave(uid, at)
        stay = Stay(bridge, uid, at, None, holding)
        self._inside[uid] = stay
        self.stays.append(stay)

    def inside(self, uid: str) -> Stay | None:
        """The bridge in which the channel is now."""
        return self._inside.get(uid)

    def finish(self, holes: Sequence[Hole]) -> None:
        """End what ended while nobody listened: the channels that no packet names after a hole."""
        for hole in holes:
            if hole.to is None:
                for channel in self.channels.values():
                    channel.unheard = channel.unheard or channel.ended_at is None
                continue
            for channel in self.channels.values():
                gone = channel.ended_at is None and channel.seen_at <= hole.since and channel.last_at < hole.to
                if gone:
                    channel.crashed, channel.lost = hole.restart, not hole.restart
                    channel.ended_at = max(hole.since, channel.last_at)
                    self.leave(channel.uid, channel.ended_at)

    def hand_over(self, handover: Handover) -> None:
        """Note a hand-over, once however often it is told."""
        key = (handover.kind, handover.by, handover.moved, handover.target, handover.at // 1000)
        if not self._told & {key, (*key[:4], key[4] - 1), (*key[:4], key[4] + 1)}:
            self._told.add(key)
            self.handovers.append(handover)

    def named(self, name: str) -> Channel | None:
        """The channel of this name, where an event gives no id."""
        return next((channel for channel in self.channels.values() if name and channel.name == name), None)

    def partner(self, uid: str) -> str | None:
        """The other half of a Local channel."""
        return self.pairs.get(uid)


# One rule an event.


def _newchannel(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None or channel.born_at is not None:
        return
    channel.born_at = at
    channel.state = fields.get("channelstate", "")
    channel.exten = fields.get("exten", "")
    channel.context = fields.get("context", "")
    channel.number = fields.get("calleridnum", "").replace("<unknown>", "")
    channel.connected = fields.get("connectedlinenum", "").replace("<unknown>", "")
    # chan_sip's own callers begin at 0 too, but with an extension
    channel.outgoing = channel.dial is not None or (channel.state == "0" and channel.exten in {"", "s"})


def _newstate(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    if fields.get("channelstate") == "6":
        channel.up_at = at if channel.up_at is None else min(channel.up_at, at)
    elif fields.get("channelstate") == "4":
        channel.outgoing = channel.dial is not None
        channel.state = "4"
    elif channel.rang_at is None:
        channel.rang_at = at


def _outgoing(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is not None:
        channel.outgoing = True


def _shown(trace: Trace, at: int, fields: Packet) -> None:
    """The caller id that an Originate gave to the phone it rang: mostly the client's number."""
    channel = trace.channel(at, fields)
    if channel is not None and fields.get("shown", "") not in {"", channel.number}:
        channel.connected = channel.connected or fields["shown"]


def _dial_begin(trace: Trace, at: int, fields: Packet) -> None:
    caller = trace.channel(at, fields)
    called = trace.channel(at, fields, "dest")
    if called is None or called.dial is not None:
        return
    called.outgoing = True
    called.dial = Dial(
        caller.uid if caller else "",
        at,
        fields.get("dialstring", ""),
        shown=fields.get("calleridnum", ""),
        target=fields.get("destcalleridnum", ""),
    )
    called.connected = called.connected or fields.get("destconnectedlinenum", "")


def _dial_end(trace: Trace, at: int, fields: Packet) -> None:
    caller = trace.channel(at, fields)
    called = trace.channel(at, fields, "dest")
    if called is None:
        return
    if called.dial is None:
        if called.born_at is not None and not called.outgoing:  # one who picked up ends a dial that never was his own
            return
        called.dial = Dial(caller.uid if caller else "", called.born_at or called.seen_at)
    if called.dial.ended_at is None:
        called.dial.ended_at = at
        called.dial.status = fields.get("dialstatus", "")
        called.dial.forward = fields.get("forward", "")
    if called.dial.forward:
        trace.hand_over(Handover("forward", at, called.uid, called.name, extension=_exten(called.dial.forward)))


def _exten(forward: str) -> str:
    """`105` of `Local/105@from-internal`, `PJSIP/105` or `105@from-internal`."""
    return forward.rpartition("/")[2].partition("@")[0]


def _bridge_enter(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    bridge = fields.get("bridgeuniqueid", "")
    swapped = fields.get("swapuniqueid", "")
    stay = trace.inside(swapped)
    if stay is not None and stay.bridge == bridge:
        trace.leave(swapped, at)
    trace.enter(channel.uid, bridge, at, holding=fields.get("bridgetechnology") == "holding_bridge")


def _bridge_leave(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    bridge = fields.get("bridgeuniqueid", "")
    stay = trace.inside(channel.uid)
    if stay is not None and stay.bridge in {bridge, ""}:
        trace.leave(channel.uid, at)
    elif stay is None and not any(one.uid == channel.uid and one.bridge == bridge for one in trace.stays):
        trace.stays.append(Stay(bridge, channel.uid, at, at, guessed=True))  # it entered while nobody listened


def _hold(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is not None and not (channel.holds and channel.holds[-1][1] is None):
        channel.holds.append([at, None])


def _unhold(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is not None and channel.holds and channel.holds[-1][1] is None:
        channel.holds[-1][1] = at


def _hangup_request(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is not None and channel.requested_at is None:
        channel.requested_at = at
        channel.refusal = fields.get("techcause", "") or ("486" if fields.get("channelstate") == "7" else "")


def _hangup(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None or channel.ended_at is not None:
        return
    channel.ended_at = at
    channel.cause = fields.get("cause", "")
    channel.source = fields.get("source", "")
    stay = trace.inside(channel.uid)
    if stay is not None:
        stay.guessed = True
    trace.leave(channel.uid, at)
    if channel.holds and channel.holds[-1][1] is None:
        channel.holds[-1][1] = at


def _blind_transfer(trace: Trace, at: int, fields: Packet) -> None:
    by = trace.channel(at, fields, "transferer")
    moved = trace.channel(at, fields, "transferee")
    if fields.get("result", "Success") != "Success" or by is None:
        return
    trace.hand_over(
        Handover(
            "blind",
            at,
            by.uid,
            by.name,
            moved.uid if moved else "",
            extension=fields.get("extension", ""),
        )
    )


def _attended_transfer(trace: Trace, at: int, fields: Packet) -> None:
    by = trace.channel(at, fields, "origtransferer")
    consult = trace.channel(at, fields, "secondtransferer")
    moved = trace.channel(at, fields, "transferee")
    target = trace.channel(at, fields, "transfertarget")
    if fields.get("result", "Success") != "Success" or by is None:
        return
    trace.hand_over(
        Handover(
            "attended",
            at,
            by.uid,
            by.name,
            moved.uid if moved else "",
            target.uid if target else "",
            target.name if target else "",
            consult=consult.uid if consult else "",
        )
    )


def _pickup(trace: Trace, at: int, fields: Packet) -> None:
    picker = trace.channel(at, fields)
    relieved = trace.channel(at, fields, "target")
    if picker is None:
        return
    picker.outgoing = False
    picker.dial = None
    trace.hand_over(
        Handover(
            "pickup",
            at,
            relieved.uid if relieved else "",
            relieved.name if relieved else "",
            target=picker.uid,
            target_name=picker.name,
        )
    )


def _parked(trace: Trace, at: int, fields: Packet) -> None:
    moved = trace.channel(at, fields, "parkee")
    by = trace.channel(at, fields, "parker")
    name = by.name if by else fields.get("parkerdialstring", "")
    trace.hand_over(
        Handover(
            "park",
            at,
            by.uid if by else "",
            name,
            moved.uid if moved else "",
            extension=fields.get("parkingspace", ""),
        )
    )


def _unparked(trace: Trace, at: int, fields: Packet) -> None:
    moved = trace.channel(at, fields, "parkee")
    retriever = trace.channel(at, fields, "retriever") or trace.named(fields.get("retrieverchannel", ""))
    for handover in reversed(trace.handovers):
        if handover.kind == "park" and moved is not None and handover.moved == moved.uid and not handover.target:
            if retriever is not None:
                handover.target, handover.target_name = retriever.uid, retriever.name
            break


def _queue_join(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    if any(wait.uid == channel.uid and wait.to is None for wait in trace.waits):
        return
    trace.waits.append(Waiting(channel.uid, fields.get("queue", ""), at))


def _queue_entry(trace: Trace, at: int, fields: Packet) -> None:
    wait = fields.get("wait", "")
    _queue_join(trace, at - int(wait) * 1000 if wait.isdigit() else at, fields)


def _open_wait(trace: Trace, fields: Packet) -> Waiting | None:
    uid = fields.get("uniqueid", "")
    return next((wait for wait in reversed(trace.waits) if wait.uid == uid and wait.to is None), None)


def _queue_leave(trace: Trace, at: int, fields: Packet) -> None:
    wait = _open_wait(trace, fields)
    if wait is not None:
        wait.to = at
        wait.how = wait.how or fields.get("how", "")


def _queue_abandon(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    wait = _open_wait(trace, fields) or next(
        (one for one in reversed(trace.waits) if channel and one.uid == channel.uid), None
    )
    if wait is not None:
        wait.how = "abandoned"
        wait.to = wait.to or at


def _message_waiting(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is not None and fields.get("new", "0") != "0":
        channel.message_at = channel.message_at or at


def _originate_response(trace: Trace, _at: int, fields: Packet) -> None:
    uid = fields.get("uniqueid", "")
    channel = trace.channels.get(uid)
    if channel is None and uid in _NOBODY:
        device = fields.get("channel", "")
        matching = [one for one in trace.channels.values() if device and one.name.startswith(device)]
        channel = matching[-1] if matching else None
    if channel is not None:
        channel.originated = fields


def _local_bridge(trace: Trace, at: int, fields: Packet) -> None:
    one = trace.channel(at, fields, "localone")
    two = trace.channel(at, fields, "localtwo")
    if one is not None and two is not None:
        trace.pair(one.uid, two.uid)


def _rename(trace: Trace, at: int, fields: Packet) -> None:
    """Another channel takes over a name; what is left behind (`<ZOMBIE>`, `<MASQ>`) keeps the one it was known by."""
    channel = trace.channel(at, fields)
    name = fields.get("newname", "")
    if channel is not None and name and not name.endswith(">"):
        channel.name = name


def _newexten(trace: Trace, at: int, fields: Packet) -> None:
    _step(trace, at, fields, "dialplan")


def _cel_step(trace: Trace, at: int, fields: Packet) -> None:
    _step(trace, at, fields, "cel")


def _cdr_step(trace: Trace, at: int, fields: Packet) -> None:
    _step(trace, at, fields, "cdr")


def _step(trace: Trace, at: int, fields: Packet, source: str) -> None:
    channel = trace.channel(at, {name: value for name, value in fields.items() if name not in {"exten", "context"}})
    if channel is None:
        return
    step = Step(at, fields.get("application", "").lower(), fields.get("appdata", ""), fields.get("context", ""), source)
    if step not in channel.steps:
        channel.steps.append(step)
        if len(channel.steps) > 1 and channel.steps[-2].at > at:
            channel.steps.sort(key=lambda one: one.at)


def _variable(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    name, value = fields.get("variable", ""), fields.get("value", "")
    if name == "VMSTATUS":
        channel.vm_status = value
    elif name == "MIXMONITOR_FILENAME" and value:
        channel.recordings[value] = None
    elif name.endswith("FROM_DID"):
        channel.did = channel.did or value
    elif name == "QUEUESTATUS" and value:
        wait = next((one for one in reversed(trace.waits) if one.uid == channel.uid), None)
        if wait is None or (wait.to is not None and at - wait.to > 2000):
            step = next((one for one in reversed(channel.steps) if one.application == "queue"), None)
            queue = step.argument.partition(",")[0] if step else ""
            trace.waits.append(Waiting(channel.uid, queue, step.at if step else at, at, value.lower()))
        else:  # QueueCallerAbandon is also said of a caller whom the queue let go; one who hung up gets no status
            wait.how = value.lower()
            wait.to = wait.to or at


def _snapshot(trace: Trace, at: int, fields: Packet) -> None:
    channel = trace.channel(at, fields)
    if channel is None:
        return
    if channel.born_at is None and channel.seen_at == at:
        channel.seen_at = at - _duration(fields.get("duration", ""))
    if fields.get("channelstate") == "6" and channel.up_at is None:
        channel.up_at = at
    if fields.get("application", "").startswith(("AppDial", "AppQueue")):
        channel.outgoing = True
    bridge = fields.get("bridgeid", "")
    if bridge:
        trace.enter(channel.uid, bridge, at)
        stay = trace.inside(channel.uid)
        if stay is not None and stay.since == at:
            stay.guessed = True
    else:
        trace.leave(channel.uid, at)
    application = fields.get("application", "").lower()
    if application and not channel.outgoing and not any(step.application == application for step in channel.steps):
        argument = fields.get("applicationdata", "")
        channel.steps.append(Step(channel.seen_at, application, argument, fields.get("context", ""), "snapshot"))


def _duration(text: str) -> int:
    """Milliseconds of `HH:MM:SS`, or of bare seconds."""
    try:
        seconds = 0
        for part in text.split(":"):
            seconds = seconds * 60 + int(part)
    except ValueError:
        return 0
    return seconds * 1000


_RULES: dict[str, Callable[[Trace, int, Packet], None]] = {
    "Newchannel": _newchannel,
    "Newstate": _newstate,
    "Outgoing": _outgoing,
    "Shown": _shown,
    "DialBegin": _dial_begin,
    "DialEnd": _dial_end,
    "BridgeEnter": _bridge_enter,
    "BridgeLeave": _bridge_leave,
    "Hold": _hold,
    "Unhold": _unhold,
    "HangupRequest": _hangup_request,
    "Hangup": _hangup,
    "BlindTransfer": _blind_transfer,
    "AttendedTransfer": _attended_transfer,
    "Pickup": _pickup,
    "ParkedCall": _parked,
    "UnParkedCall": _unparked,
    "QueueCallerJoin": _queue_join,
    "QueueCallerLeave": _queue_leave,
    "QueueCallerAbandon": _queue_abandon,
    "QueueEntry": _queue_entry,
    "MessageWaiting": _message_waiting,
    "OriginateResponse": _originate_response,
    "LocalBridge": _local_bridge,
    "Rename": _rename,
    "Newexten": _newexten,
    "CEL": _cel_step,
    "CdrStep": _cdr_step,
    "VarSet": _variable,
    "CoreShowChannel": _snapshot,
}
