"""What happened, written as text: the timelines and rules that the tests of the core are told with.

A line is `[date] time words`; the date is 2026-03-10 and the zone Moscow's unless said. `#` begins a comment.

    10:00:00 in m1 42s by client            a call of 42 s, phone 101 rang to its end; further words: see `CALL`
    10:00:00 in m1 42s | queue 0-42 | 101 0-42 | 102 5-30 busy | +79990000102 30-42 +35
                                            the same told leg by leg: seconds since the start, `+35` answered then
    10:09:30 out d1 22s from 102            we dialled, the client's phone rang 22 s; `talk 8`: answered after 8 s
    10:10:00 msg out by 101 / msg in        a message; `via email`, `author bot`, `failed`, `id b`
    10:11:00 mark closed on src/call/m1 by anna because spam   (`until 11:00`)
    10:12:00 meeting held
    09:00:00 card k owner 101 / deal d owner 102 open / card k gone
    09:00:00 log deal d owner 101>102 / log deal d state open>won
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hub import settings
from hub.core import handles
from hub.core.policy import Rulebook
from hub.core.records import (
    Call,
    Card,
    Change,
    Deal,
    Leg,
    Mark,
    Meeting,
    Message,
    Submission,
    Transfer,
    from_json,
    instant,
    order,
    qualified,
)
from hub.core.timeline import ContactView, Fact, History, Timeline

CLIENT = "phone:+79211230009"
DAY = "2026-03-10"

CONFIG = """
[hub]
timezone = "Europe/Moscow"
country = "RU"
shared_handles = ["phone:+74951112233"]
blocked_handles = ["phone:+79211239999"]
test_handles = ["phone:+79211238888"]
head_of_sales = "dina"

[calendars.office]
timezone = "Europe/Moscow"
exceptions = [ { on = 2026-03-09, hours = "", why = "holiday" } ]
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-fri = "09:00-13:00 14:00-18:00" }

[lines.sales]
calendar = "office"
lines = ["74950010100", "74950010102", "@shop_bot", "sales@example.ru"]
head = "gleb"
MORE_SALES

[lines.support]
calendar = "office"
lines = ["74950010200"]
head = "boris"

[team.anna]
name = "Анна Петрова"
handles = ["ext:src/101", "phone:+79990000101", "user:src/101", "user:crm/1"]
calendar = "office"
MORE_ANNA

[team.boris]
name = "Борис Смирнов"
handles = ["ext:src/102", "phone:+79990000102", "user:src/102", "user:crm/2"]
calendar = "office"
MORE_BORIS

[team.vera]
name = "Вера Орлова"
handles = ["ext:src/103", "phone:+79990000103", "user:src/103", "user:crm/3"]
calendar = "office"

[team.gleb]
name = "Глеб Иванов"
handles = ["ext:src/104", "phone:+79990000104", "user:src/104"]
calendar = "office"

[team.dina]
name = "Дина Котова"
handles = ["ext:src/105", "phone:+79990000105", "user:src/105"]
calendar = "office"

[policy]
MORE_POLICY

[connections.src]
plugin = "records"
MORE
"""


def rulebook(sales: str = "", anna: str = "", boris: str = "", policy: str = "", more: str = "") -> Rulebook:
    """The rules of the examples, with lines of configuration added where a test needs them."""
    text = CONFIG
    for place, added in (
        ("MORE_SALES", sales),
        ("MORE_ANNA", anna),
        ("MORE_BORIS", boris),
        ("MORE_POLICY", policy),
        ("MORE", more),
    ):
        text = re.sub(rf"^{place}$", added.replace("\\", r"\\"), text, flags=re.MULTILINE)
    return settings.parse(text).rulebook()


def at(text: str, day: str = DAY) -> datetime:
    """`10:00`, `10:00:42`, `2026-03-06 17:50`: an instant of Moscow's time."""
    date, _, time = text.rpartition(" ") if " " in text else ("", "", text)
    time = time if time.count(":") == 2 else f"{time}:00"
    return instant(f"{date or day}T{time}+03:00")


_LINE = re.compile(r"(?:(\d{4}-\d\d-\d\d)\s+)?(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s+(.*)")


