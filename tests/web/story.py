"""A day of a small company as records: it is Tuesday, 24 November 2026, 14:32 in Moscow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hub.engine import work
from hub.engine.hub import Hub, open_hub
from hub.engine.receive import Receiver, arrival
from hub.sdk.connector import Raw

NOW = datetime(2026, 11, 24, 11, 32, 8, tzinfo=UTC)
DAY = "2026-11-24"

CONFIG = """
[hub]
timezone = "Europe/Moscow"
country = "RU"
language = "ru"
head_of_sales = "gleb"

[calendars.office]
timezone = "Europe/Moscow"
[[calendars.office.hours]]
from = 2020-01-01
days = { mon-fri = "09:00-18:00" }

[lines.sales]
calendar = "office"
lines = ["74950010100", "78000010100", "@teplodom_bot", "sales@teplodom.example"]
head = "boris"
duty = ["anna"]
callback_target = "15m"

[lines.service]
calendar = "office"
lines = ["78120010200"]
head = "vera"
callback_target = "30m"

[team.anna]
name = "Анна Ковалёва"
handles = ["ext:pbx/101", "phone:+79990000101"]
calendar = "office"

[team.boris]
name = "Борис Сафонов"
handles = ["ext:pbx/102"]
calendar = "office"

[team.vera]
name = "Вера Бондаренко"
handles = ["ext:pbx/103"]
calendar = "office"

[team.gleb]
name = "Глеб Литвинов"
handles = ["ext:pbx/104"]
calendar = "office"

[connections.pbx]
plugin = "records"
token = "open-sesame-of-the-test"

