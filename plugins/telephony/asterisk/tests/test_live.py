"""Does the live stream bring what the PBX says, and does it mend what it missed?"""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from truth import FIXTURES, fold, outcome, site, talk_by

from hub.sdk import AuthFailed, Context, HubError, Malformed, Page, Raw, Temporary
from plugins.telephony.asterisk.connector import check
from plugins.telephony.asterisk.live import Pbx, live
from plugins.telephony.asterisk.settings import Settings
from sandbox.ami import AmiServer
from sandbox.recording import Recording

pytestmark = pytest.mark.slow


@dataclass
class Here:
    """A host with a running clock."""

    connection: str = "pbx"
    since: datetime | None = None
    context: Context = field(default_factory=lambda: Context("pbx"))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def http(self, base_url: str, *, secrets: Any = ()) -> Any:
        raise NotImplementedError


def client(server: AmiServer, scenario: str, **changes: Any) -> tuple[Pbx, Settings, Context]:
    settings, context = site(FIXTURES / scenario)
    settings = settings.model_copy(
        update={
            "host": "127.0.0.1",
            "port": server.port,
            "username": "hub",
            "secret": Settings(secret="hub-secret").secret,
        }
    )
    settings = settings.model_copy(update=changes)
    return Pbx(settings, Here(context=context)), settings, context


async def listen(pbx: Pbx, cursor: Any, until: Any) -> tuple[list[Page], Any, HubError | None]:
    """Pages until `until(raws)` holds or the stream ends; the last cursor; how it ended."""
    pages: list[Page] = []
    try:
        async with asyncio.timeout(20), aclosing(live(pbx, cursor)) as stream:
            async for page in stream:
                pages.append(page)
                cursor = page.cursor or cursor
                if until([raw for one in pages for raw in one.items]):
                    return pages, cursor, None
    except HubError as error:
        return pages, cursor, error
    return pages, cursor, None


def hangups(raws: list[Raw]) -> int:
    return sum(packet[2] == "Hangup" for raw in raws if raw.kind == "ami" for packet in raw.payload["p"])


@pytest.mark.parametrize(
    ("scenario", "channels", "became", "talks"),
    [
        ("ringgroup-answered", 4, ["answered"], [{"102": 12}]),
        ("attended-transfer", 6, ["answered"], [{"102": 12, "105": 9}]),
        ("queue-abandoned", 7, ["abandoned_wait"], [{}]),
        ("repeat-caller-callback", 12, ["abandoned_wait", "abandoned_ivr", "no_answer", "answered"], None),
    ],
)
async def test_a_recording_over_tcp_gives_its_calls(
    scenario: str, channels: int, became: list[str], talks: list[dict[str, int]] | None
) -> None:
    async with AmiServer(Recording.load(FIXTURES / scenario), speed=25, runs=1) as server:
        pbx, settings, context = client(server, scenario)
        pages, _, _ = await listen(pbx, None, lambda raws: hangups(raws) >= channels)
    calls = sorted(
        fold((raw for page in pages for raw in page.items), settings, context).values(), key=lambda c: c.started_at
    )
    assert [outcome(call) for call in calls] == became
    assert all(call.final for call in calls)
    if talks is not None:
        assert [{who: round(spent) for who, spent in talk_by(call).items()} for call in calls] == talks


async def test_a_call_in_progress_is_seen_while_it_lasts() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as server:
        pbx, settings, context = client(server, "ringgroup-answered")
        pages, _, _ = await listen(
            pbx, None, lambda raws: any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"])
        )
    (call,) = fold((raw for page in pages for raw in page.items), settings, context).values()
    assert call.ended_at is None
    assert not call.final
    assert {leg.to: leg.result for leg in call.legs} == {
        "ext:101": "elsewhere",
        "ext:102": "answered",
        "ext:103": "elsewhere",
    }


