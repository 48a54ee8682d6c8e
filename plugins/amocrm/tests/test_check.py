"""Does a check say what holds, and what an administrator has to do about the rest?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, account

from plugins.amocrm.connector import CONNECTOR
from plugins.amocrm.hooks import CALLS, WANTED

HOOKS = "https://hub.example/hooks/amo"


async def checked(amo: Account, client: Any) -> dict[str, str]:
    """What was tried → what to do, empty where it holds."""
    assert CONNECTOR.check is not None
    return {line.what: line.problem for line in await CONNECTOR.check(client)}


def problem(found: dict[str, str], beginning: str) -> str:
    (said,) = [why for what, why in found.items() if what.startswith(beginning)]
    return said


async def test_what_holds_is_said() -> None:
    async with account() as amo, amo.client() as client:
        found = await checked(amo, client)
        assert set(found.values()) == {""}
        (examples,) = [what for what in found if what.startswith("contacts, for example: ")]
        assert examples.count(" (+7") == 3
        assert [what for what in found if what != examples] == [
            "login: account “Восток”, number 30215544",
            "it is the account of this connection",
            "users: the token is of Ольга Белова, an administrator",
            "filters of the API",
            "pipelines: Продажи (3100), Сервис (3101)",
            "log of events",
            "webhooks: none; changes are read once a minute (set public_url in [web] to hear of them at once)",
        ]


async def test_a_revoked_token_is_all_that_is_said() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(disable_integration=True)
        found = await checked(amo, client)
        assert len(found) == 1
        assert "log" in problem(found, "login")


async def test_a_user_who_is_no_administrator_is_named() -> None:
    async with account() as amo:
        amo.told |= await amo.control("tokens", user_id=8100002)
        async with amo.client() as client:
            assert "is no administrator, let one log in" in problem(await checked(amo, client), "users")


async def test_what_the_tariff_lacks_is_said() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(is_api_filter_enabled=False)
        assert "tariff" in problem(await checked(amo, client), "filters")


async def test_another_account_and_another_pipeline_are_said() -> None:
    async with account() as amo, amo.client(account_id=7, pipeline=9) as client:
        found = await checked(amo, client)
        assert "account_id is 7" in problem(found, "it is the account")
        assert "pipeline = 9" in problem(found, "pipelines")


# webhooks


async def test_the_webhook_is_registered_once_at_the_secret_address() -> None:
    async with account() as amo, amo.client() as client:
        assert CONNECTOR.subscribe is not None
        assert amo.bench is not None
        amo.bench.hook_url = HOOKS
        assert "not registered yet" in "".join(await checked(amo, client))
        for _ in range(2):
            assert await CONNECTOR.subscribe(client, HOOKS) > amo.bench.time  # type: ignore[operator]
        (hook,) = await client.rows("/api/v4/webhooks")
        assert hook["destination"] == f"{HOOKS}/{client.settings.hook_path}"
        assert set(hook["settings"]) == {*WANTED, *CALLS}
        assert "webhooks are registered" in await checked(amo, client)


async def test_a_webhook_with_an_older_secret_is_taken_away_and_another_program_s_stays() -> None:
    async with account() as amo, amo.client() as client:
        assert CONNECTOR.subscribe is not None
        for destination in (f"{HOOKS}/old-secret", "https://other.example/hook", f"{HOOKS}2/secret"):
            await client.send("POST", "/api/v4/webhooks", {"destination": destination, "settings": ["add_lead"]})
        await CONNECTOR.subscribe(client, HOOKS)
        assert {hook["destination"] for hook in await client.rows("/api/v4/webhooks")} == {
            f"{HOOKS}/{client.settings.hook_path}", "https://other.example/hook", f"{HOOKS}2/secret",
        }  # fmt: skip


async def test_a_webhook_that_wants_less_is_registered_anew() -> None:
    async with account() as amo, amo.client() as client:
        assert CONNECTOR.subscribe is not None
        destination = f"{HOOKS}/{client.settings.hook_path}"
        await client.send("POST", "/api/v4/webhooks", {"destination": destination, "settings": ["add_lead"]})
        await CONNECTOR.subscribe(client, HOOKS)
        (hook,) = await client.rows("/api/v4/webhooks")
        assert set(hook["settings"]) >= set(WANTED)
