"""What if there were a PBX? A pretend Asterisk Manager Interface that replays a recording over TCP.

    python -m sandbox.ami FOLDER [--port 5038] [--speed 10]

The first run is `speed` times faster than life and lies so far in the past that it ends now; after it the recording is
played again and again at the speed of life, with other ids. Nothing is played before the first login.
"""

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Self

from sandbox.recording import Packet, Recording

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
Pairs = Iterable[tuple[str, str]]
_SHOWN = ("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName",
          "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid")  # fmt: skip
_IDLE = {"BridgeId": "", "Application": "", "ApplicationData": ""}
_CHANGES: dict[str, Callable[[Packet], dict[str, str]]] = {
    "BridgeEnter": lambda packet: {"BridgeId": packet.get("BridgeUniqueid")},
    "BridgeLeave": lambda _: {"BridgeId": ""},
    "Newexten": lambda packet: {"Application": packet.get("Application"), "ApplicationData": packet.get("AppData")},
}
"""What an event changes in a channel's row of the list."""


class AmiServer:
    """Listens on loopback and plays to everybody who logged in."""

    def __init__(
        self,
        recording: Recording,
        *,
        port: int = 0,
        username: str = "hub",
        secret: str = "hub-secret",
        speed: float = 10,
        runs: int | None = None,
    ) -> None:
        """`port` 0 takes a free one, told once it listens. `runs`: how often the recording is played, None for ever."""
        self.recording, self.username, self.secret, self.speed, self.runs = recording, username, secret, speed, runs
        self.port = port
        self.finished = asyncio.Event()
        """Set after the last run."""
        self.playing: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """Known once somebody logged in: when the first run's recording is said to have begun, in whole seconds."""
        self._sessions: set[_Session] = set()
        self._channels: dict[str, dict[str, str]] = {}
        self._born: dict[str, float] = {}
        self._members: dict[tuple[str, str], dict[str, str]] = {}
        self._asked_for = asyncio.Event()
        self._run = (0.0, 0.0, 1.0)
        self._untold = math.inf

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._player = asyncio.create_task(self._play(), name="play the recording")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._player.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._player
        self.cut()
        self._server.close()

    def now(self) -> float:
        """What the PBX's own clock says: behind ours while the first run catches up, never ahead of what is untold."""
        started, begin, speed = self._run
        return min(time.time(), begin + (time.time() - started) * speed, self._untold)

    def cut(self) -> None:
        """Break every connection, as a network does: without a word."""
        for session in list(self._sessions):
            session.writer.transport.abort()

    def say(self, noise: bytes) -> None:
        """Send bytes that are no packet to everybody."""
        for session in self._sessions:
            session.writer.write(noise)

    async def _play(self) -> None:
        await self._asked_for.wait()
        run = 0
        while self.runs is None or run < self.runs:
            speed = self.speed if run == 0 else 1.0
            started = time.time()
            begin = float(int(started + self.recording.length / speed - self.recording.length))
            first = begin + self.recording.began % 1
            self._run = (started, first, speed)
            if run == 0:
                self.playing.set_result(begin)
            for packet in self.recording.moved(begin, run):
                self._untold = first + packet.after
                await asyncio.sleep(max(0.0, started + packet.after / speed - time.time()))
                self._remember(packet)
                self._tell(packet)
            self._untold = math.inf
            run += 1
        self.finished.set()

    def _tell(self, packet: Packet) -> None:
        data = _packet(packet.fields)
        for session in self._sessions:
            if session.logged_in:
                session.writer.write(data)

    def _remember(self, packet: Packet) -> None:
        """Which channels are alive, and how the members of queues stand: what a newcomer asks for."""
        event, identity = packet.get("Event"), packet.get("Uniqueid")
        if event == "Hangup":
            self._channels.pop(identity, None)
            self._born.pop(identity, None)
        elif event in {"Newchannel", "Newstate"}:
            known = self._channels.setdefault(identity, dict(_IDLE))
            self._born.setdefault(identity, self.now())
            known.update({key: value for key, value in packet.fields if key in _SHOWN})
        elif event in _CHANGES and identity in self._channels:
            self._channels[identity].update(_CHANGES[event](packet))
        elif event == "QueueMemberStatus":
            member = dict(packet.fields)
            self._members[member.get("Queue", ""), member.get("Interface", "")] = member

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(writer)
        self._sessions.add(session)
        writer.write(GREETING)
        try:
            while session.open:
                block = await reader.readuntil(b"\r\n\r\n")
                action = dict(_pairs(block.decode("utf-8", "replace")))
                self._answer(session, action)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            self._sessions.discard(session)
            writer.close()

    def _answer(self, session: "_Session", action: dict[str, str]) -> None:
        name = action.get("action", "").lower()
        if name == "challenge":
            session.challenge = str(secrets.randbelow(10**9))
            session.reply(action, "Success", Challenge=session.challenge)
        elif name == "login":
            self._login(session, action)
        elif not session.logged_in:
            session.reply(action, "Error", Message="Permission denied")
        elif name in _ANSWERS:
            _ANSWERS[name](self, session, action)
        else:
            session.reply(action, "Error", Message="Invalid/unknown command")

    def _login(self, session: "_Session", action: dict[str, str]) -> None:
        expected, given = self.secret, action.get("secret", "")
        if action.get("authtype", "").lower() == "md5":
            # AMI's challenge is defined with MD5; nothing here is secret.
            expected = hashlib.md5((session.challenge + self.secret).encode(), usedforsecurity=False).hexdigest()
            given = action.get("key", "")
        if action.get("username") != self.username or not hmac.compare_digest(expected.encode(), given.encode()):
            session.reply(action, "Error", Message="Authentication failed")
            session.open = False
            return
        session.reply(action, "Success", Message="Authentication accepted")
        session.send(
            [("Event", "FullyBooted"), ("Privilege", "system,all"), ("Uptime", "86400"), ("LastReload", "86400")]
        )
        session.logged_in = True
        self._asked_for.set()

    def ping(self, session: "_Session", action: dict[str, str]) -> None:
        session.reply(action, "Success", Ping="Pong", Timestamp=f"{self.now():.6f}")

    def logoff(self, session: "_Session", action: dict[str, str]) -> None:
        session.reply(action, "Goodbye", Message="Thanks for all the fish.")
        session.open = False

    def show_channels(self, session: "_Session", action: dict[str, str]) -> None:
        items = [
            [("Event", "CoreShowChannel"), *channel.items(), ("Duration", _clock(self.now() - self._born[identity]))]
            for identity, channel in self._channels.items()
        ]
        session.list(action, "Channels will follow", items, "CoreShowChannelsComplete")

    def queue_status(self, session: "_Session", action: dict[str, str]) -> None:
        queues = sorted({queue for queue, _ in self._members})
        items: list[Pairs] = [[("Event", "QueueParams"), ("Queue", queue)] for queue in queues]
        items += [[("Event", "QueueMember"), *_without(member, "Event")] for member in self._members.values()]
        session.list(action, "Queue status will follow", items, "QueueStatusComplete")

    def status(self, session: "_Session", action: dict[str, str]) -> None:
        items = [[("Event", "Status"), *channel.items()] for channel in self._channels.values()]
        session.list(action, "Channel status will follow", items, "StatusComplete")


