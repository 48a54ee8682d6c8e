"""What do call detail records add, where neither the manager interface nor CEL saw a channel to its end?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plugins.telephony.asterisk.fold.moments import Event, Hole
from plugins.telephony.asterisk.fold.sessions import epoch_of
from plugins.telephony.asterisk.fold.trace import Channel, Step, Trace
from plugins.telephony.asterisk.fold.who import Site
from plugins.telephony.asterisk.wire import Packet

_STATUS = {
    "ANSWERED": "ANSWER",
    "NO ANSWER": "NOANSWER",
    "BUSY": "BUSY",
    "FAILED": "CHANUNAVAIL",
    "CONGESTION": "CONGESTION",
    "CANCEL": "CANCEL",
}
_LEFT = frozenset({"queue", "background", "waitexten", "read", "voicemail", "musiconhold"})
"""Who is gone while one of these runs has hung up himself: had it ended, another step would be the last."""
_SAME_CHANNEL = 2 * 3_600_000
_OUTGOING = frozenset({"AppDial", "AppDial2", "AppQueue"})
_LIMITS = {"dial": 1, "queue": 4}
"""Which argument of the application is its time limit, counted from 0."""
_ENDED = frozenset({"hangup", "busy", "congestion"})
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """One row read: a caller's channel, perhaps the channel it was joined to, and times in ms."""

    uid: str
    linkedid: str
    channel: str
    called: str
    start: int
    answer: int | None
    end: int
    disposition: str
    application: str
    argument: str
    src: str
    dst: str
    context: str
    did: str
    recording: str
    sequence: str


def of_events(packets: Iterable[Packet]) -> list[Row]:
    """`Cdr` events as rows of the table."""
    return [
        {
            "start": fields.get("starttime", ""),
            "answer": fields.get("answertime", ""),
            "end": fields.get("endtime", ""),
            "src": fields.get("source", ""),
            "dst": fields.get("destination", ""),
            "dcontext": fields.get("destinationcontext", ""),
            "channel": fields.get("channel", ""),
            "dstchannel": fields.get("destinationchannel", ""),
            "lastapp": fields.get("lastapplication", ""),
            "lastdata": fields.get("lastdata", ""),
            "disposition": fields.get("disposition", ""),
            "uniqueid": fields.get("uniqueid", ""),
            "linkedid": fields.get("linkedid", ""),
            "sequence": fields.get("sequence", ""),
        }
        for fields in packets
    ]


def fill(
    trace: Trace,
    rows: Sequence[Row],
    site: Site,
    zone: ZoneInfo,
    holes: Sequence[Hole],
    connects: Mapping[str, Sequence[int]],
) -> bool:
    """Complete the trace by what the rows know of channels that were not seen whole; True if they did.

    holes: when neither packets nor CEL told anything. connects: when queues connected a caller, by its channel.
    """
    parts = _parts(rows, zone)
    if not parts:
        return False
    names = {channel.name: channel for channel in trace.channels.values()}
    guessed = {stay.uid for stay in trace.stays if stay.guessed}
    whole = {
        name
        for name, channel in names.items()
        if _complete(channel) and not (_in_hole(channel, holes) and (channel.uid in guessed or _unfinished(channel)))
    }
    wanted = [part for part in parts if part.channel not in whole or (part.called and part.called not in whole)]
    for part in parts:
        _details(part, names, trace)
    if not wanted or (names and len(whole) == len(names) and _together(trace, holes)):
        return False
    _Filling(trace, site, parts, names, whole, connects).add(wanted)
    return True


def _together(trace: Trace, holes: Sequence[Hole]) -> bool:
    """Was the whole call heard, from its first channel to its last? Then rows of other names tell nothing new."""
    born = min(channel.born_at or channel.seen_at for channel in trace.channels.values())
    ended = max(channel.ended_at or channel.last_at for channel in trace.channels.values())
    root = any(channel.uid == channel.linkedid for channel in trace.channels.values())
    return root and not any(born < (hole.to or ended + 1) and ended > hole.since for hole in holes)


