"""What becomes of mails in a hub: who waits, what came back, and what we sent ourselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.core.records import instant
from hub.engine import evaluate, work
from hub.engine.receive import arrival
from hub.sdk import Notify
from hub.store import cases, inbox, repairs
from plugins.email import compose
from plugins.email.connector import CONNECTOR
from plugins.email.item import Place, item
from plugins.email.tests.composed import dsn, mail, seen
from tests.engine.conftest import CONFIG, Workshop, live, rows, sqlite_workshop

__all__ = ["sqlite_workshop"]

NINE = instant("2026-11-16T09:00:00+03:00")
MAILBOX = 'plugin = "email"\naddress = "{0}@example.test"\nprovider = "yandex"\npassword = {{ env = "HOOK_SECRET" }}'
CONNECTIONS = {name: MAILBOX.format(name) for name in ("ivan", "sales")}


class Office:
    """A hub with the mailboxes of Ivan and of sales."""

    def __init__(self, workshop: Workshop) -> None:
        people = '\n[team.ivan]\nname = "Ivan"\nhandles = ["email:ivan@example.test"]\n'
        self.hub = workshop.hub(CONNECTOR, config=CONFIG + people, connections=CONNECTIONS)
        live(self.hub, NINE - timedelta(days=1))
        self.uid = 0

    async def arrives(self, content: bytes, minutes: float, *boxes: str, role: str = "inbox") -> None:
        """The mail lies in these mailboxes, so many minutes after nine."""
        self.uid += 1
        at = NINE + timedelta(minutes=minutes)
        head, _, text = content.partition(b"\r\n\r\n")
        raws = []
        for box in boxes or ("ivan",):
            place = Place(account=f"{box}@example.test", role=role, mailbox=role, uidvalidity=1, uid=self.uid)  # type: ignore[arg-type]
            raws.append(arrival(box, item(place, head, received_at=at, parts={"TEXT": text}), at))
        await self.hub.db.run(inbox.put, raws)
        await work.catch_up(self.hub, at)

    async def waits(self, minutes: float) -> list[dict[str, Any]]:
        await work.catch_up(self.hub, NINE + timedelta(minutes=minutes))
        return [case for case in rows(self.hub, cases.listing) if case["kind"] == "awaiting_reply"]


@pytest.fixture
def office(sqlite_workshop: Workshop) -> Office:
    return Office(sqlite_workshop)


def answer(**fields: str) -> bytes:
    written = {"From": "ivan@example.test", "To": "anna@customer.test", "Message_ID": "<2@example.test>"}
    return mail("Счёт во вложении", **(written | {"In_Reply_To": "<1@customer.test>", "Date": "x"} | fields))


async def test_a_mail_to_two_mailboxes_is_one_wait_of_whom_it_names_first(office: Office) -> None:
    await office.arrives(mail(To="ivan@example.test, sales@example.test"), 0, "ivan", "sales")
    (case,) = await office.waits(5)
    assert (case["state"], case["owner"], case["contact"]["handles"]) == ("open", "ivan", ["email:anna@customer.test"])
    await office.arrives(answer(From="sales@example.test"), 12, "sales", role="sent")
    (case,) = await office.waits(20)
    assert (case["state"], case["wait"]["wall"], case["wait"]["stopped_by"]) == ("recovered", 720, "message")


async def test_an_absence_or_a_newsletter_waits_for_nobody(office: Office) -> None:
    await office.arrives(mail("Меня нет", Subject="Автоответ: КП", Auto_Submitted="auto-replied"), 0)
    await office.arrives(mail("Скидки", Message_ID="<3@shop.test>", List_Unsubscribe="<https://shop.test>"), 1)
    assert await office.waits(5) == []


async def test_what_only_looks_like_a_machine_is_listed_with_its_sign(office: Office) -> None:
    await office.arrives(mail("Меня нет в офисе до 23.11", Subject="Отсутствую на рабочем месте"), 0)
    assert await office.waits(5) == []
    (listed,) = (await evaluate.at(office.hub, NINE + timedelta(minutes=5))).suspected
    assert (listed["ref"], listed["because"]) == ("ivan/message/1@customer.test", "words of absence")


async def test_an_answer_that_came_back_is_none_and_its_address_is_told(office: Office) -> None:
    await office.arrives(mail(), 0)
    await office.arrives(answer(), 10, role="sent")
    assert [case["state"] for case in await office.waits(11)] == ["recovered"]
    bounce = dsn("failed", "5.1.1", "550 User unknown", Message_ID="<7@mx.test>").replace(b"nobody@", b"anna@")
    await office.arrives(bounce, 12, "ivan")
    assert [case["state"] for case in await office.waits(13)] == ["open"]
    (told,) = [row for row in rows(office.hub, repairs.listing) if row["kind"] == "bad_address"]
    assert "anna@customer.test" in told["title"]
    await office.arrives(mail(Message_ID="<9@customer.test>", In_Reply_To="<1@customer.test>"), 30)
    assert [row for row in rows(office.hub, repairs.listing) if row["kind"] == "bad_address"] == []


def test_our_own_notice_is_known_again_and_so_is_its_bounce() -> None:
    notice = Notify(
        key="1/1/ivan",
        at=NINE,
        to="ivan",
        address="ivan@example.test",
        case="c",
        kind="awaiting_reply",
        step="1",
        contact="c",
        line_group="sales",
        title="Анна ждёт",
        text="12 мин",
    )
    letter = compose.letter(notice, "sales@example.test", "crmhub", NINE)
    assert seen(letter.content) == []
    (found,) = seen(dsn("failed", "5.1.1", "550 x", original=letter.id))
    assert (found.of, found.hard) == (letter.id, True)