def timeline(
    text: str,
    *,
    known: tuple[str, ...] = (CLIENT,),
    contact: str = "person",
    live: bool = False,
    first_inbound: str | None = None,
) -> Timeline:
    """The timeline that a text tells; the contact owns the handles `known`."""
    facts: dict[str, list[Any]] = {name: [] for name in ("call", "message", "mark", "meeting")}
    histories: dict[tuple[str, str], tuple[list[Any], datetime | None]] = {}
    log: dict[tuple[str, str], list[Change]] = {}
    for number, line in enumerate(text.splitlines()):
        found = _LINE.match(line.split("#")[0].strip())
        if not found:
            assert not line.split("#")[0].strip(), line
            continue
        moment = at(f"{found[1] or DAY} {found[2]}")
        words = found[3].split()
        if words[0] == "log":
            log.setdefault((words[1], words[2]), []).append(_change(words, moment, number))
            continue
        if words[0] in ("card", "deal"):
            key = (words[0], words[1])
            versions, gone_at = histories.get(key, ([], None))
            if words[2:3] == ["gone"]:
                histories[key] = (versions, moment)
            else:
                histories[key] = ([*versions, _object(words, moment, known)], gone_at)
            continue
        record = _record(words, found[3], moment, number, known)
        name = type(record).__name__.lower()
        facts[name].append(Fact(f"src/{name}/{record.id}", qualified(record, "src"), live=live))
    return Timeline(
        contact=ContactView(1, "Client", known, contact),  # type: ignore[arg-type]
        calls=_sorted(facts["call"], "started_at"),
        messages=_sorted(facts["message"], "at"),
        marks=_sorted(facts["mark"], "at"),
        meetings=_sorted(facts["meeting"], "starts_at"),
        cards=_histories(histories, "card", log),
        deals=_histories(histories, "deal", log),
        first_inbound=first_inbound,
    )


def _sorted(facts: list[Fact[Any]], key: str) -> tuple[Fact[Any], ...]:
    return tuple(sorted(facts, key=lambda fact: (getattr(fact.record, key), fact.ref)))


def _histories(
    found: Mapping[tuple[str, str], tuple[list[Any], datetime | None]],
    kind: str,
    log: Mapping[tuple[str, str], list[Change]],
) -> tuple[Any, ...]:
    return tuple(
        History(
            f"crm/{kind}/{id_}",
            tuple(sorted(versions, key=lambda version: version.changed_at)),
            gone_at,
            tuple(sorted(log.get((kind, id_), ()), key=lambda change: (change.at, change.id))),
        )
        for (of, id_), (versions, gone_at) in sorted(found.items())
        if of == kind
    )


def _change(words: list[str], moment: datetime, number: int) -> Change:
    before, _, after = words[4].partition(">")
    if words[3] == "owner":
        before, after = (f"user:crm/{int(member) - 100}" for member in (before, after))
    return Change(id=f"log{number}", of=words[1], on=words[2], at=moment, field=words[3], before=before, after=after)


def _object(words: list[str], moment: datetime, known: tuple[str, ...]) -> Card | Deal:
    options = _options(words[2:], ("owner",))
    owner = f"user:crm/{int(options['owner']) - 100}" if "owner" in options else None
    if words[0] == "card":
        return Card(id=words[1], owner=owner, handles=known, changed_at=moment)
    state = next((word for word in words if word in ("open", "won", "lost")), "open")
    return Deal(id=words[1], owner=owner, state=state, created_at=moment, changed_at=moment)


def _record(words: list[str], line: str, moment: datetime, number: int, known: tuple[str, ...]) -> Any:
    if words[0] in ("in", "out", "internal"):
        return _call(line, moment, known[0] if known else None)
    if words[0] == "msg":
        options = _options(words[2:], ("by", "via", "author", "id", "line", "content"))
        inward = words[1] == "in"
        return Message(
            id=options.get("id", f"msg{number}"),
            at=moment,
            channel=options.get("via", "telegram"),
            direction="in" if inward else "out",
            author=options.get("author", "client" if inward else "member"),
            client=known[0],
            member=_member(options.get("by")),
            line=options.get("line", "@shop_bot"),
            content=options.get("content", "text"),
            delivery="failed" if "failed" in words else None,
            automatic="automatic" in words,
        )
    if words[0] == "mark":
        options = _options(words[2:], ("on", "by", "because", "until"))
        return Mark(
            id=f"mark{number}",
            at=moment,
            by=options.get("by", "anna"),
            kind=words[1],
            on=options.get("on", known[0]),
            reason=options.get("because"),
            until=at(options["until"]) if "until" in options else None,
        )
    assert words[0] == "meeting", line
    return Meeting(id=f"meeting{number}", starts_at=moment, handles=known, member="anna", state=words[1])