def _details(part: Part, names: Mapping[str, Channel], trace: Trace) -> None:
    """What only a row may know of a channel that was seen whole: the last application, the recording."""
    channel = names.get(part.channel)
    if channel is None:
        return
    if part.recording:
        channel.recordings.setdefault(part.recording)
    if part.did and not channel.did:
        channel.did = part.did
    if channel.born_at is None:
        channel.number = channel.number or part.src
        channel.exten = channel.exten or (part.did if _is_number(part.did) else part.dst)
    if not channel.outgoing and not channel.steps and part.application and not part.called:
        at = _step_time(part, channel, trace)
        channel.steps.append(Step(at, part.application.lower(), part.argument, part.context, "cdr"))


def _step_time(part: Part, channel: Channel | None, trace: Trace) -> int:
    """When a row's application began, told better by the dial that had just ended: rows round seconds down."""
    if channel is None:
        return part.start
    rung = [other.dial.ended_at for other in trace.channels.values() if other.dial and other.dial.caller == channel.uid]
    exact = [at for at in rung if at is not None and 0 <= at - part.start < 1_500]
    return max([part.start, *exact, channel.born_at or 0])


def _complete(channel: Channel) -> bool:
    return channel.born_at is not None and channel.ended_at is not None and not channel.lost and not channel.crashed


def _unfinished(channel: Channel) -> bool:
    """Was it called, and nobody told what came of it?"""
    return channel.dial is not None and not channel.dial.status


def _in_hole(channel: Channel, holes: Sequence[Hole]) -> bool:
    """Did part of the channel's life fall into a time when nobody listened?"""
    since, to = channel.born_at or channel.seen_at, channel.ended_at or channel.last_at
    return any(since < (hole.to or to + 1) and to > hole.since for hole in holes)


def _parts(rows: Sequence[Row], zone: ZoneInfo) -> list[Part]:
    found: dict[tuple[str, ...], Part] = {}
    for row in rows:
        part = _part(row, zone)
        if part is not None:
            key = (part.uid, part.channel, part.called, str(part.start), part.application, part.disposition)
            known = found.get(key)
            if known is None or len(part.did + part.recording) > len(known.did + known.recording):
                found[key] = part
    return sorted(found.values(), key=lambda part: (part.start, _number(part.sequence), part.end, part.called))


def _is_number(text: str) -> bool:
    return text.lstrip("+").isdigit()


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _part(row: Row, zone: ZoneInfo) -> Part | None:
    uid = row.get("uniqueid", "")
    near = epoch_of(uid)
    start = local_time(row.get("start", ""), zone, near)
    if start is None or not row.get("channel"):
        return None
    duration = _number(row.get("duration", ""))
    end = local_time(row.get("end", ""), zone, near)
    answer = local_time(row.get("answer", ""), zone, near)
    billed = _number(row.get("billsec", ""))
    end = start + duration * 1000 if end is None else end
    if answer is None and row.get("disposition", "").upper() == "ANSWERED":
        answer = end - billed * 1000
    return Part(
        uid or f"~{row['channel']}",
        row.get("linkedid", "") or uid or f"~{row['channel']}",
        row["channel"],
        row.get("dstchannel", ""),
        start,
        answer,
        max(start, end),
        row.get("disposition", "").upper().replace("_", " "),
        row.get("lastapp", ""),
        row.get("lastdata", ""),
        row.get("src", "") or row.get("cnum", ""),
        row.get("dst", ""),
        row.get("dcontext", ""),
        row.get("did", ""),
        row.get("recordingfile", ""),
        row.get("sequence", ""),
    )


