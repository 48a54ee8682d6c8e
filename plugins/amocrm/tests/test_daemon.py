"""Does a real hub end with exactly what the account has, however often it is killed and whatever goes wrong?"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, free_port
from tests.nursery import environment

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, account

pytestmark = pytest.mark.slow

TROUBLE = [
    {"kind": "status", "status": 500, "probability": 0.05},
    {"kind": "status", "status": 504, "path": "/api/v4/contacts", "skip": 3, "count": 4},
    {"kind": "status", "status": 429, "skip": 20, "count": 1},
    {"kind": "half", "method": "GET", "probability": 0.05},
    {"kind": "expired", "probability": 0.03},
]
HOOKS = {"loss": 0.3, "double": 0.3, "shuffle": True}
PATIENCE = 90
"""Seconds that a slow machine may take to agree with the account."""


def command(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hub", "--config", str(folder / "config.toml"), *arguments],
        check=False, capture_output=True, text=True, timeout=60, env=environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def connect(folder: Path, port: int, amo: Account) -> None:
    address = f"http://127.0.0.1:{port}"
    (folder / "config.toml").write_text(f'[web]\nlisten = "127.0.0.1:{port}"\npublic_url = "{address}"\n')
    keys = [f"{key}={amo.told[key]}" for key in ("base_url", "client_id", "client_secret", "redirect_uri")]
    command(folder, "connect", "amocrm", "--name", "amo", "--yes", "--code", amo.told["auth_code"], *keys)


async def has(amo: Account) -> dict[str, dict[str, Any]]:
    """What the account's own user sees, by the ids that the hub gives."""
    state = await amo.state("contacts", "companies", "leads", "tasks")

    def there(what: str) -> list[Any]:
        return [row for row in state[what] if not row.get("is_deleted")]

    return {
        "card": {
            **{str(row["id"]): (row["name"], row["responsible_user_id"]) for row in there("contacts")},
            **{f"company-{row['id']}": (row["name"], row["responsible_user_id"]) for row in there("companies")},
        },
        "deal": {str(row["id"]): (row["name"], row["responsible_user_id"]) for row in there("leads")},
        "task": {str(row["id"]): (row["text"], row["responsible_user_id"]) for row in there("tasks")},
    }


def knows(folder: Path) -> dict[str, dict[str, Any]]:
    """What the hub has: of all versions that it exports, the newest that is not gone."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for line in command(folder, "export", "--connection", "amo").splitlines():
        record = json.loads(line)
        if record["record"] not in {"card", "deal", "task", "gone"}:
            continue
        key = (record.get("of", record["record"]), record["id"])
        if key not in newest or newest[key]["changed_at"] <= record["changed_at"]:
            newest[key] = record
    found: dict[str, dict[str, Any]] = {"card": {}, "deal": {}, "task": {}}
    for (kind, id_), record in newest.items():
        if record["record"] in found:
            owner = int((record.get("owner") or "0").rpartition("/")[2].rpartition(":")[2])
            found[kind][id_] = (record.get("name") or record.get("title"), owner)
    return found


async def agree(folder: Path, amo: Account) -> None:
    """Wait until the hub has what the account has."""
    clock = asyncio.get_running_loop().time
    until = clock() + PATIENCE
    while (known := await asyncio.to_thread(knows, folder)) != (wanted := await has(amo)):
        if clock() > until:
            for kind, rows in wanted.items():
                assert known[kind] == rows, kind
        await asyncio.sleep(2)  # looking costs a process


async def changes(amo: Account, number: int) -> None:
    """A day's work of the account's users."""
    state = await amo.state("contacts", "leads")
    contacts = [row["id"] for row in state["contacts"] if not row.get("is_deleted")]
    leads = [row["id"] for row in state["leads"] if not row.get("is_deleted")]
    await amo.control("touch", entity="contacts", count=30)
    await amo.touch("contacts", contacts[number], "responsible", user_id=8100002)
    await amo.touch("contacts", contacts[-1 - number], "delete")
    await amo.touch("leads", leads[number], "close", won=True)
    await amo.touch("leads", leads[-1 - number], "delete")
    await amo.control("touch", entity="contacts", action="create", name=f"Новый {number}", phone="+79990000000")


async def test_killed_and_in_every_trouble_it_ends_with_what_the_account_has(tmp_path: Path) -> None:
    async with account(contacts=600, redirect_uri="http://127.0.0.1:1/oauth/amo") as amo:
        hub = Daemon(tmp_path, free_port())
        await asyncio.to_thread(connect, tmp_path, hub.port, amo)
        await amo.set(faults=TROUBLE, webhooks=HOOKS)
        try:
            for number in range(3):
                await asyncio.to_thread(hub.start)
                await changes(amo, number)
                await asyncio.sleep(number)
                hub.kill()
            await amo.set(faults=[], webhooks={"loss": 1.0})
            await changes(amo, 5)
            await asyncio.to_thread(hub.start)
            await agree(tmp_path, amo)
        finally:
            hub.kill()
