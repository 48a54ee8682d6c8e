"""What do the tests between telephone and CRM share? A small company: a real hub, a pretend amoCRM, and calls by webhook."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx
import orjson
import sqlalchemy
from pydantic import SecretStr

from hub.engine.access import grant
from hub.engine.hub import open_hub
from hub.sdk import Tokens
from hub.store import cases, connections, outbox
from hub.store.database import Database
from sandbox.amocrm import AmoServer
from sandbox.amocrm.seed import ADMIN, MANAGER
from tests.cli.conftest import Desk
from tests.daemon import Daemon, free_port

T = TypeVar("T")

SECRET = b"office-secret"
CLIENT = "phone:+79211234567"
STRANGER = "phone:+79219999999"
ALL_ON = {"tasks": True, "log_calls": True, "unknown_callers": "lead", "notes": True}
LIVE = ("users", "contacts", "companies", "leads", "tasks", "events", "trash", "unsorted")
PAST = ("contacts_history", "companies_history", "leads_history", "tasks_history", "events_history")
"""The CRM's streams: what happens from now on, and what was before."""
TO_BE_TOLD = "connection = 'amo' AND state IN ('planned', 'sending')"
PATIENCE = 120.0
"""Seconds that the hub may take for what it has to do."""

CONFIG = """
[hub]
timezone = "Europe/Moscow"

[web]
listen = "127.0.0.1:{port}"
{web}

[policy]
callback_target = "15m"

[calendars.always]
[[calendars.always.hours]]
from = 2020-01-01
days = {{ mon-sun = "00:00-24:00" }}

[lines.sales]
calendar = "always"
lines = ["74950010100"]
head = "olga"

[team.olga]
name = "Ольга Белова"
handles = ["ext:src/101", "user:amo/{olga}"]
calendar = "always"

[team.petr]
name = "Пётр Сидоров"
handles = ["ext:src/102", "user:amo/{petr}"]
calendar = "always"

[connections.src]
plugin = "records"
secret = "{secret}"
"""


Request: TypeAlias = tuple[str, str, int]
"""Method, path with query, and status of the answer."""


def nothing(_request: Request) -> None:
    """Whoever does not care what is asked."""