def local_time(text: str, zone: ZoneInfo, near: int | None = None) -> int | None:
    """Milliseconds of a local time (or of an epoch); in a repeated hour the reading nearer to `near`."""
    if not text or text.startswith("0000"):
        return None
    if text.replace(".", "", 1).isdigit():
        return int(float(text) * 1000)
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    if parsed.tzinfo is not None:
        return int(parsed.timestamp() * 1000)
    readings = [int(parsed.replace(tzinfo=zone, fold=fold).timestamp() * 1000) for fold in (0, 1)]
    return readings[0] if near is None else min(readings, key=lambda reading: abs(reading - near))


class _Filling:
    """Rows told as events: channels born and ended, dials, bridges. Only names tie rows to each other."""

    def __init__(
        self,
        trace: Trace,
        site: Site,
        parts: Sequence[Part],
        names: dict[str, Channel],
        whole: set[str],
        connects: Mapping[str, Sequence[int]],
    ) -> None:
        self.trace, self.site, self.parts, self.names, self.whole = trace, site, parts, names, whole
        self.connects = connects
        self.events: list[Event] = []
        self._seen: set[str] = set()
        self._uids: dict[str, str] = {}

    def add(self, wanted: Sequence[Part]) -> None:
        """Bring the rows in."""
        for part in wanted:
            self._caller(part)
        for part in wanted:
            if part.called:
                self._called(part)
        for uid, name in list(self._uids.items()):
            ends = [part.end for part in self.parts if name in {part.channel, part.called}]
            self._say(max(ends), "Hangup", {**self._who(name, uid), "source": self._ender(name)})
        fresh = {channel.uid for channel in self.trace.channels.values() if channel.lost}
        for uid in fresh:
            self.trace.channels[uid].ended_at = None
            self.trace.channels[uid].lost = False
        self.events.sort(key=lambda event: (event.at, _LAST.get(event.name, 0)))
        before = set(self.trace.channels)
        self.trace.apply(self.events)
        for uid in self.trace.channels.keys() - before:
            self.trace.channels[uid].known_by = "cdr"
        for uid in fresh:
            channel = self.trace.channels[uid]
            channel.known_by = "cdr"
            if channel.ended_at is None:
                channel.lost = True
                channel.ended_at = channel.last_at

    def _caller(self, part: Part) -> None:
        uid = self._uid(part.channel, part.uid)
        who = self._who(part.channel, uid, part.linkedid)
        channel = self.names.get(part.channel)
        if part.channel not in self.whole:
            self._uids[uid] = part.channel
        if channel is None and uid not in self._seen:
            self._seen.add(uid)
            self._say(
                part.start,
                "Newchannel",
                {
                    **who,
                    "exten": part.did if _is_number(part.did) else part.dst,
                    "context": part.context,
                    "calleridnum": part.src,
                },
            )
        if part.application in _OUTGOING and not part.called and uid == part.linkedid:
            self._say(part.start, "Outgoing", who)  # the PBX called this phone for somebody (unanswered = yes)
            self._say(part.start, "Shown", {**who, "shown": part.src})
        if part.recording:
            self._say(part.start, "VarSet", {**who, "variable": "MIXMONITOR_FILENAME", "value": part.recording})
        if (
            part.application
            and part.channel not in self.whole
            and (not part.channel.endswith(";1") or part.application.lower() == "dial")
        ):
            self._say(
                _step_time(part, channel, self.trace),
                "CdrStep",
                {**who, "application": part.application, "appdata": part.argument, "context": part.context},
            )
        if part.answer is not None and not part.called:
            self._say(part.answer, "Newstate", {**who, "channelstate": "6"})

    def _called(self, part: Part) -> None:
        called = self.names.get(part.called)
        if part.called in self.whole and part.channel in self.whole:
            return
        caller = self._who(part.channel, self._uid(part.channel, part.uid), part.linkedid)
        uid = self._uid(part.called, "")
        dest = {"destuniqueid": uid, "destlinkedid": part.linkedid, "destchannel": part.called}
        who = self._who(part.called, uid, part.linkedid)
        if part.called not in self.whole:
            self._uids[uid] = part.called
        follows = self._moved_to(part)
        rung = any(event.name == "DialBegin" and event.fields["destuniqueid"] == uid for event in self.events)
        unseen = called is None or (called.born_at is None and called.dial is None)
        if unseen and not rung:
            self._say(part.start, "DialBegin", {**caller, **dest})
        answered = part.disposition == "ANSWERED" and not self._relieved(part)
        if not answered:
            status = "NOANSWER" if part.disposition == "ANSWERED" else _STATUS.get(part.disposition, "NOANSWER")
            if status == "NOANSWER" and part.end - part.start < 1000:  # it ended in the second in which it began
                outside = self.site.kind(part.called) == "trunk"
                status = "CHANUNAVAIL" if outside else "BUSY" if part.application.lower() == "queue" else status
            self._say(part.end, "DialEnd", {**caller, **dest, "dialstatus": status})
            self._say(part.end, "Hangup", who)
            return
        at = self._answer(part)
        if not rung:
            self._say(at, "DialEnd", {**caller, **dest, "dialstatus": "ANSWER"})
        self._say(at, "Newstate", {**who, "channelstate": "6"})
        bridge = f"cdr {part.channel} {part.called}"
        if self.trace.inside(uid) is None or self.trace.inside(caller["uniqueid"]) is None:
            self._say(at, "BridgeEnter", {**caller, "bridgeuniqueid": bridge})
            self._say(at, "BridgeEnter", {**who, "bridgeuniqueid": bridge})
            self._say(part.end, "BridgeLeave", {**caller, "bridgeuniqueid": bridge})
            self._say(part.end, "BridgeLeave", {**who, "bridgeuniqueid": bridge})
        if follows is not None:
            self._say(part.start, *self._transfer(part, follows, caller, who))

    def _ender(self, name: str) -> str:
        """Who ended a channel without a talk: the caller, where an application was still running or had time left."""
        own = [part for part in self.parts if part.channel == name]
        if not own or any(part.called and self._talked(part) for part in own):
            return ""
        last = max(own, key=lambda part: (part.end, part.start, not part.called))
        if last.answer is None:
            return self._before_time(name, last, own)
        if last.application.lower() in _LEFT:
            return name
        if last.application.lower() in _LIMITS:  # the row began with the menu before it, so only early is certain
            return name if self._before_time(name, last, own) == name else ""
        return "pbx" if last.application.lower() in _ENDED else ""

    def _before_time(self, name: str, last: Part, own: Sequence[Part]) -> str:
        """Ringing that ended before the dialplan's own limit was ended by the caller; at the limit by the PBX."""
        if last.disposition not in {"NO ANSWER", "CANCEL"} or last.application.lower() not in _LIMITS:
            return ""
        began = min(
            part.start for part in own if part.application == last.application and part.argument == last.argument
        )
        rang = (last.end - began) // 1000
        limit = _limit(last)
        if rang < 2:
            return ""
        return name if limit is None or rang < limit - 1 else "pbx"

    def _talked(self, part: Part) -> bool:
        return part.disposition == "ANSWERED" and not self._relieved(part)

    def _relieved(self, part: Part) -> bool:
        """A phone whose ringing another phone took over: a row of no answered second, and the next begins there."""
        return (
            part.answer is not None
            and part.end - part.answer < 1000
            and any(
                other.channel == part.channel and other.called != part.called and other.start == part.end
                for other in self.parts
            )
        )

    def _transfer(self, part: Part, before: Part, caller: Packet, who: Packet) -> tuple[str, Packet]:
        """Blind, if the client's channel ran a Dial() of its own to get here; attended, if it was only moved."""
        by = self._who(before.called, self._uid(before.called, ""))
        if before.argument != part.argument:
            fields = {**_as("transferer", by), **_as("transferee", caller), "extension": part.dst}
            return "BlindTransfer", fields
        return "AttendedTransfer", {
            **_as("origtransferer", by),
            **_as("transferee", caller),
            **_as("transfertarget", who),
        }

    def _moved_to(self, part: Part) -> Part | None:
        """The row whose talk ended as this one's began without a ring: a transfer. None where it was none."""
        if part.answer != part.start or part.application.lower() != "dial" or not part.called:
            return None
        for other in self.parts:
            before = other.channel == part.channel and other.called not in {"", part.called} and other.end == part.start
            if before and other.disposition == "ANSWERED" and not self._relieved(other):
                return other
        return None

    def _answer(self, part: Part) -> int:
        """When the called side really answered: the caller may have been picked up by the PBX long before."""
        answer = part.answer if part.answer is not None else part.start
        if part.application.lower() == "queue":
            told = [at for at in self.connects.get(part.uid, ()) if part.start <= at <= part.end + 1_000]
            if told:
                return min(told[0], part.end)
        losers = [
            other.end
            for other in self.parts
            if other.channel == part.channel
            and other.called
            and other.called != part.called
            and other.start == part.start
            and other.disposition != "ANSWERED"
            and answer < other.end < part.end
        ]
        return max(losers, default=max(answer, part.start))

    def _uid(self, name: str, uid: str) -> str:
        channel = self.names.get(name)
        if channel is not None:
            return channel.uid
        own = next((part.uid for part in self.parts if part.channel == name), "")
        return own or uid or f"~{name}"

    def _who(self, name: str, uid: str, linkedid: str = "") -> Packet:
        return {"uniqueid": uid, "channel": name, "linkedid": linkedid}

    def _say(self, at: int, name: str, fields: Packet) -> None:
        self.events.append(Event(at, name, fields))