async def test_a_restart_of_the_hub_in_mid_call_loses_nothing() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as server:
        pbx, settings, context = client(server, "ringgroup-answered")
        before, cursor, _ = await listen(
            pbx, None, lambda raws: any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"])
        )
        await asyncio.sleep(0.3)  # the PBX goes on talking while nobody listens
        after, _, _ = await listen(pbx, cursor, lambda raws: hangups(raws) >= 2)
    raws = [raw for page in [*before, *after] for raw in page.items]
    assert any(raw.kind == "gap" for raw in raws)
    (call,) = fold(raws, settings, context).values()
    assert call.final
    assert outcome(call) == "answered"
    assert round(talk_by(call)["102"]) == 12
    assert call.hangup_by == "client"


async def test_a_gap_soon_after_the_first_page_is_told_by_the_clock_of_the_pbx() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as server:
        pbx, _, _ = client(server, "ringgroup-answered")
        _, cursor, _ = await listen(pbx, None, bool)
        assert datetime.now(UTC).timestamp() - server.now() > 5, "else the two clocks cannot be told apart"
        assert abs(cursor["last"] / 1000 - server.now()) < 2
        await asyncio.sleep(0.3)  # the PBX goes on talking while nobody listens
        again, _, _ = await listen(pbx, cursor, bool)
    (marker,) = [raw for page in again for raw in page.items if raw.kind == "gap"]
    assert marker.payload["from"] == cursor["last"]
    assert 1_000 < marker.payload["to"] - marker.payload["from"] < 10_000


async def test_a_broken_connection_is_temporary_and_the_cursor_knows_who_was_talking() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as server:
        pbx, _, _ = client(server, "ringgroup-answered")

        def cut(raws: list[Raw]) -> bool:
            if any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"]):
                server.cut()
            return False

        _, cursor, error = await listen(pbx, None, cut)
    assert isinstance(error, Temporary)
    assert sorted(name.partition("-")[0] for _, _, name in cursor["alive"]) == ["PJSIP/102", "PJSIP/trunk"]


async def test_a_wrong_secret_says_what_to_do() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), secret="other") as server:
        pbx, _, _ = client(server, "ringgroup-answered")
        _, _, error = await listen(pbx, None, lambda raws: False)
    assert isinstance(error, AuthFailed)
    assert "manager.conf" in str(error)
    assert "hub-secret" not in str(error)