class _Session:
    """One connection to us."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.logged_in = False
        self.open = True
        self.challenge = ""

    def send(self, pairs: Pairs) -> None:
        self.writer.write(_packet(pairs))

    def reply(self, action: dict[str, str], response: str, **fields: str) -> None:
        self.send([("Response", response), *_action_id(action), *fields.items()])

    def list(self, action: dict[str, str], message: str, items: Iterable[Pairs], complete: str) -> None:
        """A list answer: the items carry the request's ActionID and are counted at the end."""
        self.reply(action, "Success", EventList="start", Message=message)
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007 - the count is used after the loop
            first, *rest = item
            self.send([first, *_action_id(action), *rest])
        self.send([("Event", complete), *_action_id(action), ("EventList", "Complete"), ("ListItems", str(count))])


_ANSWERS: dict[str, Callable[[AmiServer, _Session, dict[str, str]], None]] = {
    "ping": AmiServer.ping,
    "logoff": AmiServer.logoff,
    "coreshowchannels": AmiServer.show_channels,
    "queuestatus": AmiServer.queue_status,
    "status": AmiServer.status,
}


def _clock(seconds: float) -> str:
    """`HH:MM:SS`"""
    return str(timedelta(seconds=int(seconds))).zfill(8)


def _packet(pairs: Pairs) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in pairs).encode() + b"\r\n"


def _pairs(text: str) -> list[tuple[str, str]]:
    lines = [line.partition(":") for line in text.split("\r\n") if ":" in line]
    return [(key.strip().lower(), value.strip()) for key, _, value in lines]


def _action_id(action: dict[str, str]) -> Pairs:
    return [("ActionID", action["actionid"])] if "actionid" in action else []


def _without(fields: dict[str, str], key: str) -> Pairs:
    return [(name, value) for name, value in fields.items() if name != key]


async def _run(folder: Path, port: int, speed: float) -> None:
    async with AmiServer(Recording.load(folder), port=port, speed=speed) as server:
        print(f"pretend PBX: 127.0.0.1:{server.port}, user {server.username}, secret {server.secret}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.ami", description="A pretend PBX that replays a recording."
    )
    parser.add_argument("folder", type=Path, help="a folder with ami.jsonl or ami.jsonl.gz and source.json")
    parser.add_argument("--port", type=int, default=5038)
    parser.add_argument("--speed", type=float, default=10, help="of the first run, times faster than life (10)")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(options.folder, options.port, options.speed))


if __name__ == "__main__":
    main()
