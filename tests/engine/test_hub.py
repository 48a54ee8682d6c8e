"""When does a changed configuration count, and whom does it make due?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hub.engine import work
from hub.engine.access import grant
from hub.engine.hub import LOCK, Hub, open_hub
from hub.engine.lock import Lock
from hub.engine.receive import arrival
from hub.sdk.connector import Raw
from hub.store import calls, cases, connections, inbox, people, rules, secrets
from tests.cli.conftest import CONNECTIONS, TUESDAY, missed
from tests.days import CONFIG
from tests.engine.conftest import rows

NOW = TUESDAY + timedelta(hours=1)


def opened(folder: Path, text: str = CONFIG + CONNECTIONS, now: datetime = NOW) -> Hub:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return open_hub(folder / "config.toml", now=lambda: now)


def versions(hub: Hub) -> int:
    return rows(hub, lambda connection: [rules.newest(connection)])[0]


def due(hub: Hub) -> int:
    return rows(hub, lambda connection: [people.count_due(connection, hub.now())])[0]


async def take(hub: Hub, *records: dict[str, object]) -> None:
    raws = [Raw("record", f"call/{row['id']}", row) for row in records]
    await hub.db.run(inbox.put, [arrival("src", raw, hub.now()) for raw in raws])
    await work.catch_up(hub, hub.now())


async def test_a_changed_target_holds_from_now_on_and_looks_again_at_who_waits(tmp_path: Path) -> None:
    hub = opened(tmp_path)
    await take(hub, missed("1"), missed("2", TUESDAY - timedelta(days=30), client="phone:+79217654321"))
    hub.close()
    changed = CONFIG.replace("[lines.sales]", '[lines.sales]\ncallback_target = "1h"') + CONNECTIONS
    hub = opened(tmp_path, changed, NOW + timedelta(minutes=1))
    assert (versions(hub), due(hub)) == (2, 1)
    await work.catch_up(hub, hub.now())
    await take(hub, missed("3", NOW + timedelta(minutes=2), client="phone:+79210000000"))
    await work.catch_up(hub, NOW + timedelta(hours=1))
    found = {row["opened_by"]: (row["due_at"], row["rules_version"]) for row in rows(hub, cases.listing)}
    assert found["src/call/1"] == ("2026-03-10T07:15:40Z", 1)
    assert found["src/call/3"] == ("2026-03-10T09:02:40Z", 2)
    hub.close()


async def test_a_handle_given_to_one_of_us_applies_to_all_time(tmp_path: Path) -> None:
    hub = opened(tmp_path, CONFIG.replace('"ext:src/101", ', "") + CONNECTIONS)
    await take(hub, missed("1", TUESDAY - timedelta(days=100)))
    assert rows(hub, calls.listing)[0]["rang"][0]["member"] == "ext:src/101"
    hub.close()
    hub = opened(tmp_path)
    await work.catch_up(hub, hub.now())
    assert rows(hub, calls.listing)[0]["rang"][0]["member"] == "anna"
    hub.close()


async def test_beside_a_running_hub_a_changed_configuration_waits_for_its_next_start(tmp_path: Path) -> None:
    running = opened(tmp_path)
    changed = CONFIG.replace("[lines.sales]", '[lines.sales]\ncallback_target = "1h"')
    with Lock(running.settings.data / LOCK):
        beside = opened(tmp_path, changed + CONNECTIONS + '[connections.new]\nplugin = "records"\n')
        assert versions(beside) == 1
        assert rows(beside, lambda connection: [connections.get(connection, "new")]) == [None]
        beside.close()
    running.close()
    again = opened(tmp_path, changed + CONNECTIONS)
    assert versions(again) == 2
    again.close()


@pytest.mark.parametrize("text", [CONFIG + CONNECTIONS, CONFIG + CONNECTIONS.replace("src", "other")])
def test_opened_again_with_the_same_rules_nothing_is_due(tmp_path: Path, text: str) -> None:
    for _ in range(2):
        hub = opened(tmp_path, text, datetime.now(UTC))
        assert (versions(hub), due(hub)) == (1, 0)
        hub.close()


async def test_a_stored_secret_is_found_and_one_that_was_replaced_is_used_at_once(tmp_path: Path) -> None:
    text = CONFIG + CONNECTIONS + 'secret = { stored = "src.secret" }\n'
    hub = opened(tmp_path, text)
    link = hub.links["src"]
    assert 'no secret is stored under "src.secret"' in str(link.problem)
    for secret in ("s3cret-1", "s3cret-2"):
        await grant(hub, "src", stored={"src.secret": secret})
        link = link.renewed()
        assert (link.problem, link.settings.secret.get_secret_value()) == (None, secret)
    hub.close()
    assert b"s3cret" not in (tmp_path / "var" / "hub.db").read_bytes()
    again = opened(tmp_path, text)
    assert again.links["src"].settings.secret.get_secret_value() == "s3cret-2"
    again.close()


def test_a_secret_that_cannot_be_decrypted_is_a_mistake_of_its_connection_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CONFIG + CONNECTIONS + 'secret = { stored = "src.secret" }\n'
    hub = opened(tmp_path, text)
    with hub.db.begin() as connection:
        secrets.put(connection, hub.keyring, "src.secret", "s3cret")
    hub.close()
    monkeypatch.setenv("CRMHUB_KEY", Fernet.generate_key().decode())
    again = opened(tmp_path, text)
    assert "connect this system anew" in str(again.links["src"].problem)
    again.close()