class Watched(list[Request]):
    """What a vendor was asked; `seen` hears of each request when its work is done and nothing is answered yet."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Callable[[Request], None] = nothing

    def append(self, request: Request) -> None:
        super().append(request)
        self.seen(request)


class Office:
    """A folder with a hub's configuration and store, the vendor that it is connected to, and the process that runs it.

    keys: those of `[connections.amo]` beside what it takes to get in. hooks: whether the vendor's webhooks reach the hub.
    """

    def __init__(self, folder: Path, amo: AmoServer, *, hooks: bool = True, **keys: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.amo = folder, amo
        amo.world.requests = self.requests = Watched()
        self.daemon = Daemon(folder, free_port())
        self._hooks = hooks
        self.configure(**keys)

    def configure(self, **keys: Any) -> None:
        """Write config.toml with these keys of the CRM connection."""
        given = self.amo.credentials
        access = {key: given[key] for key in ("base_url", "client_id", "client_secret", "redirect_uri")}
        told = {"plugin": "amocrm", "calls": "ignore", "domain": "vostok.amocrm.ru", **access, **keys}
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in told.items()]
        text = CONFIG.format(
            port=self.daemon.port,
            olga=ADMIN,
            petr=MANAGER,
            secret=SECRET.decode(),
            web=f'public_url = "{self.daemon.url}"' if self._hooks else "",
        )
        section = "\n".join(["\n[connections.amo]", *lines, ""])
        (self.folder / "config.toml").write_text(text + section, encoding="utf-8")

    async def open(self, live_for: timedelta = timedelta(minutes=30), *, granted: bool = True) -> None:
        """Make the store of a hub that has been running for so long, with the CRM's access."""
        begun = datetime.now(UTC) - live_for
        hub = open_hub(self.folder / "config.toml", now=lambda: begun)
        try:
            with hub.db.begin() as store:
                for name in ("src", "amo"):
                    connections.go_live(store, name, begun)
            if granted:
                await grant(hub, "amo", self.pair())
        finally:
            hub.close()

    def pair(self) -> Tokens:
        """What consent of the CRM's administrator gives."""
        world = self.amo.world
        given = world.authority.pair(world.default, world.integration.client_id, world.admin_id)
        until = datetime.fromtimestamp(given["server_time"] + given["expires_in"], UTC)
        return Tokens(SecretStr(given["access_token"]), SecretStr(given["refresh_token"]), until)

    async def start(self) -> None:
        await asyncio.to_thread(self.daemon.start)

    async def stop(self) -> None:
        assert await asyncio.to_thread(self.daemon.stop) == 0

    async def command(self, *arguments: str) -> str:
        """What `crmhub` says beside whatever runs."""
        done = await asyncio.to_thread(Desk(self.folder).spawn, *arguments)
        assert done.code == 0, done.err + done.out
        return done.out

    async def consent(self) -> None:
        """The administrator allows the access anew, as the command line asks him to."""
        code = (await self.control("tokens", {}))["auth_code"]
        await self.command("connect", "amo", "--code", code, "--yes")

    # what happens outside

    async def post(self, *records: Mapping[str, Any]) -> None:
        """The telephony tells of these, again and again until it is heard."""
        body = orjson.dumps(list(records))
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=10) as client:
            while not await self._accepted(client, body):
                await asyncio.sleep(0.05)

    async def _accepted(self, client: httpx.AsyncClient, body: bytes) -> bool:
        stamp = str(int(time.time()))
        signature = hmac.new(SECRET, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Timestamp": stamp, "X-Hub-Signature": f"v1={signature}"}
        try:
            return (await client.post(f"{self.daemon.url}/hooks/src", content=body, headers=headers)).is_success
        except httpx.TransportError:
            return False

    async def touch(self, entity: str = "", id: int = 0, action: str = "", **more: Any) -> Any:
        """What somebody does on the CRM's pages; the ids that it concerned. `changes`: several at once."""
        asked = more if "changes" in more else {"entity": entity, "id": id, "action": action, **more}
        return (await self.control("touch", asked))["touched"]

    async def control(self, name: str, asked: Mapping[str, Any]) -> Any:
        """The CRM's control plane."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.post(f"{self.amo.base_url}/_ctl/{name}", json=asked)
        assert answer.is_success, answer.text
        return answer.json()

    # what is there

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """The CRM's cards, tasks or notes, those in the trash left out."""
        return list(self.amo.world.default.table(kind).rows.values())

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """Those of the hub."""
        return [row for row in self.rows("tasks") if "[hub " in row["text"]]

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Entries of calls, wherever they are."""
        return [row for row in self.rows("notes") if row["note_type"] in {"call_in", "call_out"}]

    def tasks_of(self, client: str) -> list[dict[str, Any]]:
        """Tasks of the hub to call this client back."""
        return [task for task in self.tasks if client[-10:] in digits(task["text"])]

    def calls_of(self, client: str) -> list[dict[str, Any]]:
        """Entries of this client's calls."""
        return [call for call in self.calls if call["params"]["phone"].endswith(client[-10:])]

    def sql(self, query: str) -> list[Any]:
        """Rows of the hub's store."""
        engine = sqlalchemy.create_engine(f"sqlite:///{self.folder / 'var' / 'hub.db'}")
        try:
            with engine.connect() as connection:
                return list(connection.exec_driver_sql(query))
        finally:
            engine.dispose()

    def store(self, work: Callable[..., T], *arguments: Any, **keys: Any) -> T:
        """One transaction of ours in the hub's store, beside whatever runs."""
        store = Database(f"sqlite:///{self.folder / 'var' / 'hub.db'}")
        try:
            with store.begin() as connection:
                return work(connection, *arguments, **keys)
        finally:
            store.close()

    def kept(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Cases and effects as the hub's command line lists them."""
        return self.store(cases.listing), self.store(outbox.listing)

    def records(self) -> dict[tuple[str, str], Any]:
        """(kind, id) of what the hub knows from the CRM → its content and when it was deleted; versions left out."""
        rows = self.sql("SELECT kind, source_id, body, gone_at FROM records WHERE connection = 'amo'")
        found = {}
        for kind, id_, body, gone_at in rows:
            content = orjson.loads(body) if body else {}
            content.pop("changed_at", None)
            found[kind, id_] = (content, gone_at)
        return found

    def ring(self) -> None:
        """The minute is over after which the CRM's lists are read again."""
        self.store(connections.wake, "amo", LIVE, datetime.now(UTC) - timedelta(seconds=1))

    async def until(self, holds: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> None:
        """Wait until it is so."""
        end = time.monotonic() + seconds
        while not await asyncio.to_thread(holds):
            assert time.monotonic() < end, f"{what or 'never so'}\n{self.daemon.log[-3000:]}"
            await asyncio.sleep(0.05)

    async def settled(self) -> None:
        """Wait until the hub has read what it was told to read, judged all of it and told the CRM."""
        end = time.monotonic() + PATIENCE
        while left := await asyncio.to_thread(self.left):
            assert time.monotonic() < end, f"left: {left}\n{self.daemon.log[-3000:]}"
            await asyncio.sleep(0.05)

    def left(self) -> list[Any]:
        """What the hub has still to do: streams, items, clients, effects, webhooks."""
        return [
            *self.unread(),
            *self.sql("SELECT connection, kind, item FROM inbox WHERE state = 'new'"),
            *self.sql("SELECT id, name, due_at FROM contacts WHERE due_at IS NOT NULL"),
            *self.sql(f"SELECT key, state, due_at, error FROM outbox WHERE {TO_BE_TOLD}"),
            *([] if self.amo.world.default.hooks.is_idle else ["webhooks"]),
        ]

    def is_told(self) -> bool:
        """Whether nothing is left that the CRM has to be told."""
        return not self.sql(f"SELECT 1 FROM outbox WHERE {TO_BE_TOLD}")

    def is_judged(self) -> bool:
        """Whether everything that came in was understood and judged."""
        came = "SELECT id FROM inbox WHERE state = 'new' UNION ALL SELECT id FROM contacts WHERE due_at IS NOT NULL"
        return not self.sql(came)

    def unread(self) -> list[str]:
        """Streams that were not read yet, or not to the end of the past that they fetch."""
        streams = {row[0]: row for row in self.sql("SELECT stream, pulled_at, due_at, cursor FROM streams")}
        now = int(time.time() * 1000)
        return [name for name in (*LIVE, *PAST) if name not in streams or not _is_read(streams[name], now)]


def _is_read(row: Any, now: int) -> bool:
    cursor = json.loads(row[3]) if row[3] else None
    if isinstance(cursor, dict) and "windows" in cursor:
        return not cursor["windows"]
    return row[1] is not None and row[2] is not None and row[2] > now


def digits(text: str) -> str:
    """Telephone numbers in it, as they are compared."""
    return "".join(sign for sign in text if sign.isdecimal())


# calls of the telephony


def ago(**since: float) -> datetime:
    """So long before now, in whole milliseconds as the hub keeps them."""
    moment = datetime.now(UTC) - timedelta(**since)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def missed(id: str, start: datetime, client: str | None = CLIENT, seconds: float = 40, **keys: Any) -> dict[str, Any]:
    """A client rang and nobody took it."""
    leg = {"kind": "member", "to": "ext:101", "result": "no_answer"}
    return _call(id, "inbound", client, start, seconds, [leg], hangup_by="client", **keys)


def answered(
    id: str, start: datetime, client: str = CLIENT, seconds: float = 60, ext: str = "101", **keys: Any
) -> dict[str, Any]:
    """A client rang and somebody talked with him."""
    leg = {"kind": "member", "to": f"ext:{ext}", "result": "answered", "answered_at": _text(start, 10)}
    return _call(id, "inbound", client, start, seconds, [leg], **keys)


def callback(
    id: str, start: datetime, client: str = CLIENT, seconds: float = 60, ext: str = "101", **keys: Any
) -> dict[str, Any]:
    """One of us rang the client and talked with him for all but the first ten seconds."""
    ours = {"kind": "member", "to": f"ext:{ext}", "result": "answered", "answered_at": _text(start, 0)}
    his = {"kind": "client", "to": client, "result": "answered", "answered_at": _text(start, 10)}
    return _call(id, "outbound", client, start, seconds, [ours, his], **keys)


def lost(id: str, start: datetime, client: str = CLIENT, seconds: float = 60) -> dict[str, Any]:
    """A client talked, was handed on, and hung up before the next took it."""
    legs = [
        {
            "kind": "member",
            "to": "ext:101",
            "result": "answered",
            "answered_at": _text(start, 5),
            "ended_at": _text(start, 30),
        },
        {
            "kind": "member",
            "to": "ext:102",
            "result": "no_answer",
            "started_at": _text(start, 30),
        },
    ]
    transfer = {"kind": "blind", "from": "ext:101", "to": "ext:102", "at": _text(start, 30), "answered": False}
    return _call(id, "inbound", client, start, seconds, legs, hangup_by="client", transfers=[transfer])


def _call(
    id: str,
    direction: str,
    client: str | None,
    start: datetime,
    seconds: float,
    legs: Iterable[dict[str, Any]],
    **keys: Any,
) -> dict[str, Any]:
    span = {"started_at": _text(start, 0), "ended_at": _text(start, seconds)}
    return {
        "record": "call",
        "id": id,
        "direction": direction,
        "client": client,
        "line": "74950010100",
        "final": True,
        **span,
        "legs": [{**span, **leg} for leg in legs],
        **keys,
    }


def _text(start: datetime, seconds: float) -> str:
    return (start + timedelta(seconds=seconds)).isoformat()
