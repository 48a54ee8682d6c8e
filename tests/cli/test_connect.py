"""`crmhub connect`: asked, tried, and only then saved; a connection that is there is signed in to anew."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.cli.redirect import Redirect
from sandbox.amocrm import AmoServer
from tests.cli.conftest import ROOT, Desk
from tests.daemon import Daemon, free_port
from tests.nursery import environment
from tests.vendor import serving


@pytest.fixture
def crm() -> Iterator[AmoServer]:
    with serving(contacts=3, redirect_uri=f"http://127.0.0.1:{free_port()}/oauth/amo") as server:
        yield server


def keys(crm: AmoServer, **changed: str) -> list[str]:
    """What one types to connect to the pretend account."""
    names = ("base_url", "client_id", "client_secret", "redirect_uri")
    return [f"{name}={value}" for name, value in ({name: crm.credentials[name] for name in names} | changed).items()]


def connected(desk: Desk, crm: AmoServer) -> dict[str, Any]:
    """The section of a connection that was made, with the code that the vendor gave."""
    done = desk.run("connect", "amocrm", *keys(crm), "--name", "amo", "--code", crm.credentials["auth_code"])
    assert done.code == 0, done.err
    return section(desk)


def section(desk: Desk, name: str = "amo") -> dict[str, Any]:
    return dict(tomllib.loads(text(desk))["connections"][name])


def text(desk: Desk) -> str:
    return (desk.folder / "config.toml").read_text(encoding="utf-8")


def test_a_system_without_a_login_is_tried_and_saved(desk: Desk) -> None:
    before = text(desk)
    done = desk.run("connect", "records", "secret=s3", "--name", "shop")
    assert (done.code, done.out.splitlines()[0]) == (0, "ok   files can be imported")
    assert "[connections.shop] in config.toml" in done.out
    assert text(desk).startswith(before.rstrip())
    assert section(desk, "shop") == {"plugin": "records", "secret": {"stored": "shop.secret"}}
    assert desk.run("check", "shop").code == 0


def test_what_does_not_hold_is_not_saved(desk: Desk) -> None:
    before = text(desk)
    done = desk.run("connect", "records", "--name", "shop")
    assert done.code == 1
    assert "FAIL the webhook accepts signed requests" in done.out
    assert "nothing saved or changed" in done.err
    assert text(desk) == before
    assert [row["name"] for row in desk.ask("connections")] == ["src"]


def test_secrets_and_tokens_are_in_no_file_and_unreadable_in_the_store(desk: Desk, crm: AmoServer) -> None:
    found = connected(desk, crm)
    assert found["client_secret"] == {"stored": "amo.client_secret"}
    assert "tasks" not in found
    secret, tokens = crm.credentials["client_secret"], crm.world.authority.access
    kept = b"".join(path.read_bytes() for path in desk.folder.rglob("*") if path.is_file())
    assert not [text for text in (secret, *tokens) if text.encode() in kept]
    assert desk.run("check", "amo").code == 0


def test_what_it_does_not_write_yet_is_said_with_the_line_that_switches_it_on(desk: Desk, crm: AmoServer) -> None:
    done = desk.run("connect", "amocrm", *keys(crm), "--name", "amo", "--code", crm.credentials["auth_code"])
    assert "tasks = true" in done.out
    assert "crmhub effects --preview --connection amo" in done.out


def test_a_code_that_the_vendor_refuses_changes_nothing(desk: Desk, crm: AmoServer) -> None:
    before = text(desk)
    done = desk.run("connect", "amocrm", *keys(crm), "--code", "def502")
    assert done.code == 1
    assert "nothing saved or changed" in done.err
    assert text(desk) == before


def test_a_denied_consent_is_told(desk: Desk, crm: AmoServer) -> None:
    address = f"{crm.credentials['redirect_uri']}?error=access_denied&state=x"
    done = desk.run("connect", "amocrm", *keys(crm), "--code", address)
    assert (done.code, "access_denied" in done.err) == (1, True)


def test_a_long_lived_token_needs_no_consent(desk: Desk, crm: AmoServer) -> None:
    world = crm.world
    token = world.authority.long_lived(world.default, world.integration.client_id, world.admin_id, 86_400).text
    done = desk.run("connect", "amocrm", f"base_url={crm.base_url}", "--token", token)
    assert done.code == 0, done.err
    assert section(desk, "amocrm") == {
        "plugin": "amocrm",
        "token": {"stored": "amocrm.token"},
        "base_url": crm.base_url,
    }


def test_signing_in_anew_changes_nothing_else(desk: Desk, crm: AmoServer) -> None:
    connected(desk, crm)
    desk.configure(text(desk).replace("# tasks = false", "tasks = true  # ours"))
    before = text(desk)
    code = crm.world.authority.code(crm.world.default, crm.world.integration.client_id, crm.world.admin_id).text
    done = desk.run("connect", "amo", "--code", code)
    assert (done.code, "is signed in to anew" in done.out) == (0, True), done.err
    assert text(desk) == before


def test_a_key_that_is_there_is_changed_by_name(desk: Desk) -> None:
    assert desk.run("connect", "src", "secret=s3").code == 0
    assert section(desk, "src") == {"plugin": "records", "secret": {"stored": "src.secret"}}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no connector and no connection nothing"),
        (["records", "colour=red"], "there is no key colour"),
        (["records", "--name", "hub"], "is taken"),
        (["records", "--name", "a b"], "is no name"),
        (["asterisk", "port=many"], "is no number"),
    ],
)
def test_a_wrong_command_says_what_is_right(desk: Desk, arguments: list[str], said: str) -> None:
    before = text(desk)
    done = desk.run("connect", *arguments)
    assert done.code in {1, 2}
    assert said in re.sub(r"[\s│]+", " ", done.err)
    assert text(desk) == before


def test_mistakes_elsewhere_in_the_file_leave_it_alone(desk: Desk) -> None:
    desk.configure(text(desk) + '[connections.odd]\nplugin = "records"\ncolour = "red"\n')
    before = text(desk)
    done = desk.run("connect", "records", "secret=s3", "--name", "shop")
    assert (done.code, "connections.odd.colour" in done.err) == (2, True)
    assert text(desk) == before


def consenting(crm: AmoServer, process: subprocess.Popen[str]) -> str:
    """Reads the address that the command prints, and allows it as a browser would; what the hub answers."""
    assert process.stdout is not None
    address = next(line.strip() for line in process.stdout if "/oauth?" in line)
    back = httpx.get(f"{address}&decision=allow").headers["location"]
    until = time.monotonic() + 20
    while True:
        try:
            return httpx.get(back).text
        except httpx.ConnectError:
            assert time.monotonic() < until, "nobody listens at the redirect address"
            time.sleep(0.05)


def started(desk: Desk, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-m", "hub", "--config", str(desk.folder / "config.toml"), "connect", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment())


@pytest.mark.slow
def test_without_a_hub_the_command_itself_listens_for_the_answer(desk: Desk, crm: AmoServer) -> None:
    process = started(desk, "amocrm", *keys(crm), "--name", "amo", "--no-browser")
    assert "Go back to the terminal" in consenting(crm, process)
    assert process.wait(30) == 0
    assert section(desk)["client_id"] == crm.credentials["client_id"]


@pytest.mark.slow
def test_a_running_hub_hands_the_answer_over_and_takes_the_connection_over(desk: Desk, crm: AmoServer) -> None:
    port = int(crm.credentials["redirect_uri"].split(":")[2].partition("/")[0])
    desk.configure(text(desk) + f'[web]\nlisten = "127.0.0.1:{port}"\n')
    daemon = Daemon(desk.folder, port)
    daemon.start()
    try:
        process = started(desk, "amocrm", *keys(crm), "--name", "amo", "--no-browser")
        assert "def50" not in consenting(crm, process)
        assert process.wait(30) == 0
        until = time.monotonic() + 30
        while not any(row["name"] == "amo" and row["live_since"] for row in rows(daemon)):
            assert time.monotonic() < until, daemon.log
            time.sleep(0.1)
        assert "the configuration was read again" in daemon.log
    finally:
        daemon.stop()


def rows(daemon: Daemon) -> list[dict[str, Any]]:
    return list(httpx.get(f"{daemon.url}/api/connections", timeout=20).json())


async def test_the_listener_takes_only_the_answer_that_it_waits_for(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/oauth/amo"
    async with Redirect(address, "s3cret") as redirect, httpx.AsyncClient() as browser:
        assert (await browser.get(f"{address}?code=1&state=guessed")).status_code == 400
        assert (await browser.get(address.replace("amo", "other"), params={"state": "s3cret"})).status_code == 404
        assert (await browser.post(f"{address}?code=1&state=s3cret")).status_code == 404
        assert redirect.query == {}
        answer = await browser.get(f"{address}?code=1&referer=a.amocrm.ru&state=s3cret")
        assert (answer.status_code, "code" in answer.text) == (200, False)
        assert redirect.query["code"] == "1"


async def test_where_it_cannot_listen_it_only_waits() -> None:
    async with Redirect("https://hub.example.ru/oauth/amo", "s3cret") as redirect:
        await redirect.wait(0.01)
        assert redirect.query == {}
