"""What does queue_log add where the manager interface told nothing of the queue?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugins.telephony.asterisk.fold.trace import Trace, Waiting

_REASONS = {
    "ABANDON": "abandoned", "EXITWITHTIMEOUT": "timeout", "EXITEMPTY": "leaveempty", "EXITWITHKEY": "key",
    "CONNECT": "connected", "COMPLETECALLER": "connected", "COMPLETEAGENT": "connected", "BLINDTRANSFER": "connected",
    "ATTENDEDTRANSFER": "connected", "FULL": "full", "JOINEMPTY": "joinempty",
}
KEPT = frozenset({"ENTERQUEUE", *_REASONS})


def fill(trace: Trace, lines: Sequence[Mapping[str, str]]) -> None:
    """Add the stays in queues that no event told, and the reasons that events do not give."""
    for line in sorted(lines, key=lambda one: float(one["at"])):
        uid, queue, event = line["callid"], line["queue"], line["event"]
        if uid not in trace.channels:
            continue
        at = int(float(line["at"]) * 1000)
        known = [wait for wait in trace.waits if wait.uid == uid and wait.queue in {queue, ""}]
        if event == "ENTERQUEUE":
            if not any(abs(wait.since - at) < 2_500 for wait in known):
                trace.waits.append(Waiting(uid, queue, at))
            continue
        wait = next((one for one in reversed(known) if one.since <= at + 1_500), None)
        if wait is None:
            trace.waits.append(Waiting(uid, queue, at, at, _REASONS[event]))
        elif wait.how != "connected" and event != "ABANDON":
            wait.how = _REASONS[event]
            wait.to = at if wait.to is None else wait.to
        elif not wait.how:
            wait.how, wait.to = _REASONS[event], wait.to or at
