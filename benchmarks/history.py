"""What would years of calls and messages of a small sales department look like? Records made by dice, the same for the same seed."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

MEMBERS = ("101", "102", "103", "104", "105")
LINE = "74950010100"

CONFIG = """\
[hub]
timezone = "Europe/Moscow"
country = "RU"

[web]
listen = "127.0.0.1:{port}"

[calendars.office]
timezone = "Europe/Moscow"
production_calendar = "RU"
[[calendars.office.hours]]
from = 2015-01-01
days = {{ mon-fri = "09:00-18:00" }}

[lines.sales]
calendar = "office"
lines = ["74950010100"]

[team.anna]
name = "Anna"
handles = ["ext:src/101", "ext:src/102", "ext:src/103"]
[team.boris]
name = "Boris"
handles = ["ext:src/104", "ext:src/105"]

[connections.src]
plugin = "records"
secret = "benchmark-secret"
"""
"""A configuration for the records below, imported as connection `src`."""


def calls(count: int, *, clients: int, until: datetime, years: float = 5, seed: int = 1) -> Iterator[dict[str, Any]]:
    """`count` calls in order of time, evenly spread over `years` before `until`, each with one of `clients` numbers."""
    dice = random.Random(seed)
    step = timedelta(days=365 * years) / count
    for number in range(count):
        start = until - step * (count - number)
        client = f"phone:+7921{dice.randrange(clients):07d}"
        yield _call(f"{seed}-{number}", start.astimezone(UTC).replace(microsecond=0), client, dice)


def messages(count: int, *, clients: int, until: datetime, years: float = 5, seed: int = 1) -> Iterator[dict[str, Any]]:
    """`count` messages of a chat as `calls` has calls; each second one is a member's answer to the one before."""
    dice = random.Random(seed)
    step = timedelta(days=365 * years) / count
    client = ""
    for number in range(count):
        at = (until - step * (count - number)).astimezone(UTC).replace(microsecond=0).isoformat()
        base = {"record": "message", "id": f"{seed}-{number}", "at": at, "channel": "chat", "line": LINE, "text": "Да"}
        if number % 2 == 0:
            client = f"phone:+7921{dice.randrange(clients):07d}"
            yield base | {"direction": "in", "author": "client", "client": client}
        else:
            member = f"ext:{dice.choice(MEMBERS)}"
            yield base | {"direction": "out", "author": "member", "client": client, "member": member}


def lines(count: int, make: Callable[..., Iterator[dict[str, Any]]] = calls, **options: Any) -> Iterator[str]:
    """The same as JSON lines."""
    return (json.dumps(record) for record in make(count, **options))


def _call(identity: str, start: datetime, client: str, dice: random.Random) -> dict[str, Any]:
    """Six of ten are inbound, a third of these missed; of the outbound a quarter is not taken."""
    inbound, taken = dice.random() < 0.6, dice.random() < 0.7
    ring, talk = timedelta(seconds=dice.randint(6, 40)), timedelta(seconds=dice.randint(15, 400))
    member = dice.choice(MEMBERS)
    answered = start + ring if taken else None
    ended = start + ring + (talk if taken else timedelta(0))
    if inbound:
        legs = [
            _leg("member", f"ext:{name}", start, answered if name == member else None, ended) for name in MEMBERS[:3]
        ]
        legs = legs if member in MEMBERS[:3] else [*legs[:2], _leg("member", f"ext:{member}", start, answered, ended)]
    else:
        legs = [
            _leg("member", f"ext:{member}", start, start, ended),
            _leg("client", client, start, answered, ended),
        ]
    return {
        "record": "call", "id": identity, "direction": "inbound" if inbound else "outbound", "client": client,
        "line": LINE, "started_at": start.isoformat(), "ended_at": ended.isoformat(), "final": True,
        "hangup_by": "client", "legs": legs,
    }  # fmt: skip


def _leg(kind: str, to: str, start: datetime, answered: datetime | None, ended: datetime) -> dict[str, Any]:
    result = "answered" if answered else "no_answer"
    leg: dict[str, Any] = {"kind": kind, "to": to, "started_at": start.isoformat(), "ended_at": ended.isoformat()}
    return leg | {"result": result} | ({"answered_at": answered.isoformat()} if answered else {})