@pytest.mark.parametrize("said", [bytes(range(256)) * 20, b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00" * 5000, b""])
async def test_another_service_on_the_port_is_named(said: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        pbx = Pbx(Settings(port=port), Here())
        _, _, error = await listen(pbx, None, lambda raws: False)
    assert isinstance(error, Malformed if said else Temporary)
    assert str(port) in str(error)


async def test_noise_in_mid_stream_ends_the_session_and_not_the_hub() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as server:
        pbx, settings, context = client(server, "ringgroup-answered")

        def noise(raws: list[Raw]) -> bool:
            if any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"]):
                server.say(b"\x00\x01\x02" * 700_000)
            return False

        pages, _, error = await listen(pbx, None, noise)
    assert isinstance(error, Malformed | Temporary)
    (call,) = fold((raw for page in pages for raw in page.items), settings, context).values()
    assert call.client == "phone:+79990001101"


async def test_nobody_listening_on_the_port_is_temporary() -> None:
    _, _, error = await listen(Pbx(Settings(port=1), Here()), None, lambda raws: False)
    assert isinstance(error, Temporary)
    assert "enabled=yes" in str(error)


async def test_check_tells_login_classes_trunks_and_records() -> None:
    folder = FIXTURES / "ringgroup-answered"
    async with AmiServer(Recording.load(folder), speed=10, runs=1) as server:
        pbx, _, _ = client(server, "ringgroup-answered", cdr=str(folder / "cdr.csv"))
        lines = await check(pbx)
    assert lines[0].ok
    assert any("call" in line.what for line in lines)
    assert any(line.what.startswith("cdr") and line.ok for line in lines)


async def _scripted(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    uptime: int = 86_400,
    md5: bool = True,
    said: str = "",
) -> None:
    """A manager interface of few words: no channels, booted `uptime` seconds ago. said: events before the list."""
    writer.write(b"Asterisk Call Manager/7.0.3\r\n")
    while True:
        try:
            block = (await reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        action = dict(line.split(": ", 1) for line in block.strip().split("\r\n"))
        ident = f"ActionID: {action['ActionID']}\r\n"
        match action["Action"]:
            case "Challenge" if not md5:
                writer.write(f"Response: Error\r\n{ident}Message: Must specify AuthType\r\n\r\n".encode())
            case "Challenge":
                writer.write(f"Response: Success\r\n{ident}Challenge: 123\r\n\r\n".encode())
            case "Login":
                good = "Key" in action if md5 else action.get("Secret") == "hub-secret"
                answer = "Success" if good else "Error"
                writer.write(f"Response: {answer}\r\n{ident}Message: Authentication accepted\r\n\r\n".encode())
                if uptime >= 0:
                    writer.write(f"Event: FullyBooted\r\nUptime: {uptime}\r\n\r\n".encode())
            case "CoreShowChannels":
                writer.write(said.encode())
                writer.write(f"Response: Success\r\n{ident}EventList: start\r\n\r\n".encode())
                writer.write(f"Event: CoreShowChannelsComplete\r\n{ident}ListItems: 0\r\n\r\n".encode())
            case "Ping":
                now = datetime.now(UTC).timestamp()
                writer.write(f"Response: Success\r\n{ident}Ping: Pong\r\nTimestamp: {now:.6f}\r\n\r\n".encode())
            case _:
                writer.write(f"Response: Error\r\n{ident}Message: Permission denied\r\n\r\n".encode())


@pytest.mark.parametrize(("uptime", "restarted"), [(1, True), (86_400, False), (-1, False)])
@pytest.mark.parametrize("md5", [True, False])
async def test_open_calls_learn_of_a_gap_and_of_a_restart(uptime: int, restarted: bool, md5: bool) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _scripted(reader, writer, uptime=uptime, md5=md5), "127.0.0.1", 0
    )
    before, cursor, _ = [], None, None
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as pbx:
        link, settings, context = client(pbx, "ringgroup-answered")
        before, cursor, _ = await listen(
            link, None, lambda raws: any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"])
        )
    cursor = {
        **cursor,
        "last": int(datetime.now(UTC).timestamp() * 1000) - 3_000,
    }  # we have been away for three seconds
    async with server:
        port = server.sockets[0].getsockname()[1]
        again, cursor, _ = await listen(
            Pbx(settings.model_copy(update={"port": port}), Here(context=context)), cursor, lambda raws: True
        )
    (marker,) = [raw for page in again for raw in page.items if raw.kind == "gap"]
    assert marker.payload["restart"] is restarted
    assert cursor["alive"] == []
    (call,) = fold([raw for page in [*before, *again] for raw in page.items], settings, context).values()
    assert call.completeness == "partial"
    assert (call.final, call.hangup_by) == ((True, "system") if restarted else (False, None))


async def test_who_hung_up_between_the_login_and_the_list_is_heard_with_the_list() -> None:
    async with AmiServer(Recording.load(FIXTURES / "ringgroup-answered"), speed=4, runs=1) as pbx:
        link, settings, context = client(pbx, "ringgroup-answered")
        before, cursor, _ = await listen(
            link, None, lambda raws: any(p[2] == "BridgeEnter" for r in raws for p in r.payload["p"])
        )
    said = "".join(
        f"Event: Hangup\r\nChannel: {name}\r\nUniqueid: {uid}\r\nLinkedid: {linkedid}\r\nCause: 16\r\n\r\n"
        for uid, linkedid, name in cursor["alive"]
    )
    server = await asyncio.start_server(lambda reader, writer: _scripted(reader, writer, said=said), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        again, cursor, _ = await listen(
            Pbx(settings.model_copy(update={"port": port}), Here(context=context)), cursor, lambda raws: True
        )
    assert len(again) == 1
    assert hangups(list(again[0].items)) == 2
    assert cursor["alive"] == []
    (call,) = fold([raw for page in [*before, *again] for raw in page.items], settings, context).values()
    assert call.final
