"""What must a call look like, by the truth that stands beside a recording?"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hub.sdk import Call, Context, Raw, Refused, Stored
from plugins.telephony.asterisk.files import read
from plugins.telephony.asterisk.fold import parse
from plugins.telephony.asterisk.settings import Settings

FIXTURES = Path(__file__).parent.parent / "fixtures"
SCENARIOS = sorted(folder.name for folder in FIXTURES.iterdir() if folder.is_dir())


def site(folder: Path, **changes: Any) -> tuple[Settings, Context]:
    source = json.loads((folder / "source.json").read_text())
    settings = Settings(
        timezone=source["timezone"],
        trunk_channels=source["trunk_channels"],
        country=source["country"],
        outbound_prefix=source.get("outbound_prefix") or "",
        company_number=source.get("company_number") or "",
        queues=source.get("queues") or {},
        **changes,
    )
    team = {f"ext:pbx/{ext}": f"m{ext}" for ext in source["managers"]}
    team |= {f"phone:+{number}": f"m{ext}" for number, ext in source.get("manager_mobiles", {}).items()}
    return settings, Context("pbx", "RU", team, frozenset(source["dids"]))


def fold(raws: Iterable[Raw | Refused], settings: Settings, context: Context) -> dict[str, Call]:
    """What the hub does with raws: groups and joins followed, one parse a group."""
    root: dict[str, str] = {}

    def find(key: str) -> str:
        while root.setdefault(key, key) != key:
            key = root[key]
        return key

    kept = [raw for raw in raws if isinstance(raw, Raw)]
    for raw in kept:
        for other in raw.joins:
            root[find(other)] = find(raw.group or raw.id)
    groups: dict[str, dict[tuple[str, str], Stored]] = defaultdict(dict)
    for raw in kept:
        stored = Stored(raw.kind, raw.id, raw.payload, datetime.now(UTC), raw.group)
        groups[find(raw.group or raw.id)][raw.kind, raw.id] = stored
    calls = [call for items in groups.values() for call in parse(list(items.values()), settings, context)]
    assert len({call.id for call in calls}) == len(calls), "two calls with one id"
    return {call.id: call for call in calls}


def calls_of(path: Path, folder: Path, **changes: Any) -> dict[str, Call]:
    settings, context = site(folder, **changes)
    return fold(read(path, path.name, settings, context), settings, context)


OUTCOMES = {
    ("inbound", "abandoned"): {"abandoned_ivr", "abandoned_wait", "no_staff", "busy_declined"},
    ("inbound", "missed"): {"no_answer", "no_staff", "failed_technical", "busy_declined", "abandoned_ivr"},
    ("inbound", "busy"): {"busy_declined"},
    ("inbound", "answered"): {"answered"},
    ("inbound", "voicemail"): {"voicemail"},
    ("outbound", "answered"): {"answered"},
    ("outbound", "busy"): {"busy"},
    ("outbound", "failed"): {"failed"},
    ("outbound", "noanswer"): {"no_answer"},
    ("outbound", "manager_noanswer"): {"member_no_answer"},
    ("internal", "answered"): {"answered"},
}
RESULTS = {
    "answered": {"answered"},
    "answered_elsewhere": {"elsewhere"},
    "noanswer": {"no_answer", "elsewhere"},
    "busy": {"busy"},
    "rejected": {"declined"},
    "offline": {"unreachable"},
    "forwarded": {"forwarded"},
}
HANGUPS = {
    "client": {"client"},
    "manager": {"member"},
    "pbx": {"system"},
    "pbx_or_manager": {"system", "member"},
    "client_or_pbx": {"client", "system"},
}


def _ms(value: datetime | None) -> float | None:
    return None if value is None else value.timestamp()


def near(one: float | None, two: float | None, tolerance: float) -> bool:
    if one is None or two is None:
        return one is two
    return abs(one - two) <= tolerance


def talk_by(call: Call) -> dict[str, float]:
    """Seconds by member as model.md 2.1 defines them, from the legs alone."""
    talks: dict[str, float] = defaultdict(float)
    client = [leg for leg in call.legs if leg.kind == "client" and leg.answered_at]
    for leg in call.legs:
        if leg.kind not in {"member", "external"} or leg.answered_at is None or leg.ended_at is None:
            continue
        since, to = leg.answered_at, leg.ended_at
        handed = [t.at for t in call.transfers if t.kind == "attended" and t.to == leg.to and t.at > since]
        since = max([since, *handed])
        if call.direction == "outbound":
            if not client:
                continue
            since = max(since, min(leg.answered_at for leg in client if leg.answered_at))
            to = min(to, max(leg.ended_at for leg in client if leg.ended_at))
        if to > since:
            talks[(leg.to or "").rpartition(":")[2]] += (to - since).total_seconds()
    return dict(talks)


def outcome(call: Call) -> str:
    """A reading of metrics.md 2.2 from the legs, for tests of the fold alone."""
    humans = [leg for leg in call.legs if leg.kind in {"member", "external"}]
    queues = [leg for leg in call.legs if leg.kind == "queue"]
    if call.direction == "outbound":
        clients = [leg for leg in call.legs if leg.kind == "client"]
        if any(leg.answered_at for leg in clients):
            return "answered"
        if not clients:
            return "member_no_answer"
        return clients[-1].result or "unknown"
    if any(leg.answered_at for leg in humans):
        return "answered"
    if call.direction == "internal":
        return "no_answer"
    if call.voicemail_seconds is not None and call.voicemail_seconds >= 3:
        return "voicemail"
    reached = [leg for leg in humans if leg.result not in {"unreachable", "failed"}]
    if not reached and not queues and (not call.legs or any(leg.result == "failed" for leg in humans)):
        return "failed_technical"
    menus = [leg for leg in call.legs if leg.kind == "menu"]
    left = call.hangup_by == "client" or any(menu.result == "timeout" for menu in menus)
    if not reached and not queues and left and not any(leg.result == "unreachable" for leg in humans):
        return "abandoned_ivr"
    if not reached and (not queues or all(leg.result == "closed" for leg in queues)):
        return "no_staff"
    if reached and all(leg.result in {"busy", "declined"} for leg in reached):
        return "busy_declined"
    return "abandoned_wait" if call.hangup_by == "client" else "no_answer"


def differences(
    expected: Mapping[str, Any], call: Call | None, tolerance: float = 1.0, skip: frozenset[str] = frozenset()
) -> list[str]:
    """Where a call is not what the truth says, one sentence each."""
    if call is None:
        return [f"{expected['linkedid']}: no such call ({expected['outcome']})"]
    found: list[str] = []

    def check(what: str, ok: bool, want: object, have: object) -> None:
        if not ok and what not in skip:
            found.append(f"{call.id} {what}: expected {want}, is {have}")

    check("direction", call.direction == expected["direction"], expected["direction"], call.direction)
    client = expected["client_number"]
    check("client", call.client == (f"phone:{client}" if client else None), client, call.client)
    check(
        "outcome",
        outcome(call) in OUTCOMES[expected["direction"], expected["outcome"]],
        expected["outcome"],
        outcome(call),
    )
    if expected["direction"] == "inbound":
        check("line", call.line == expected["did"], expected["did"], call.line)
    check(
        "started",
        near(_ms(call.started_at), expected["started_at"], tolerance),
        expected["started_at"],
        call.started_at,
    )
    check("ended", near(_ms(call.ended_at), expected["ended_at"], tolerance), expected["ended_at"], call.ended_at)
    check("final", call.final, True, call.final)
    hangup = expected.get("hangup_by")
    if hangup:
        check("hangup", call.hangup_by in HANGUPS[hangup], hangup, call.hangup_by)
    if expected["direction"] == "inbound":
        _inbound(expected, call, tolerance, check)
    else:
        answers = [
            leg.answered_at for leg in call.legs if leg.kind == ("client" if call.direction == "outbound" else "member")
        ]
        answer = min(
            (one for one in answers if one and (call.direction == "outbound" or one > call.started_at)), default=None
        )
        check("answered_at", near(_ms(answer), expected["answered_at"], tolerance), expected["answered_at"], answer)
        if expected.get("manager"):
            by = [leg.to for leg in call.legs if leg.kind == "member"]
            check("manager", f"ext:{expected['manager']}" in by, expected["manager"], by)
        if call.direction == "outbound" and expected["outcome"] == "answered":
            talk = sum(talk_by(call).values())
            check("talk", near(talk, expected["talk_seconds"], tolerance), expected["talk_seconds"], talk)
    chain = [t for t in call.transfers if t.kind not in {"pickup", "forward"}]
    want = [(t["kind"], f"ext:{t['from']}", _to(t["to"]), t["answered"]) for t in expected["transfer_chain"]]
    have = [(t.kind, t.from_, t.to, t.answered) for t in chain]
    check("transfers", want == have, want, have)
    for item, transfer in zip(expected["transfer_chain"], chain, strict=False):
        check("transfer at", near(_ms(transfer.at), item["at"], tolerance), item["at"], transfer.at)
    return found


def _to(name: str | None) -> str | None:
    return None if name is None else f"phone:{name}" if name.startswith("+") else f"ext:{name}"


def _inbound(expected: Mapping[str, Any], call: Call, tolerance: float, check: Any) -> None:
    humans = [leg for leg in call.legs if leg.kind in {"member", "external"}]
    answered = [leg for leg in humans if leg.answered_at]
    first = min(answered, key=lambda leg: leg.answered_at, default=None)
    check(
        "answered_at",
        near(_ms(first.answered_at) if first else None, expected["answered_at"], tolerance),
        expected["answered_at"],
        first,
    )
    by = expected["answered_by"]
    mobiles = {"106": "phone:+79990000106", "306": "phone:+79990000306"}
    names = {f"ext:{by}", f"phone:{by}", mobiles.get(by)} if by else {None}
    check("answered_by", (first.to if first else None) in names, by, first)
    rang = [leg for leg in humans if leg.kind == "member" and leg.result not in {"unreachable", "failed"}]
    picked = {t.to for t in call.transfers if t.kind in {"pickup", "park"}}
    rang = [leg for leg in rang if leg.to not in picked or leg.started_at != leg.answered_at]
    want = sorted(((r["ext"], r["from"], r) for r in expected["rang"]), key=lambda r: r[:2])
    have = sorted(
        (((leg.to or "").removeprefix("ext:"), leg.started_at.timestamp(), leg) for leg in rang), key=lambda r: r[:2]
    )
    check("rang", [w[0] for w in want] == [h[0] for h in have], [w[:2] for w in want], [h[:2] for h in have])
    if [w[0] for w in want] == [h[0] for h in have]:
        for (ext, since, item), (_, began, leg) in zip(want, have, strict=True):
            check("rang from", near(began, since, tolerance), (ext, since), began)
            stop = leg.answered_at or leg.ended_at
            rung = (stop - leg.started_at).total_seconds() if stop else None
            check("rang for", near(rung, item["ring_seconds"], tolerance), (ext, item["ring_seconds"]), rung)
            results = RESULTS.get(item["result"], {"failed"})
            check("rang result", leg.result in results, (ext, item["result"]), leg.result)
    talks = talk_by(call)
    for ext, seconds in expected.get("talk_by_manager", {}).items():
        key = ext if ext in talks else mobiles.get(ext, "").removeprefix("phone:")
        check("talk", near(talks.get(key), seconds, tolerance), (ext, seconds), talks)
    if not expected.get("talk_by_manager") and expected["outcome"] != "answered":
        check("talk", not talks, {}, talks)


def check_folder(calls: Mapping[str, Call], folder: Path, **options: Any) -> list[str]:
    """Every difference between a scenario's truth and the calls; calls that the truth does not have are one too."""
    expected = json.loads((folder / "expected.json").read_text())["calls"]
    wrong = [line for item in expected for line in differences(item, calls.get(item["linkedid"]), **options)]
    known = {item["linkedid"] for item in expected}
    wrong += [f"{call.id}: not in the truth ({call.direction})" for call in calls.values() if call.id not in known]
    return wrong
