"""Does the pretend PBX behave like one: logins, lists, and a recording that ends now?"""

import asyncio
import contextlib
import hashlib
import time
from pathlib import Path

import pytest

from sandbox.ami import AmiServer
from sandbox.recording import Recording

FIXTURES = Path(__file__).parents[2] / "plugins" / "telephony" / "asterisk" / "fixtures"


class Link:
    """What a client sees."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def ask(self, **fields):
        self.writer.write("".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode() + b"\r\n")

    async def packet(self):
        block = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return dict(line.split(": ", 1) for line in block.split("\r\n") if ": " in line)

    async def until(self, name, key="Event"):
        got = []
        while not got or got[-1].get(key) != name:
            got.append(await self.packet())
        return got


@contextlib.asynccontextmanager
async def link_to(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    assert (await reader.readuntil(b"\r\n")).startswith(b"Asterisk Call Manager/")
    yield Link(reader, writer)
    writer.close()


@pytest.fixture
def recording():
    return Recording.load(FIXTURES / "ringgroup-answered")


async def test_a_wrong_password_is_refused_and_the_connection_closed(recording):
    async with AmiServer(recording) as server, link_to(server) as link:
        link.ask(Action="Login", Username="hub", Secret="wrong")
        assert (await link.packet())["Message"] == "Authentication failed"
        assert await link.reader.read() == b""


async def test_a_challenge_is_answered_instead_of_the_password(recording):
    async with AmiServer(recording) as server, link_to(server) as link:
        link.ask(Action="Challenge", AuthType="MD5")
        challenge = (await link.packet())["Challenge"]
        key = hashlib.md5(f"{challenge}hub-secret".encode()).hexdigest()
        link.ask(Action="Login", Username="hub", AuthType="MD5", Key=key)
        assert (await link.packet())["Response"] == "Success"


async def test_every_event_of_the_recording_comes_and_the_last_one_now(recording):
    async with AmiServer(recording, speed=1000, runs=1) as server, link_to(server) as link:
        link.ask(Action="Login", Username="hub", Secret="hub-secret")
        await link.until("FullyBooted")
        events = [await link.packet() for _ in recording.packets]
        assert [event["Event"] for event in events] == [packet.get("Event") for packet in recording.packets]
        assert abs(float(events[-1]["Timestamp"]) - time.time()) < 2


async def test_no_two_runs_share_an_id():
    mixed = Recording.load(FIXTURES / "mixed-stream")
    first, second = ({packet.get("Linkedid") for packet in mixed.moved(1.8e9 + run * 86400, run)} for run in (0, 1))
    assert first & second == {""}


async def test_a_newcomer_is_told_which_channels_are_alive(recording):
    async with AmiServer(recording, speed=1000, runs=1) as server, link_to(server) as link:
        link.ask(Action="Login", Username="hub", Secret="hub-secret")
        await link.until("Newchannel")
        link.ask(Action="CoreShowChannels", ActionID="list")
        answer = [packet for packet in await link.until("CoreShowChannelsComplete") if packet.get("ActionID") == "list"]
        assert [packet.get("Event") for packet in answer[1:-1]] == ["CoreShowChannel"] * int(answer[-1]["ListItems"])
        assert all(packet["Uniqueid"] and packet["Linkedid"] for packet in answer[1:-1])


async def test_a_newcomer_is_told_which_channels_talk_with_each_other(recording):
    async with AmiServer(recording, speed=25, runs=1) as server, link_to(server) as link:
        link.ask(Action="Login", Username="hub", Secret="hub-secret")
        await link.until("BridgeEnter")
        entered = await link.until("BridgeEnter")
        link.ask(Action="CoreShowChannels", ActionID="list")
        answer = await link.until("CoreShowChannelsComplete")
        rows = [packet for packet in answer if packet.get("Event") == "CoreShowChannel"]
        together = [row for row in rows if row["BridgeId"] == entered[-1]["BridgeUniqueid"]]
        assert len(together) == 2
        assert {row["Application"] for row in together} == {"Dial", "AppDial"}
        assert all(row["Duration"] > "00:00:00" for row in together)
