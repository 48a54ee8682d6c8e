"""What does queue_log add where the manager interface told nothing of the queue?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugins.telephony.asterisk.fold.trace import Trace, Waiting

_REASONS = {
    "ABANDON": "abandoned",
    "EXITWITHTIMEOUT": "timeout",
    "EXITEMPTY": "leaveempty",
    "EXITWITHKEY": "key",
    "CONNECT": "connected",
    "COMPLETECALLER": "connected",
    "COMPLETEAGENT": "connected",
    "BLINDTRANSFER": "connected",
    "ATTENDEDTRANSFER": "connected",
    "FULL": "full",
    "JOINEMPTY": "joinempty",
}
KEPT = frozenset({"ENTERQUEUE", *_REASONS})


def fill(trace: Trace, lines: Sequence[Mapping[str, str]]) -> None:
    """Add the stays in queues that no event told, and the reasons that events do not give."""
    for line in _in_order(lines):
        uid, queue, event, at = line["callid"], line["queue"], line["event"], _ms(line)
        if uid not in trace.channels:
            continue
        known = [wait for wait in trace.waits if wait.uid == uid and wait.queue in {queue, ""}]
        if event == "ENTERQUEUE":
            if not any(abs(wait.since - at) < 2_500 for wait in known):
                trace.waits.append(Waiting(uid, queue, at))
            continue
        wait = next((one for one in reversed(known) if one.since <= at + 1_500), None)
        if wait is None:
            trace.waits.append(Waiting(uid, queue, at, at, _REASONS[event]))
        elif not wait.how or (wait.how != "connected" and event != "ABANDON"):
            wait.how = _REASONS[event]
            wait.to = at if wait.to is None else wait.to


def connects(lines: Sequence[Mapping[str, str]]) -> Mapping[str, Sequence[int]]:
    """When each caller was connected to a member, in ms: a row of CDR counts from the PBX's own answer."""
    found: dict[str, list[int]] = {}
    for line in _in_order(lines):
        if line["event"] == "CONNECT":
            found.setdefault(line["callid"], []).append(_ms(line))
    return found


def _in_order(lines: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    return sorted((line for line in lines if line.get("event") in KEPT), key=_ms)


def _ms(line: Mapping[str, str]) -> int:
    return int(float(line["at"]) * 1000)