[connections.crm]
plugin = "records"
"""


def at(text: str) -> datetime:
    """`14:11:16` of the day, or `2026-11-20 16:48:00`; Moscow time."""
    day, _, time = text.rpartition(" ")
    return datetime.fromisoformat(f"{day or DAY}T{time}+03:00")


def missed(
    id_: str,
    start: str,
    client: str | None,
    wait: int,
    *to: str,
    line: str = "74950010100",
    by: str = "client",
    **more: Any,
) -> dict[str, Any]:
    """An inbound call that rang at these extensions one after another and was not answered."""
    begun = at(start)
    each = wait / max(len(to), 1)
    legs = [
        {
            "kind": "member",
            "to": f"ext:{ext}",
            "result": "no_answer",
            "started_at": (begun + timedelta(seconds=number * each)).isoformat(),
            "ended_at": (begun + timedelta(seconds=(number + 1) * each)).isoformat(),
        }
        for number, ext in enumerate(to)
    ]
    return {
        "record": "call",
        "id": id_,
        "direction": "inbound",
        "client": client,
        "line": line,
        "hangup_by": by,
        "started_at": begun.isoformat(),
        "ended_at": (begun + timedelta(seconds=wait)).isoformat(),
        "final": True,
        "legs": legs,
        **more,
    }


def answered(id_: str, start: str, client: str, wait: int, talk: int, ext: str, **more: Any) -> dict[str, Any]:
    """An inbound call that one of us took."""
    begun = at(start)
    picked, end = begun + timedelta(seconds=wait), begun + timedelta(seconds=wait + talk)
    return {
        "record": "call",
        "id": id_,
        "direction": "inbound",
        "client": client,
        "line": "74950010100",
        "hangup_by": "client",
        "started_at": begun.isoformat(),
        "ended_at": end.isoformat(),
        "final": True,
        "legs": [
            {
                "kind": "menu",
                "to": "sales",
                "started_at": begun.isoformat(),
                "ended_at": (begun + timedelta(seconds=2)).isoformat(),
                "result": "timeout",
            },
            {
                "kind": "member",
                "to": f"ext:{ext}",
                "started_at": (begun + timedelta(seconds=2)).isoformat(),
                "answered_at": picked.isoformat(),
                "ended_at": end.isoformat(),
                "result": "answered",
            },
        ],
        **more,
    }


def outbound(id_: str, start: str, client: str, ring: int, talk: int, ext: str) -> dict[str, Any]:
    """A call of ours to a client; talk 0 when nobody picked up."""
    begun = at(start)
    picked = begun + timedelta(seconds=ring)
    end = picked + timedelta(seconds=talk)
    client_leg = {"kind": "client", "to": client, "started_at": begun.isoformat(), "ended_at": end.isoformat()}
    client_leg |= {"answered_at": picked.isoformat(), "result": "answered"} if talk else {"result": "no_answer"}
    return {
        "record": "call",
        "id": id_,
        "direction": "outbound",
        "client": client,
        "line": "74950010100",
        "hangup_by": "member",
        "started_at": begun.isoformat(),
        "ended_at": end.isoformat(),
        "final": True,
        "legs": [
            {
                "kind": "member",
                "to": f"ext:{ext}",
                "started_at": begun.isoformat(),
                "answered_at": begun.isoformat(),
                "ended_at": end.isoformat(),
                "result": "answered",
            },
            client_leg,
        ],
    }


def running(id_: str, start: str, client: str, ext: str, talks_from: str | None = None) -> dict[str, Any]:
    """A call that lasts: ringing, or talking since a moment."""
    leg: dict[str, Any] = {"kind": "member", "to": f"ext:{ext}", "started_at": at(start).isoformat()}
    if talks_from:
        leg |= {"answered_at": at(talks_from).isoformat(), "result": "answered"}
    return {
        "record": "call",
        "id": id_,
        "direction": "inbound",
        "client": client,
        "line": "78000010100",
        "started_at": at(start).isoformat(),
        "legs": [leg],
    }


GARANT, UNKNOWN, KHACH, ALLIANCE, ROST, SKRYN, GONCH = (
    "phone:+79162204107",
    "phone:+79216041833",
    "phone:+79167772031",
    "phone:+74991137008",
    "phone:+79053301490",
    "phone:+79261180551",
    "phone:+79814559012",
)

PBX = [
    answered("g0", "2026-11-09 11:29:00", GARANT, 12, 372, "101"),
    answered("s0", "2026-11-12 15:02:00", SKRYN, 6, 95, "101"),
    missed("g1", "13:57:37", GARANT, 31, "101", "102", by="system"),
    missed("g2", "14:03:00", GARANT, 27, "102", line="78000010100"),
    outbound("g3", "14:16:10", GARANT, 4, 0, "102"),
    missed("g4", "14:11:16", GARANT, 42, "101", "102", line="78000010100"),
    outbound("g5", "14:22:30", GARANT, 22, 0, "102"),
    missed("u1", "14:08:35", UNKNOWN, 31, "103", by="system"),
    missed("k1", "14:28:40", KHACH, 18, "101"),
    missed("a1", "14:17:40", ALLIANCE, 14, "101"),
    outbound("a2", "14:24:00", ALLIANCE, 9, 250, "101"),
    missed("r1", "13:26:40", ROST, 24, "101", "102"),
    answered("r2", "14:17:05", ROST, 8, 121, "102"),
    missed("q1", "12:58:33", SKRYN, 3, "101"),
    missed("w1", "16:02:15", None, 40, "101")
    | {
        "started_at": at("2026-11-23 16:02:15").isoformat(),
        "ended_at": at("2026-11-23 16:02:55").isoformat(),
        "legs": [],
    },
    missed("l1", "2026-11-16 11:02:56", GONCH, 58, "102"),
    running("n1", "14:31:50", "phone:+79035551720", "102"),
    running("n2", "14:28:40", "phone:+78126401102", "101", "14:28:56"),
]
CRM = [
    {
        "record": "card",
        "id": "1",
        "name": "Игорь Мельник, ООО «СтройГарант»",
        "handles": [GARANT, "email:i.melnik@stroygarant.example"],
        "company": "ООО «СтройГарант»",
        "url": "https://crm.example/contacts/1",
    },
    {"record": "card", "id": "2", "name": "ИП Хачатрян", "handles": [KHACH]},
    {"record": "card", "id": "3", "name": "ООО «Сантех-Альянс»", "handles": [ALLIANCE]},
    {"record": "card", "id": "4", "name": "Евгений Ростоцкий", "handles": [ROST]},
    {"record": "card", "id": "5", "name": "Виталий Скрынник", "handles": [SKRYN], "owner": "anna"},
    {"record": "card", "id": "6", "name": "ИП Гончаренко", "handles": [GONCH]},
    {"record": "card", "id": "7", "name": "ТСЖ «Приморский, 54»", "handles": ["phone:+78126401102"]},
]


def open_story(folder: Path, config: str = CONFIG) -> Hub:
    """A hub of this company with an empty store; its clock stands at NOW."""
    (folder / "config.toml").write_text(config, encoding="utf-8")
    return open_hub(folder / "config.toml", now=lambda: NOW)


async def tell(hub: Hub, connection: str, rows: list[dict[str, Any]]) -> None:
    """Let these records come in by a connection, and derive everything."""
    receiver = Receiver(hub)
    raws = [Raw("record", f"{row['record']}/{row['id']}", row) for row in rows]
    await receiver.keep([arrival(connection, raw, hub.now(), as_live=True) for raw in raws])
    await work.catch_up(hub, hub.now())


async def tell_all(hub: Hub) -> None:
    """The whole day."""
    await tell(hub, "crm", CRM)
    await tell(hub, "pbx", PBX)


# What clients wrote on the same day: told only where a test is about that.

STONE, LAZAREVA, WISH = "email:t.abdrahmanov@stone.example", "telegram:5550199", "phone:+79219000177"


def written(
    id_: str, start: str, client: str, text: str | None, channel: str = "telegram", **more: Any
) -> dict[str, Any]:
    """A message of the client."""
    return {
        "record": "message",
        "id": id_,
        "at": at(start).isoformat(),
        "channel": channel,
        "direction": "in",
        "author": "client",
        "client": client,
        "line": "sales@teplodom.example" if channel == "email" else "@teplodom_bot",
        "text": text,
        **more,
    }


WRITTEN = [
    {"record": "card", "id": "8", "name": "Карельский камень", "handles": [STONE], "owner": "anna"},
    {"record": "card", "id": "9", "name": "Виктория Лазарева", "handles": [LAZAREVA], "owner": "boris"},
    written("m1", "13:59:00", LAZAREVA, "Здравствуйте! Можно заменить насос на более тихий?"),
    written("m2", "14:21:40", LAZAREVA, "Ау, есть кто живой? " + "очень жду " * 40),
    written("m3", "14:20:00", STONE, "Просим обновить КП с учётом доставки до Петрозаводска", "email", thread="t1"),
    written("m4", "14:24:00", "telegram:5550200", None, content="voice"),
    {
        "record": "submission",
        "id": "f1",
        "at": at("14:25:00").isoformat(),
        "form": "Заявка с сайта",
        "line": "74950010100",
        "handles": [WISH],
        "name": "Пётр",
        "wants_at": at("15:00:00").isoformat(),
        "text": "Нужен котёл",
    },
]
