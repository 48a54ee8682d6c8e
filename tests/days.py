"""What may happen in a small company on a day? Records for properties: anything that our own format can say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

START = datetime(2026, 3, 10, 6, tzinfo=UTC)
"""Tuesday, 9:00 in Moscow."""
END = START + timedelta(days=3)
CLIENTS = ("phone:+79210000001", "phone:+79210000002", "phone:+79210000003", None)
LINES = ("74950010100", "74950010200", "unheard of")
MEMBERS = ("ext:101", "ext:102", "ext:103")

CONFIG = """
[hub]
timezone = "Europe/Moscow"
country = "RU"
head_of_sales = "gleb"

[calendars.office]
timezone = "Europe/Moscow"
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-fri = "09:00-13:00 14:00-18:00" }

[lines.sales]
calendar = "office"
lines = ["74950010100"]
head = "boris"
duty = ["anna"]

[lines.support]
calendar = "office"
lines = ["74950010200"]
duty = ["boris"]
callback_target = "30m"

[team.anna]
name = "Anna"
handles = ["ext:src/101", "phone:+79990000101"]
notify = ["src:anna"]

[team.boris]
name = "Boris"
handles = ["ext:src/102"]
deputy = "anna"
notify = ["src:boris"]

[team.gleb]
name = "Gleb"
handles = ["ext:src/103"]
notify = ["src:gleb"]
"""

moments = st.integers(0, 2 * 86_400).map(lambda seconds: START + timedelta(seconds=seconds))
near = st.integers(0, 3_600).map(lambda seconds: START + timedelta(seconds=seconds))


def text(moment: datetime) -> str:
    return moment.isoformat()


@st.composite
def calls(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """A call of any kind; most begin within one hour, so that they meet."""
    start = draw(st.one_of(near, near, moments))
    direction = draw(st.sampled_from(["inbound", "inbound", "outbound", "internal"]))
    ring = timedelta(seconds=draw(st.sampled_from([2, 4, 9, 20, 45])))
    talk = timedelta(seconds=draw(st.sampled_from([0, 0, 0, 5, 12, 90])))
    client = None if direction == "internal" else draw(st.sampled_from(CLIENTS))
    member = draw(st.sampled_from(MEMBERS))
    answered, end = (start + ring if talk else None), start + ring + talk
    legs = [leg("member", member, start, answered if direction != "outbound" else start, end)]
    if direction == "outbound" and draw(st.booleans()):
        legs.append(leg("client", client, start, answered, end))
    if direction == "inbound" and draw(st.booleans()):
        other = draw(st.sampled_from(MEMBERS))
        legs.append(leg("member", other, start, None, start + ring))
    found: dict[str, Any] = {
        "record": "call",
        "id": f"c{number}",
        "direction": direction,
        "client": client,
        "line": draw(st.sampled_from(LINES)),
        "started_at": text(start),
        "final": draw(st.booleans()),
        "legs": legs,
        "callback_requested": draw(st.sampled_from([False, False, True])),
        "hangup_by": draw(st.sampled_from(["client", "member", None])),
    }
    if draw(st.sampled_from([True, True, True, False])):
        found["ended_at"] = text(end)
    return found


def leg(kind: str, to: str | None, start: datetime, answered: datetime | None, end: datetime) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": kind,
        "to": to,
        "started_at": text(start),
        "ended_at": text(end),
        "result": "answered" if answered else "no_answer",
    }
    return {**found, "answered_at": text(answered)} if answered else found


@st.composite
def marks(draw: st.DrawFn, number: int) -> dict[str, Any]:
    call = f"src/call/c{draw(st.integers(0, 7))}"
    found = {
        "record": "mark",
        "id": f"m{number}",
        "at": text(draw(near)),
        "by": draw(st.sampled_from(["anna", "boris"])),
        "kind": draw(st.sampled_from(["taken", "closed", "contacted", "snoozed", "excused", "reopened", "suppressed"])),
        "on": draw(st.sampled_from([call, f"missed_call:{call}", CLIENTS[0]])),
    }
    if found["kind"] == "closed":
        found["reason"] = draw(st.sampled_from(["spam", "handled_offline", "asked_not_to_call"]))
    if found["kind"] == "snoozed":
        found["until"] = text(draw(near))
    return found


@st.composite
def messages(draw: st.DrawFn, number: int) -> dict[str, Any]:
    ours = draw(st.booleans())
    return {
        "record": "message",
        "id": f"t{number}",
        "at": text(draw(near)),
        "channel": "sms",
        "client": CLIENTS[draw(st.integers(0, 2))],
        "direction": "out" if ours else "in",
        "author": draw(st.sampled_from(["member", "bot"])) if ours else "client",
        "member": "ext:101" if ours else None,
        "text": "…",
    }


@st.composite
def cards(draw: st.DrawFn) -> dict[str, Any]:
    """A version of one of three cards: who a client is, and whose, changes over time."""
    changed = draw(near) - timedelta(hours=draw(st.sampled_from([0, 48])))
    return {
        "record": "card",
        "id": f"k{draw(st.integers(0, 2))}",
        "name": draw(st.sampled_from(["Ivan", "Olga", "Rita"])),
        "handles": sorted(draw(st.sets(st.sampled_from(CLIENTS[:3]), max_size=2))),
        "owner": draw(st.sampled_from([None, "anna", "gleb"])),
        "changed_at": text(changed),
    }


@st.composite
def deals(draw: st.DrawFn) -> dict[str, Any]:
    created = draw(near) - timedelta(days=1)
    return {
        "record": "deal",
        "id": f"d{draw(st.integers(0, 1))}",
        "cards": [f"k{draw(st.integers(0, 2))}"],
        "owner": draw(st.sampled_from([None, "boris"])),
        "state": draw(st.sampled_from(["open", "won"])),
        "created_at": text(created),
        "changed_at": text(created + timedelta(seconds=draw(st.integers(0, 90_000)))),
    }


@st.composite
def ends(draw: st.DrawFn) -> dict[str, Any]:
    of = draw(st.sampled_from(["call", "call", "mark", "card", "deal", "message"]))
    letter = {"call": "c", "mark": "m", "card": "k", "deal": "d", "message": "t"}[of]
    found = {"record": "gone", "of": of, "id": f"{letter}{draw(st.integers(0, 5))}"}
    return {**found, "at": text(draw(moments))} if draw(st.booleans()) else found


@st.composite
def days(draw: st.DrawFn, most: int = 10) -> list[dict[str, Any]]:
    """The records of a day. Some are versions of one another."""
    found = [draw(calls(number)) for number in range(draw(st.integers(1, most)))]
    for call in draw(st.lists(st.sampled_from(found), max_size=2)):
        version = draw(st.sampled_from([{"changed_at": text(draw(moments))}, {"version": draw(st.integers(1, 3))}, {}]))
        found.append({**draw(calls(0)), "id": call["id"], **version})
    for number, kind in enumerate(draw(st.lists(st.sampled_from("mmmtkkkde"), max_size=8))):
        made = {"m": marks(number), "t": messages(number), "k": cards(), "d": deals(), "e": ends()}[kind]
        found.append(draw(made))
    return found
