"""Does the demo show something, and end by itself without a trace?"""

import os
import re
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.slow]

ROOT = Path(__file__).parents[1]
SECONDS = 30


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the demo showed, and how it ended: (page as it filled, calls in the CRM, chats, exit code, what was left behind)."""
    temporary = tmp_path_factory.mktemp("demo")
    command = [
        sys.executable,
        "-m",
        "hub",
        "demo",
        "--seconds",
        str(SECONDS),
        "--speed",
        "60",
        "--port",
        "0",
        "--no-browser",
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(temporary)}
    )
    watchdog = threading.Timer(SECONDS + 60, process.kill)
    watchdog.start()
    try:
        pages, crm, messenger = (re.search(r"http://\S+", process.stdout.readline())[0] for _ in range(3))
        page, written, chats = _filled(pages), _written(crm), _told(messenger)
        code = process.wait()
    finally:
        watchdog.cancel()
        process.kill()
    return page, written, chats, code, list(temporary.iterdir())


def _filled(address):
    """The list of those who wait, as soon as somebody stands in it; empty when nobody ever did."""
    with httpx.Client(base_url=address, timeout=10) as browser, suppress(httpx.TransportError):
        while "999" not in (text := browser.get("/now/waits").text):
            time.sleep(0.1)
        return text
    return ""


def _written(crm):
    """The calls that stand in the CRM, as soon as there are any; none when there never were."""
    with httpx.Client(base_url=crm, timeout=10) as browser, suppress(httpx.TransportError):
        while not (calls := browser.post("state", json={"only": ["calls"]}).json()["calls"]):
            time.sleep(0.1)
        return calls
    return []


def _told(messenger):
    """The page of the messenger, as soon as one of the team was told that a client waits; empty when nobody ever was."""
    while True:
        try:
            text = httpx.get(messenger, timeout=10).text
        except httpx.TransportError:
            return ""
        if 'value="take"' in text:  # whoever it is about: of a burst only the first are told at once
            return text


def test_clients_who_wait_appear_while_one_looks(demo):
    page, *_ = demo
    assert "+7" in page


def test_calls_and_cards_meet_in_the_pretend_crm(demo):
    _, calls, *_ = demo
    assert calls[0]["params"]["source"] == "crmhub"


def test_the_team_is_told_who_waits_with_buttons_to_press(demo):
    _, _, chats, *_ = demo
    assert 'value="take"' in chats


def test_it_ends_by_itself_and_leaves_nothing_behind(demo):
    *_, code, left = demo
    assert (code, left) == (0, [])