def _limit(part: Part) -> int | None:
    """The seconds that Dial() or Queue() was given, None for as long as it takes."""
    arguments = part.argument.split(",")
    place = _LIMITS[part.application.lower()]
    text = arguments[place].strip() if len(arguments) > place else ""
    return int(text) if text.isdigit() else None


def _as(role: str, who: Packet) -> Packet:
    return {role + key: value for key, value in who.items()}


_LAST = {
    "Newchannel": -3,
    "Outgoing": -2,
    "Shown": -2,
    "DialBegin": -2,
    "Newstate": -1,
    "BridgeLeave": 2,
    "BridgeEnter": 3,
    "Hangup": 9,
}


class Shared:
    """Ties rows of different calls that name the same channel: a consultation that was handed over (1.7, 6)."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._seen: dict[str, tuple[str, int]] = {}

    def joins(self, group: str, row: Row) -> tuple[str, ...]:
        """The other calls to which a channel of this row belongs; rows hours apart only share a name."""
        found: dict[str, None] = {}
        end = local_time(row.get("end", ""), self._zone) or local_time(row.get("start", ""), self._zone) or 0
        for name in (row.get("channel", ""), row.get("dstchannel", "")):
            if "-" not in name:
                continue
            other, before = self._seen.get(name, (group, end))
            if other != group and abs(end - before) < _SAME_CHANNEL:
                found[other] = None
            self._seen[name] = (group, end)
        return tuple(found)


def zone_offset(pairs: Iterable[tuple[int, int]]) -> timedelta | None:
    """By how many half-hours the times of rows lie beside the epochs in their ids; None where they agree.

    pairs: (start by the configured zone, epoch of the unique id), both in ms. Starts may lie later (a transfer's
    second row), never earlier, so the smallest difference counts.
    """
    differences = [start - epoch for start, epoch in pairs]
    if not differences:
        return None
    least = min(differences, key=abs) if any(d < -60_000 for d in differences) else min(differences)
    halves = round(least / 1_800_000)
    return timedelta(minutes=30 * halves) if halves and abs(least - halves * 1_800_000) < 120_000 else None
