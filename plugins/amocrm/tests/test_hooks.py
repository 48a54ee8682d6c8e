"""Which hooks are taken, what do they ring for, and is their form read whatever it looks like?"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from hub.sdk import Forged, Received, WebhookRequest
from plugins.amocrm.connector import CONNECTOR
from plugins.amocrm.form import nested, several

sys.path.insert(0, str(Path(__file__).parent))
from recorded import lines

OPTIONS = {"domain": "vostok.amocrm.ru", "hook_secret": "s3cret", "account_id": 30215544}
STATUS = urlencode(lines("hook_status")).encode()


def received(body: bytes, path: str = "s3cret", **options: Any) -> Received:
    assert CONNECTOR.webhook is not None
    headers = {"content-type": "application/x-www-form-urlencoded", "user-agent": "amoCRM-WebHook-client/2.0"}
    request = WebhookRequest(
        "POST", path, f"/hooks/amo/{path}", headers, {}, body, "127.0.0.1", datetime(2026, 1, 12, tzinfo=UTC)
    )
    return CONNECTOR.webhook(request, CONNECTOR.settings.model_validate({**OPTIONS, **options}))


def form(*pairs: tuple[str, str]) -> bytes:
    return urlencode([*pairs, ("account[id]", "30215544")]).encode()


# the form


def test_names_are_nested_and_values_stay_texts() -> None:
    lead = nested(STATUS)["leads"]["status"]["0"]
    assert (lead["id"], lead["name"]) == ("900101", "Поставка насосов")
    assert lead["custom_fields"]["0"]["values"]["0"] == {"value": "Базовый", "enum": "88101"}
    assert lead["custom_fields"]["1"]["values"]["0"] == "1768262400"


def test_a_place_may_hold_a_text_and_more() -> None:
    """One public test shows `[note][type]` and `[note][type][message_uuid]` together."""
    either = [
        nested(urlencode(pairs).encode())
        for pairs in (
            [("note[type]", "x"), ("note[type][uuid]", "y")],
            [("note[type][uuid]", "y"), ("note[type]", "x")],
        )
    ]
    assert either == [{"note": {"type": {"": "x", "uuid": "y"}}}] * 2


def test_numbers_may_be_places_or_keys() -> None:
    assert several({"1": {"id": "b"}, "0": {"id": "a"}}) == [{"id": "a"}, {"id": "b"}]
    assert several({"900101": {"ID": "900101"}}) == [{"ID": "900101"}]
    assert several({"id": "a"}) == [{"id": "a"}]
    assert several("text") == several(None) == []


def test_empty_brackets_count_on() -> None:
    assert nested(b"a[]=1&a[]=2&a[5]=3&b[][id]=4") == {"a": {"0": "1", "1": "2", "5": "3"}, "b": {"0": {"id": "4"}}}


@pytest.mark.parametrize(
    "body", [b"", b"=", b"a", b"[x]=1", b"a[b=1", b"a]b[=1", b"\xff\xfe=\x00", b"a[b]c[d]=1", b"&&&"]
)
def test_no_form_breaks_the_parser(body: bytes) -> None:
    assert isinstance(nested(body), dict)


def test_no_sender_can_exhaust_the_stack() -> None:
    name = "a" + "[x]" * 5000
    assert nested(f"{name}=1".encode()) == {name: "1"}


# what is taken


def test_the_whole_hook_is_kept_under_a_name_of_its_content() -> None:
    first, again = received(STATUS), received(STATUS)
    assert first == again
    assert first.items[0].payload == nested(STATUS)
    assert received(form(("leads[update][0][id]", "1"))).items[0].id != first.items[0].id


@pytest.mark.parametrize("path", ["", "wrong", "s3cret/more", "s3cre"])
def test_another_address_is_forged(path: str) -> None:
    with pytest.raises(Forged):
        received(STATUS, path)


def test_another_account_is_forged() -> None:
    with pytest.raises(Forged, match="another account"):
        received(STATUS, account_id=1)


def test_without_any_secret_everything_is_forged() -> None:
    with pytest.raises(Forged):
        received(STATUS, "", hook_secret=None)


def test_the_secret_is_made_of_what_is_there() -> None:
    settings = CONNECTOR.settings.model_validate({"token": "abc"})
    assert len(settings.hook_path) == 32  # type: ignore[attr-defined]
    assert received(STATUS, settings.hook_path, hook_secret=None, token="abc").items  # type: ignore[attr-defined]


def test_a_hook_without_a_number_of_its_account_is_taken() -> None:
    """Minimal senders give little more than ids."""
    assert received(b"leads[status][0][id]=1&account[subdomain]=vostok").items


# what it rings for


@pytest.mark.parametrize(
    ("name", "rings"),
    [
        ("leads[add][0][id]", {"leads"}),
        ("leads[status][0][id]", {"leads", "events"}),
        ("leads[update][0][old_status_id]", {"leads", "events"}),
        ("leads[delete][0][id]", {"leads", "events"}),
        ("leads[restore][0][id]", {"leads", "events"}),
        ("leads[responsible][0][old_responsible_user_id]", {"leads", "events"}),
        ("contacts[update][0][id]", {"contacts"}),
        ("contacts[update][0][old_responsible_user_id]", {"contacts", "events"}),
        ("companies[update][0][id]", {"companies"}),
        ("task[update][0][id]", {"tasks"}),
        ("unsorted[add][0][uid]", {"unsorted"}),
        ("unsorted[delete][0][action]", {"unsorted", "leads", "contacts", "events"}),
        ("message[add][0][id]", set()),
        ("talk[update][0][talk_id]", set()),
        ("something_new[0]", set()),
    ],
)
def test_each_block_rings_where_its_truth_is(name: str, rings: set[str]) -> None:
    found = received(form((name, "1")))
    assert set(found.wake) == rings
    assert found.items


def test_a_company_among_the_contacts_rings_for_companies() -> None:
    pairs = (("contacts[add][0][type]", "company"), ("contacts[add][1][type]", "contact"))
    assert set(received(form(*pairs)).wake) == {"companies", "contacts"}


def test_several_blocks_of_one_body_all_ring() -> None:
    pairs = (("leads[update][0][id]", "1"), ("leads[update][1][id]", "2"), ("contacts[add][0][id]", "3"))
    assert set(received(form(*pairs)).wake) == {"leads", "contacts"}


@pytest.mark.parametrize("kind", ["10", "11", "call_in"])
def test_a_note_of_a_call_rings_for_calls(kind: str) -> None:
    assert received(form(("leads[note][0][note][note_type]", kind))).wake == ("lead_calls",)
    assert received(form(("contacts[note][0][note][note_type]", kind))).wake == ("contact_calls",)


def test_a_note_of_a_call_of_a_company_comes_under_the_name_of_contacts() -> None:
    note = "contacts[note][0][note]"
    assert received(form((f"{note}[note_type]", "10"), (f"{note}[element_type]", "3"))).wake == ("company_calls",)


def test_another_note_rings_for_nothing() -> None:
    assert received(form(("leads[note][0][note][note_type]", "4"))).wake == ()


def test_a_hook_is_no_record() -> None:
    from hub.sdk import Context, Stored

    item = received(STATUS).items[0]
    stored = Stored("hook", item.id, item.payload, datetime(2026, 1, 12, tzinfo=UTC))
    settings = CONNECTOR.settings.model_validate(OPTIONS)
    assert list(CONNECTOR.parse["hook"]([stored, replace(stored, payload=None)], settings, Context("amo"))) == []
