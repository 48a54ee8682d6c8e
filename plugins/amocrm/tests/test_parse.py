"""What do amoCRM's objects become, in every form in which they were seen?"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.sdk import Call, Card, Change, Context, Deal, Gone, Malformed, Member, Record, Stored, Submission, Task
from plugins.amocrm.connector import CONNECTOR

sys.path.insert(0, str(Path(__file__).parent))
from recorded import payload

NOW = datetime(2026, 1, 12, tzinfo=UTC)
AMO = Context("amo")
CHANGED = datetime.fromtimestamp(1768003205, UTC)


def parsed(kind: str, content: Any, context: Context = AMO, **options: Any) -> list[Record]:
    settings = CONNECTOR.settings.model_validate({"domain": "vostok.amocrm.ru", **options})
    return list(CONNECTOR.parse[kind]([Stored(kind, "1", content, NOW)], settings, context))


def one(kind: str, content: Any, context: Context = AMO, **options: Any) -> Any:
    (found,) = parsed(kind, content, context, **options)
    return found


# people and cards


def test_a_user_is_one_of_us_with_his_account_and_address() -> None:
    expected = Member(id="8100001", name="Ольга Белова", handles=("user:8100001", "email:olga@example.ru"))
    assert one("user", payload("user")) == expected


def test_a_user_who_was_switched_off_or_deleted_is_not_active() -> None:
    assert not one("user", payload("user", rights={"is_active": False})).active
    assert not one("user", {"id": 1, "name": "Глеб", "_hub": {"removed": True}}).active


def test_a_user_without_rights_is_active() -> None:
    assert one("user", payload("user", rights=None)).active


def test_a_contact_is_a_card_with_his_number_address_owner_and_page() -> None:
    assert one("contact", payload("contact")) == Card(
        id="51001",
        name="Пётр Ильин",
        handles=("phone:+79031112233", "email:petr@example.ru"),
        owner="user:8100001",
        created_at=datetime.fromtimestamp(1767950400, UTC),
        changed_at=CHANGED,
        url="https://vostok.amocrm.ru/contacts/detail/51001",
    )


def test_a_company_is_a_card_of_another_number_than_a_contact() -> None:
    card = one("company", payload("company"))
    assert (card.id, card.company, card.handles) == ("company-61001", "ООО «Насосы»", ("phone:+74950010200",))


@pytest.mark.parametrize("nothing", [None, [], {}, ""])
def test_a_card_without_fields_has_no_handles(nothing: Any) -> None:
    assert one("contact", payload("contact", custom_fields_values=nothing)).handles == ()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("8 (903) 111-22-33", ("phone:+79031112233",)),
        ("89031112233, +7 903 555 66 77", ("phone:+79031112233", "phone:+79035556677")),
        ("9031112233; 89035556677", ("phone:+79031112233", "phone:+79035556677")),
        ("+44 20 7946 0958", ("phone:+442079460958",)),
        ("8 495 001-02-00 доб. 12", ("phone:+74950010200;ext=12",)),
        ("нет", ()),
        ("0000000000", ()),
        ("123", ()),
        (None, ()),
        (79031112233, ("phone:+79031112233",)),
    ],
)
def test_numbers_are_read_as_people_type_them(written: Any, read: tuple[str, ...]) -> None:
    field = {"field_code": "PHONE", "values": [{"value": written, "enum": "WORK"}]}
    assert one("contact", payload("contact", custom_fields_values=[field])).handles == read


def test_numbers_are_read_by_the_hubs_country() -> None:
    field = {"field_code": "PHONE", "values": [{"value": "01 23 45 67 89"}]}
    content = payload("contact", custom_fields_values=[field])
    assert one("contact", content, Context("amo", country="FR")).handles == ("phone:+33123456789",)


@pytest.mark.parametrize("junk", ["нет", "a b@example.ru", "@", "", "petr@", 7])
def test_what_is_no_address_is_left_out(junk: Any) -> None:
    field = {"field_code": "EMAIL", "values": [{"value": junk}]}
    found = one("contact", payload("contact", custom_fields_values=[field]))
    assert isinstance(found, Card)


def test_ids_as_texts_are_ids() -> None:
    card = one("contact", payload("contact", id="51001", responsible_user_id="8100001", updated_at="1768003205"))
    assert (card.id, card.owner, card.changed_at) == ("51001", "user:8100001", CHANGED)


def test_the_robot_owns_nothing() -> None:
    assert one("contact", payload("contact", responsible_user_id=0)).owner is None


def test_a_deleted_contact_is_gone() -> None:
    expected = Gone(of="card", id="51001", at=CHANGED, changed_at=CHANGED)
    assert one("contact", payload("contact", is_deleted=True)) == expected


# versions


def test_what_was_read_within_its_own_second_is_older_than_what_is_read_after_it() -> None:
    early = one("contact", payload("contact", _hub={"unsettled": True}, name="A"))
    late = one("contact", payload("contact", name="B"))
    assert late.changed_at - early.changed_at == timedelta(milliseconds=1)


def test_a_restored_contact_is_newer_than_its_deletion() -> None:
    card = one("contact", payload("contact", _hub={"restored_at": 1768003305}))
    assert card.changed_at == datetime.fromtimestamp(1768003305, UTC) + timedelta(milliseconds=1)


# sales


def test_a_lead_is_a_deal_of_its_contacts_and_companies() -> None:
    named = {"pipeline": "Продажи", "stage": "Первичный контакт", "currency": "RUB"}
    assert one("lead", payload("lead", _hub=named)) == Deal(
        id="900101",
        title="Поставка насосов",
        cards=("51001", "company-61001"),
        owner="user:8100001",
        pipeline="Продажи",
        stage="Первичный контакт",
        state="open",
        amount=125000.0,
        currency="RUB",
        created_at=datetime.fromtimestamp(1767950400, UTC),
        changed_at=CHANGED,
        url="https://vostok.amocrm.ru/leads/detail/900101",
    )


@pytest.mark.parametrize(("status", "state"), [(32002, "open"), (142, "won"), (143, "lost"), ("142", "won")])
def test_142_is_won_and_143_lost_in_every_pipeline(status: Any, state: str) -> None:
    assert one("lead", payload("lead", status_id=status, pipeline_id=9)).state == state


@pytest.mark.parametrize("inside", [[], None, {"contacts": None}, {"contacts": []}, {"contacts": {}}])
def test_a_lead_of_nobody_has_no_cards(inside: Any) -> None:
    assert one("lead", payload("lead", _embedded=inside)).cards == ()


def test_a_price_that_is_none_is_absent() -> None:
    assert one("lead", payload("lead", price="")).amount is None


def test_a_lead_in_the_trash_is_gone() -> None:
    assert one("lead", payload("lead_in_trash")) == Gone(of="deal", id="900102", at=CHANGED, changed_at=CHANGED)


def test_a_task_of_a_person_has_no_key() -> None:
    task = one("task", payload("task"))
    assert (task.deal, task.card, task.done_at, task.key) == ("900101", None, None, None)
    assert task.url == "https://vostok.amocrm.ru/leads/detail/900101"


def test_a_task_of_the_hub_has_the_key_of_its_effect() -> None:
    task = one("task", payload("task_done"))
    assert isinstance(task, Task)
    assert (task.card, task.deal, task.key) == ("51001", None, "17/task/amo")
    assert task.done_at == datetime.fromtimestamp(1768000300, UTC)


def test_a_task_on_a_company_is_on_its_card() -> None:
    task = one("task", payload("task", entity_type="companies", entity_id=61001))
    assert (task.card, task.url) == ("company-61001", "https://vostok.amocrm.ru/companies/detail/61001")


@pytest.mark.parametrize("on", [(None, None), ("customers", 5), (None, 0)])
def test_a_task_may_be_on_nothing_that_the_hub_knows(on: tuple[Any, Any]) -> None:
    task = one("task", payload("task", entity_type=on[0], entity_id=on[1]))
    assert (task.card, task.deal, task.url) == (None, None, None)


# calls


def test_a_call_note_is_a_call_that_somebody_answered() -> None:
    call = one("note", payload("call_note"))
    assert isinstance(call, Call)
    assert (call.direction, call.client, call.final) == ("inbound", "phone:+79031112233", True)
    assert call.ended_at is not None
    assert call.ended_at - call.started_at == timedelta(seconds=73)
    assert (call.legs[0].to, call.legs[0].result) == ("user:8100001", "answered")
    assert call.recordings == ("https://rec.example/1.mp3",)


@pytest.mark.parametrize("status", [1, 3, 6, 7])
def test_a_call_in_which_nobody_talked_is_unanswered(status: int) -> None:
    call = one("note", payload("call_note", params={"phone": "+79031112233", "duration": 20, "call_status": status}))
    assert [leg.result for leg in call.legs] == ["no_answer"]


def test_an_outbound_call_has_the_clients_own_leg() -> None:
    said = {"phone": "89031112233", "duration": 0, "call_status": 6}
    call = one("note", payload("call_note", note_type="call_out", params=said))
    assert [(leg.kind, leg.result) for leg in call.legs] == [("member", "answered"), ("client", "no_answer")]


def test_a_withheld_number_is_kept_as_it_was_sent() -> None:
    call = one("note", payload("call_note", params={"phone": "anonymous", "duration": "5"}))
    assert (call.client, call.client_raw) == (None, "anonymous")


def test_calls_are_left_to_a_telephony_beside_the_crm() -> None:
    beside = Context("amo", telephony=True)
    assert parsed("note", payload("call_note"), beside) == []
    assert parsed("note", payload("call_note"), beside, calls="read") != []
    assert parsed("note", payload("call_note"), calls="ignore") == []


def test_a_call_that_the_hub_wrote_is_no_new_call() -> None:
    ours = {**payload("call_note")["params"], "uniq": "call/pbx/call/1795428997.24/amo"}
    lead = {**ours, "uniq": "lead/amo/phone:+79031112233"}
    foreign = {**ours, "uniq": "call/pbx/call/1795428997.24/other"}
    assert parsed("note", payload("call_note", params=ours)) == []
    assert parsed("note", payload("call_note", params=lead)) == []
    assert parsed("note", payload("call_note", params=foreign)) != []


@pytest.mark.parametrize("kind", ["common", "ai_result", "amomail_message"])
@pytest.mark.parametrize("params", [None, [], {"text": "x"}])
def test_other_notes_are_nothing(kind: str, params: Any) -> None:
    assert parsed("note", payload("call_note", note_type=kind, params=params)) == []


# the log


def test_a_status_that_wins_a_deal_is_a_change_of_its_state() -> None:
    assert one("event", payload("event_status")) == Change(
        id="01hx5d3t6p04ymgsgfbmfyfy01", of="deal", on="900101", at=CHANGED, field="state", before="open", after="won"
    )


def test_a_status_among_open_ones_changes_no_state() -> None:
    moved = [{"lead_status": {"id": 32003, "pipeline_id": 3100}}]
    assert parsed("event", payload("event_status", value_after=moved)) == []


def test_another_responsible_is_a_change_of_owner() -> None:
    change = one("event", payload("event_responsible"))
    assert (change.of, change.on, change.before, change.after) == ("card", "51001", "user:8100001", "user:8100002")


def test_the_first_responsible_was_nobody_before() -> None:
    change = one("event", payload("event_responsible", value_before=[]))
    assert (change.before, change.after) == (None, "user:8100002")


def test_a_deletion_is_gone_since_then() -> None:
    expected = Gone(of="card", id="company-61001", at=CHANGED, changed_at=CHANGED)
    assert one("event", payload("event_deleted")) == expected


@pytest.mark.parametrize("kind", ["contact_restored", "entity_merged", "robot_replied", "nps_rate_added"])
def test_other_lines_of_the_log_are_nothing(kind: str) -> None:
    assert parsed("event", payload("event_deleted", type=kind)) == []


@pytest.mark.parametrize("entity", ["customer", "catalog_1101"])
def test_lines_about_other_objects_are_nothing(entity: str) -> None:
    assert parsed("event", payload("event_deleted", entity_type=entity, type=f"{entity}_deleted")) == []


# incoming leads


def test_a_form_is_a_submission_of_the_one_who_filled_it_in() -> None:
    assert one("unsorted", payload("unsorted_form")) == Submission(
        id="bb401affb0094076b74442bc3f401d53e103f264d6668fd3ecfd5acef002",
        at=datetime.fromtimestamp(1768000000, UTC),
        form="Заказать звонок",
        handles=("phone:+79035556677",),
        name="Анна",
        source={"page": "https://vostok.example/pumps", "referer": "https://search.example/"},
    )


@pytest.mark.parametrize("category", ["sip", "mail", "chats"])
def test_calls_mails_and_chats_come_by_their_own_ways(category: str) -> None:
    assert parsed("unsorted", payload("unsorted_sip", category=category)) == []


# what cannot be understood


def test_a_missing_key_is_named() -> None:
    content = payload("lead")
    del content["status_id"]
    with pytest.raises(Malformed, match="status_id"):
        parsed("lead", content)
