"""Is an account read completely, and once, whatever happens while it is read?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.sdk import AuthFailed, Temporary, Throttled

sys.path.insert(0, str(Path(__file__).parent))
from account import Account, Shelf, account, streams


async def names(amo: Account, entity: str) -> dict[str, str]:
    """What the account has, as its own user sees it."""
    rows = (await amo.state(entity))[entity]
    return {str(row["id"]): row["name"] for row in rows if not row.get("is_deleted")}


def read_names(shelf: Shelf, kind: str) -> dict[str, str]:
    return {number: row["name"] for number, row in shelf.newest(kind).items()}


async def test_the_past_is_read_whole() -> None:
    async with account(contacts=700) as amo, amo.client() as client:
        shelf = Shelf()
        for stream, kind, entity in (
            ("contacts_history", "contact", "contacts"),
            ("companies_history", "company", "companies"),
            ("leads_history", "lead", "leads"),
        ):
            await shelf.pull(client, stream)
            assert read_names(shelf, kind) == await names(amo, entity)
            assert shelf.cursors[stream] == {"windows": []}
            assert await shelf.pull(client, stream) == []


@pytest.mark.parametrize("pages", [1, 2, 3])
async def test_a_process_killed_at_any_page_goes_on_where_it_was(pages: int) -> None:
    async with account(contacts=900) as amo:
        shelf = Shelf()
        for _ in range(9):
            shelf.cursors = json.loads(json.dumps(shelf.cursors))
            async with amo.client() as client:
                await shelf.pull(client, "contacts_history", pages)
        assert shelf.cursors["contacts_history"] == {"windows": []}
        assert read_names(shelf, "contact") == await names(amo, "contacts")
        assert len(shelf.raws) < 2 * 900  # and what was read is not read again


async def test_a_second_with_many_pages_is_read_whole() -> None:
    async with account(contacts=1100) as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        await amo.control("touch", entity="contacts", count=1100)
        await shelf.pull(client, "contacts")
        assert read_names(shelf, "contact") == await names(amo, "contacts")


async def test_what_changes_while_it_is_read_is_not_skipped() -> None:
    async with account(contacts=1500) as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        stream = streams(client.settings)["contacts_history"]
        assert stream.pull is not None
        async for page in stream.pull(client, None):
            shelf.keep("contacts_history", page)
            await amo.control("touch", entity="contacts", count=40)
        await shelf.pull(client, "contacts")
        assert read_names(shelf, "contact") == await names(amo, "contacts")


async def test_one_in_a_hundred_changed_is_all_that_is_read() -> None:
    async with account(contacts=1000) as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        await shelf.pull(client, "contacts_history")
        await amo.control("touch", entity="contacts", share=0.01)
        shelf.raws = []
        await shelf.pull(client, "contacts")
        assert len(shelf.newest("contact")) == 10
        assert len(shelf.raws) <= 12


async def test_what_was_read_of_the_overlap_is_not_handed_on_again() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(clock_shift=-10)
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        await amo.touch("contacts", 51001, "rename", name="Новое имя")
        assert [raw.payload["name"] for raw in await shelf.pull(client, "contacts")] == ["Новое имя"]
        assert await shelf.pull(client, "contacts") == []


async def test_what_was_read_within_its_own_second_is_read_again() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        await amo.touch("contacts", 51001, "rename", name="Новое имя")
        for _ in range(2):
            (raw,) = await shelf.pull(client, "contacts")
            assert raw.payload["_hub"] == {"unsettled": True}


async def test_an_import_from_the_future_hides_nothing() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        await amo.set(clock_shift=86_400)
        await amo.touch("contacts", 51001, "rename", name="Завтра")
        await shelf.pull(client, "contacts")
        await amo.set(clock_shift=0)
        await amo.touch("contacts", int(list(await names(amo, "contacts"))[1]), "rename", name="Сегодня")
        await shelf.pull(client, "contacts")
        assert {"Завтра", "Сегодня"} <= set(read_names(shelf, "contact").values())


async def test_leads_come_with_the_names_of_their_stage_and_their_currency() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "leads_history")
        assert all(set(row["_hub"]) >= {"pipeline", "stage", "currency"} for row in shelf.newest("lead").values())
        assert all(row["_hub"]["stage"] for row in shelf.newest("lead").values())


# the log


async def test_the_log_tells_of_owners_states_and_deletions() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "events")
        lead, contact = [int(next(iter(await names(amo, entity)))) for entity in ("leads", "contacts")]
        await amo.touch("leads", lead, "close", won=True)
        await amo.touch("contacts", contact, "responsible", user_id=8100001)
        await amo.touch("contacts", contact, "delete")
        types = {raw.payload["type"] for raw in await shelf.pull(client, "events")}
        assert types == {"lead_status_changed", "entity_responsible_changed", "contact_deleted"}
        assert await shelf.pull(client, "events") == []


async def test_a_restored_contact_is_read_again_as_newer_than_its_deletion() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "events")
        contact = int(next(iter(await names(amo, "contacts"))))
        await amo.touch("contacts", contact, "delete")
        await amo.touch("contacts", contact, "restore")
        found = await shelf.pull(client, "events")
        back = [raw for raw in found if raw.kind == "contact"]
        assert [raw.id for raw in back] == [str(contact)]
        assert back[0].payload["_hub"]["restored_at"]


# lists that are read as a whole


async def test_a_user_who_was_deleted_is_handed_on_as_gone() -> None:
    async with account() as amo, amo.client() as client:
        shelf = Shelf()
        await shelf.pull(client, "users")
        shelf.cursors["users"]["names"]["77"] = "Бывший сотрудник"
        found = await shelf.pull(client, "users")
        assert [raw.payload for raw in found if raw.id == "77"] == [
            {"id": 77, "name": "Бывший сотрудник", "_hub": {"removed": True}}
        ]
        assert "77" not in shelf.cursors["users"]["names"]


# trouble


@pytest.mark.parametrize("status", [429, 403])
async def test_the_front_proxys_refusals_rest_the_account(status: int) -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(faults=[{"kind": "status", "status": status}])
        with pytest.raises(Throttled) as caught:
            await client.account()
        assert (caught.value.retry_after or 0) >= (3600 if status == 403 else 0)


async def test_a_token_that_was_revoked_is_for_a_person() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(revoke_tokens=True, revoke_refresh_tokens=True)
        with pytest.raises(AuthFailed):
            await client.account()


async def test_an_expired_token_is_renewed_on_the_way() -> None:
    async with account() as amo, amo.client() as client:
        before = amo.told["access_token"]
        await amo.set(expire_tokens=True)
        assert (await client.account())["name"]
        assert amo.bench is not None
        assert amo.bench.held is not None
        assert amo.bench.held.access.get_secret_value() != before


async def test_users_that_may_not_be_read_let_that_stream_alone_rest() -> None:
    async with account() as amo:
        pair = await amo.control("tokens", user_id=8100002)
        amo.told |= pair
        async with amo.client() as client:
            with pytest.raises(Temporary, match="administrator") as caught:
                await Shelf().pull(client, "users")
            assert caught.value.retry_after == 3600
            assert await Shelf().pull(client, "contacts_history")


async def test_an_account_that_is_not_paid_is_said_so() -> None:
    async with account() as amo, amo.client() as client:
        await client.account()
        await amo.set(is_paid=False)
        with pytest.raises(Temporary, match="402"):
            await Shelf().pull(client, "contacts_history")


async def test_a_list_that_is_too_heavy_is_read_in_smaller_pages() -> None:
    async with account(contacts=300) as amo, amo.client() as client:
        await client.account()
        await amo.set(faults=[{"kind": "status", "status": 504, "path": "/api/v4/contacts", "count": 2}])
        shelf = Shelf()
        await shelf.pull(client, "contacts_history")
        assert read_names(shelf, "contact") == await names(amo, "contacts")


async def test_without_filters_in_the_tariff_lists_are_read_whole() -> None:
    async with account(contacts=600) as amo, amo.client() as client:
        await amo.set(is_api_filter_enabled=False)
        shelf = Shelf()
        await shelf.pull(client, "contacts")
        for _ in range(10):
            await shelf.pull(client, "contacts_history", 2)
        assert shelf.cursors["contacts_history"] == {"windows": []}
        assert read_names(shelf, "contact") == await names(amo, "contacts")
        await amo.control("touch", entity="contacts", count=300)
        shelf.raws = []
        await shelf.pull(client, "contacts")
        assert len(shelf.newest("contact")) == 300
        assert len(shelf.raws) <= 310
        assert await shelf.pull(client, "leads_history")


async def test_without_filters_a_restored_contact_is_read_again() -> None:
    async with account() as amo, amo.client() as client:
        await amo.set(is_api_filter_enabled=False)
        shelf = Shelf()
        await shelf.pull(client, "events")
        await amo.touch("contacts", 51001, "delete")
        await amo.touch("contacts", 51001, "restore")
        assert [raw.id for raw in await shelf.pull(client, "events") if raw.kind == "contact"] == ["51001"]


def test_what_is_read_can_be_told_by_names_of_streams() -> None:
    from plugins.amocrm.settings import Settings

    found: dict[str, Any] = streams(Settings.model_validate({"domain": "vostok.amocrm.ru", "calls": "ignore"}))
    assert set(found) == {
        "users", "contacts", "companies", "leads", "tasks", "trash", "events", "unsorted", "reconcile",
        *(f"{name}_history" for name in ("contacts", "companies", "leads", "tasks", "events")),
    }  # fmt: skip
