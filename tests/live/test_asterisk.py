"""Does the hub tell what happened at a real Asterisk, live and through a broken line?

Real phones and a carrier (tests/live/asterisk/harness) play scenarios against real PBXs, while one daemon is connected
to all of them. What the phones saw is the truth that the hub's answers are compared with.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import truth
from tests.daemon import Daemon, free_port
from tests.live import kit
from tests.live.cable import Cable

pytestmark = [pytest.mark.live, pytest.mark.slow]

# Each PBX plays its scenarios one after the other, the PBXs at the same time. Debian's sid has Asterisk 22, bullseye 16.
PROGRAMME = {
    "desk": ("sid", ["ringgroup-missed", "queue-answered", "ivr-choice-answered", "attended-transfer"]),
    "shop": ("sid", ["ami-gap", "blind-transfer"]),
    "depot": ("bullseye", ["repeat-caller-callback", "queue-abandoned"]),
}
PLAYED = [(pbx, name) for pbx, (_, names) in PROGRAMME.items() for name in names]
MEMBERS = {extension: f"member{extension}" for extension in kit.EXTENSIONS}
LINES = [f"7495001010{last}" for last in range(9)]
CLIENT = re.compile(r"7999000\d{4}")
NOT_NUMBER = re.compile(r"[^\d<>]")
SETTLING = 40.0
"""Seconds that the hub may take after the last hang-up: it reconnects, repairs the gap and judges."""


@dataclass
class Played:
    """What the phones saw, by (PBX, scenario), and what the hub says about all of it."""

    expected: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    cases: list[dict[str, Any]] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)
    """When a client's number first stood among those who wait, seconds since the epoch."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The whole programme, played once."""
    folder = tmp_path_factory.mktemp("live")
    with ExitStack() as stack:
        try:
            pbxs = {name: stack.enter_context(kit.running(name, suite)) for name, (suite, _) in PROGRAMME.items()}
        except kit.NoAsterisk as reason:
            pytest.skip(f"no real Asterisk here: {reason}")
        yield asyncio.run(_play(pbxs, folder))


async def _play(pbxs: dict[str, kit.Instance], folder: Path) -> Played:
    result = Played()
    async with AsyncExitStack() as stack:
        cables = {name: await stack.enter_async_context(Cable(pbx.ami)) for name, pbx in pbxs.items()}
        daemon = await stack.enter_async_context(_daemon(folder, pbxs, cables))
        watcher = asyncio.create_task(_watch(daemon, result), name="watch the page's stream")
        async with asyncio.timeout(20):
            for cable in cables.values():
                await cable.used.wait()
        async with asyncio.TaskGroup() as group:
            for name, pbx in pbxs.items():
                group.create_task(_perform(pbx, cables[name], folder / name, result), name=f"phones of {name}")
        result.calls, result.cases = await _answers(daemon, result)
        watcher.cancel()
    return result


@asynccontextmanager
async def _daemon(folder: Path, pbxs: dict[str, kit.Instance], cables: dict[str, Cable]) -> AsyncIterator[Daemon]:
    daemon = Daemon(folder, free_port())
    (folder / "config.toml").write_text(_config(daemon.port, pbxs, cables), encoding="utf-8")
    await asyncio.to_thread(daemon.start)
    try:
        yield daemon
    finally:
        await asyncio.to_thread(daemon.stop)


def _config(port: int, pbxs: dict[str, kit.Instance], cables: dict[str, Cable]) -> str:
    text = [
        '[hub]\ntimezone = "Europe/Moscow"\ncountry = "RU"\n',
        '[policy]\ncontact_min_talk = "5s"\n',  # the kit's people are brief
        f'[web]\nlisten = "127.0.0.1:{port}"\n',
        '[calendars.always]\ntimezone = "Europe/Moscow"\n',
        '[[calendars.always.hours]]\nfrom = 2020-01-01\ndays = { mon-sun = "00:00-24:00" }\n',
        f'[lines.sales]\ncalendar = "always"\nlines = {json.dumps(LINES)}\n',
    ]
    for extension, member in MEMBERS.items():
        handles = [f"ext:{name}/{extension}" for name in pbxs]
        handles += ["phone:+79990000106"] if extension == "106" else []
        text.append(f'[team.{member}]\nname = "Member {extension}"\nhandles = {json.dumps(handles)}\n')
    for name, pbx in pbxs.items():
        logs = pbx.run / "log"
        cdr, cel = f'"{logs}/cdr-custom/Full.csv"', f'"{logs}/cel-custom/Full.csv"'
        if name == "depot":
            cdr, cel = (f'{{ url = "sqlite:///{logs}/master.db", table = "{table}" }}' for table in ("cdr", "cel"))
        text.append(
            f'[connections.{name}]\nplugin = "asterisk"\nhost = "127.0.0.1"\nport = {cables[name].port}\n'
            f'username = "hub"\nsecret = "hub-secret"\ntimezone = "Europe/Moscow"\ntrunk_channels = ["PJSIP/trunk-"]\n'
            f'queues = {{ sales = ["101", "102", "103"], support = ["104", "105"] }}\noutbound_prefix = "8"\n'
            f'company_number = "74950010100"\ncountry = "RU"\ncdr = {cdr}\ncel = {cel}\n'
        )
    return "\n".join(text)


