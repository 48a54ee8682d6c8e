"""Does a call as the hub tells it agree with what the phones and the carrier saw?

The truth (`expected.json`) speaks the words of the phones; the tables below turn them into the hub's.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

TOLERANCE = 1.0
"""Seconds by which a moment or a duration may differ: the truth is seen from outside the PBX."""

INBOUND = {
    "answered": {"answered"},
    "abandoned": {"abandoned_ivr", "abandoned_wait", "no_staff", "busy_declined"},
    "missed": {"no_answer", "no_staff", "failed_technical", "busy_declined", "abandoned_ivr"},
    "busy": {"busy_declined"},
    "voicemail": {"voicemail"},
}
OUTBOUND = {
    "answered": {"answered"},
    "noanswer": {"no_answer"},
    "busy": {"busy"},
    "failed": {"failed"},
    "manager_noanswer": {"member_no_answer"},
    "manager_unavailable": {"member_no_answer"},
}
INTERNAL = {"answered": {"answered"}, "noanswer": {"no_answer"}, "busy": {"no_answer"}}
OUTCOMES = {"inbound": INBOUND, "outbound": OUTBOUND, "internal": INTERNAL}

RANG = {
    "answered": {"answered"},
    "answered_elsewhere": {"elsewhere"},
    "noanswer": {"no_answer", "elsewhere"},  # relieved by a pickup: the phone saw no more than the end of ringing
    "busy": {"busy"},
    "rejected": {"declined"},
    "forwarded": {"forwarded"},
    "offline": {"unreachable"},
}
HANGUP = {
    "client": {"client"},
    "manager": {"member"},
    "pbx": {"system"},
    "pbx_or_manager": {"member", "system"},
    "client_or_pbx": {"client", "system"},
}
HAS_MOBILE = "106"
"""The extension whose mobile is called through the trunk."""
NOT_TRANSFERS = {"pickup", "forward"}


def differences(truth: Mapping[str, Any], call: Mapping[str, Any], members: Mapping[str, str]) -> list[str]:
    """What the hub's `call` says otherwise than the truth; `members` maps extensions to keys of `[team]`."""
    found = list(_plain(truth, call))
    found += _moments(truth, call)
    if truth["direction"] == "inbound":
        found += _waits(truth, call, members)
        found += _rang(truth, call, members)
    found += _transfers(truth, call, members)
    return found


def _plain(truth: Mapping[str, Any], call: Mapping[str, Any]) -> Iterable[str]:
    if call["direction"] != truth["direction"]:
        yield f"direction is {call['direction']}, the truth is {truth['direction']}"
        return
    allowed = OUTCOMES[truth["direction"]][truth["outcome"]]
    if call["outcome"] not in allowed:
        yield f"outcome is {call['outcome']}, the truth allows {sorted(allowed)}"
    client = truth["client_number"]
    if call["client"] != (f"phone:{client}" if client else None):
        yield f"client is {call['client']}, the truth is {client}"
    hangup = HANGUP.get(truth.get("hangup_by") or "")
    if hangup and call["hangup_by"] not in hangup:
        yield f"hangup_by is {call['hangup_by']}, the truth allows {sorted(hangup)}"


def _moments(truth: Mapping[str, Any], call: Mapping[str, Any]) -> Iterable[str]:
    for key in ("started_at", "answered_at", "ended_at"):
        want, got = truth.get(key), call[key]
        if (want is None) != (got is None):
            yield f"{key} is {got}, the truth is {want}"
        elif want is not None and abs(datetime.fromisoformat(got).timestamp() - want) > TOLERANCE:
            yield f"{key} is {datetime.fromisoformat(got).timestamp():.1f}, the truth is {want}"


def _waits(truth: Mapping[str, Any], call: Mapping[str, Any], members: Mapping[str, str]) -> Iterable[str]:
    if not _near(call["client_wait"], truth["wait_seconds"]):
        yield f"client_wait is {call['client_wait']}, the truth is {truth['wait_seconds']}"
    who = members.get(truth["answered_by"] or "")
    if call["answered_by"] != who:
        yield f"answered_by is {call['answered_by']}, the truth is {who}"
    talk = {members[extension]: seconds for extension, seconds in truth["talk_by_manager"].items()}
    if set(call["talk_by"]) != set(talk):
        yield f"talk_by names {sorted(call['talk_by'])}, the truth {sorted(talk)}"
        return
    for member, seconds in talk.items():
        if not _near(call["talk_by"][member], seconds):
            yield f"talk_by of {member} is {call['talk_by'][member]}, the truth is {seconds}"


def _rang(truth: Mapping[str, Any], call: Mapping[str, Any], members: Mapping[str, str]) -> Iterable[str]:
    """Every ringing of a phone, in order of its start."""
    rings = sorted(call["rang"], key=lambda ring: datetime.fromisoformat(ring["from"]))
    for want in truth["rang"]:
        start = want["from"]
        match = next((ring for ring in rings if _same_ring(ring, members.get(want["ext"]), start)), None)
        if match is None:
            yield f"no ringing of {want['ext']} at {start} among {rings}"
            continue
        rings.remove(match)
        allowed = RANG.get(want["result"], {"failed"})
        if match["result"] not in allowed:
            yield f"ringing of {want['ext']} ended {match['result']}, the truth allows {sorted(allowed)}"
        if not _near(match["seconds"], want["ring_seconds"]):
            yield f"{want['ext']} rang {match['seconds']} s, the truth is {want['ring_seconds']} s"
    unknown = [ring for ring in rings if not _unseen(ring, members)]
    if unknown:
        yield f"rang more often than the truth knows: {unknown}"


def _unseen(ring: Mapping[str, Any], members: Mapping[str, str]) -> bool:
    """Ringing that the phones of the truth cannot see: of the mobile, of a dead phone, of the one who picked up."""
    return ring["member"] == members[HAS_MOBILE] or ring["result"] in {"unreachable", "failed"} or ring["seconds"] == 0


def _same_ring(ring: Mapping[str, Any], member: str | None, start: float) -> bool:
    return ring["member"] == member and abs(datetime.fromisoformat(ring["from"]).timestamp() - start) <= TOLERANCE


def _transfers(truth: Mapping[str, Any], call: Mapping[str, Any], members: Mapping[str, str]) -> Iterable[str]:
    want = [step for step in truth.get("transfer_chain", ()) if step["kind"] not in NOT_TRANSFERS]
    got = [step for step in call["transfers"] if step["kind"] not in NOT_TRANSFERS]
    said = [(step["kind"], step["answered"]) for step in got]
    if said != [(step["kind"], step["answered"]) for step in want]:
        yield f"transfers are {got}, the truth is {want}"


def _near(got: float | None, want: float | None) -> bool:
    if got is None or want is None:
        return got is want
    return abs(got - want) <= TOLERANCE