def _options(words: list[str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: words[words.index(name) + 1] for name in names if name in words}


def _member(word: str | None) -> str | None:
    return f"ext:{word}" if word and word.isdigit() else word


CALL = ("by", "line", "talk", "from", "voicemail", "caller", "origin", "queue", "version")
"""Words of a call that take a value; `running`, `callback`, `spam`, `test`, `unfinished`, `partial` take none."""


def _call(line: str, moment: datetime, client: str | None) -> Call:
    head, *segments = (part.strip() for part in line.split("|"))
    words = head.split()
    options = _options(words[2:], CALL)
    length = next((float(word[:-1]) for word in words[2:] if re.fullmatch(r"[\d.]+s", word)), None)
    ended = None if length is None else moment + timedelta(seconds=length)
    direction = {"in": "inbound", "out": "outbound", "internal": "internal"}[words[0]]
    legs = [_leg(segment, moment) for segment in segments if not re.match(r"\w+ \S+>\S+ @", segment)]
    transfers = [_transfer(segment, moment) for segment in segments if re.match(r"\w+ \S+>\S+ @", segment)]
    if not segments and "bare" not in words:
        legs = _usual_legs(direction, options, moment, ended, client)
    if "caller" in options:
        client = None if options["caller"] == "withheld" else options["caller"]
    return Call(
        id=words[1],
        direction=direction,
        client=client,
        line=options.get("line", "74950010100"),
        started_at=moment,
        ended_at=ended,
        hangup_by=_hangup(options.get("by", "client" if direction == "inbound" else "member"), ended),
        final=ended is not None and "unfinished" not in words,
        legs=tuple(legs),
        transfers=tuple(transfers),
        callback_requested="callback" in words,
        spam="spam" in words,
        test="test" in words,
        voicemail_seconds=int(options["voicemail"]) if "voicemail" in options else None,
        completeness="partial" if "partial" in words else "live",
        origin=options.get("origin"),
        queue=options.get("queue"),
        version=int(options["version"]) if "version" in options else None,
    )


def _hangup(who: str, ended: datetime | None) -> str | None:
    return None if who == "unknown" or ended is None else who


def _usual_legs(
    direction: str, options: Mapping[str, str], moment: datetime, ended: datetime | None, client: str | None
) -> list[Leg]:
    answered = moment + timedelta(seconds=float(options["talk"])) if "talk" in options else None
    phone = f"ext:{options.get('from', '101')}"
    if direction == "inbound":
        result = "answered" if answered else "no_answer" if ended else None
        return [Leg(kind="member", to=phone, started_at=moment, answered_at=answered, ended_at=ended, result=result)]
    result = "answered" if answered else "no_answer" if ended else None
    return [
        Leg(kind="member", to=phone, started_at=moment, answered_at=moment, ended_at=ended, result="answered"),
        Leg(kind="client", to=client, started_at=moment, answered_at=answered, ended_at=ended, result=result),
    ]


def _leg(segment: str, moment: datetime) -> Leg:
    words = segment.split()
    where = words[0]
    start, _, end = next(word for word in words if re.fullmatch(r"[\d.]+-[\d.]*", word)).partition("-")
    answered = next((word[1:] for word in words[1:] if re.fullmatch(r"\+[\d.]+", word)), None)
    kind = "external" if where.startswith("+") else "member" if where.isdigit() else where
    target = f"phone:{where}" if kind == "external" else f"ext:{where}" if kind == "member" else None
    named = next((word for word in words[1:] if word.isalpha() and word not in _RESULTS and word != "complete"), None)
    result = next((word for word in words if word in _RESULTS), None)
    if result is None and end:
        result = "answered" if answered else "no_answer" if kind in ("member", "external", "client") else None

    def moment_of(text: str | None) -> datetime | None:
        return moment + timedelta(seconds=float(text)) if text else None

    return Leg(
        kind=kind,
        to=target or named,
        started_at=moment_of(start),
        answered_at=moment_of(answered),
        ended_at=moment_of(end),
        result=result,
        complete_answer="complete" in words,
    )


_RESULTS = (
    "answered",
    "no_answer",
    "busy",
    "declined",
    "elsewhere",
    "cancelled",
    "forwarded",
    "failed",
    "unreachable",
    "timeout",
    "closed",
)


def _transfer(segment: str, moment: datetime) -> Transfer:
    kind, pair, when = segment.split()[:3]
    from_, _, to = pair.partition(">")
    return Transfer(
        kind=kind,
        from_=f"ext:{from_}",
        to=f"ext:{to}" if to.isdigit() else to,
        at=moment + timedelta(seconds=float(when[1:])),
        answered="unanswered" not in segment,
    )


def from_records(rows: list[dict[str, Any]], contact: ContactView | None = None, live: bool = False) -> Timeline:
    """One client's timeline from records of our own format, versions resolved as absorbing does."""
    newest: dict[str, Any] = {}
    owning: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        record = qualified(from_json(row), "src")
        ref = f"src/{row['record']}/{record.id}"
        kept = newest.get(ref)
        if kept is None or order(record, "") > order(kept, ""):
            newest[ref] = record
        if isinstance(record, Card | Deal):
            owning.setdefault((row["record"], record.id), []).append(record)
    facts = [Fact(ref, record, live=live) for ref, record in newest.items()]
    calls = [fact for fact in facts if isinstance(fact.record, Call)]
    clients = tuple(dict.fromkeys(fact.record.client for fact in calls if fact.record.client))
    histories = {key: (versions, None) for key, versions in owning.items()}
    return Timeline(
        contact=contact or ContactView(1, None, clients),
        calls=_sorted(calls, "started_at"),
        messages=_sorted([fact for fact in facts if isinstance(fact.record, Message)], "at"),
        marks=_sorted([fact for fact in facts if isinstance(fact.record, Mark)], "at"),
        meetings=_sorted([fact for fact in facts if isinstance(fact.record, Meeting)], "starts_at"),
        submissions=_sorted([fact for fact in facts if isinstance(fact.record, Submission)], "at"),
        cards=_histories(histories, "card", {}),
        deals=_histories(histories, "deal", {}),
    )


def without(line: Timeline, **changes: Any) -> Timeline:
    """The timeline with some kinds of facts replaced."""
    return replace(line, **changes)


same_line = handles.same_line