async def _perform(pbx: kit.Instance, cable: Cable, out: Path, result: Played) -> None:
    """Play one PBX's scenarios; when a scenario drops its own AMI connection, the hub's cable breaks too."""
    phones = kit.harness(pbx, out, lambda base: _breaking(base, cable))
    await phones.up(list(kit.EXTENSIONS))
    try:
        for name in PROGRAMME[pbx.name][1]:
            text, scenario = kit.scenarios()[name]
            await phones.record(name, scenario, text, settle=0.5)
            result.expected[pbx.name, name] = json.loads((out / name / "expected.json").read_text(encoding="utf-8"))
    finally:
        await phones.down()


def _breaking(base: type, cable: Cable) -> type:
    class Disconnects(list[Any]):
        def append(self, item: Any) -> None:
            super().append(item)
            cable.cut()

    class Breaking(base):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, Disconnects(value) if name == "disconnects" else value)

        async def ami_connect(self, append: bool = False, user: Any = None) -> Any:
            ami = await super().ami_connect(append, user)
            cable.mend()
            return ami

    return Breaking


async def _watch(daemon: Daemon, result: Played) -> None:
    """As the page does: fetch the list of those who wait when the stream says that it changed; remember who is new there."""
    async with httpx.AsyncClient(base_url=daemon.url) as browser:
        async for moment, line in daemon.events():
            if line == "event: waits":
                waits = (await browser.get("/now/waits")).text
                for client in CLIENT.findall(NOT_NUMBER.sub("", waits)):
                    result.seen.setdefault(f"+{client}", moment)


async def _answers(daemon: Daemon, result: Played) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Calls and cases as the command line prints them, once every call that ended is judged."""
    wanted = {call["linkedid"] for doc in result.expected.values() for call in doc["calls"]}
    deadline = time.monotonic() + SETTLING
    while True:
        calls = await asyncio.to_thread(daemon.json, "calls")
        judged = {call["id"] for call in calls if call["outcome"] is not None}
        if wanted <= judged or time.monotonic() > deadline:
            return calls, await asyncio.to_thread(daemon.json, "cases")
        await asyncio.sleep(0.5)


@pytest.mark.parametrize(("pbx", "scenario"), PLAYED)
def test_every_call_is_told_as_the_phones_saw_it(played, pbx, scenario):
    wrong = []
    for want in played.expected[pbx, scenario]["calls"]:
        found = [call for call in played.calls if call["connection"] == pbx and call["id"] == want["linkedid"]]
        if len(found) != 1:
            wrong.append(f"{want['linkedid']}: {len(found)} calls of that id")
        else:
            wrong += [f"{want['linkedid']}: {what}" for what in truth.differences(want, found[0], MEMBERS)]
    assert not wrong, "\n".join(wrong)


def test_no_call_is_invented(played):
    known = {(pbx, call["linkedid"]) for (pbx, _), doc in played.expected.items() for call in doc["calls"]}
    assert {(call["connection"], call["id"]) for call in played.calls} == known


def test_a_missed_client_waits_and_nobody_else_does(played):
    missed = {call["client"] for call in played.calls if call["missed"] and call["client"]}
    cases = [case for case in played.cases if case["kind"] == "missed_call"]
    assert sorted(handle for case in cases for handle in case["contact"]["handles"]) == sorted(missed)


def test_a_callback_closes_the_case(played):
    [case] = [case for case in played.cases if "phone:+79990005122" in case["contact"]["handles"]]
    assert (case["state"], case["resolution"]) == ("recovered", "callback_reached")
    assert case["closed_by_member"] == MEMBERS["102"]


def test_it_is_told_how_soon_a_case_is_seen_after_the_hang_up(played, capsys):
    calls = [call for doc in played.expected.values() for call in doc["calls"]]
    clients = Counter(call["client_number"] for call in calls)
    missed = [call for call in calls if call["needs_callback"] and clients[call["client_number"]] == 1]
    delays = {
        call["client_number"]: played.seen[call["client_number"]] - call["ended_at"]
        for call in missed
        if call["client_number"] in played.seen
    }
    with capsys.disabled():
        for client, delay in delays.items():
            print(f"\n{client}: on the page {delay:.2f} s after the hang-up", end="")
    assert delays
