"""Does the connector keep the contract that every connector keeps?"""

from __future__ import annotations

from datetime import UTC, datetime

from hub.sdk import Context
from hub.sdk.testing.contract import Contract, Sample
from plugins.email.connector import CONNECTOR
from plugins.email.item import Place, item
from plugins.email.words import RUSSIAN

CAME = datetime(2026, 11, 16, 9, 0, 7, tzinfo=UTC)
QUESTION = (
    b"From: Anna <anna@customer.test>\r\nTo: ivan@example.test\r\nSubject: Invoice\r\n"
    b"Message-ID: <1@customer.test>\r\nDate: Mon, 16 Nov 2026 11:59:58 +0300\r\n\r\n"
)
ANSWER = (
    b"From: ivan@example.test\r\nTo: anna@customer.test\r\nSubject: Re: Invoice\r\nMessage-ID: <2@example.test>\r\n"
    b"In-Reply-To: <1@customer.test>\r\nDate: Mon, 16 Nov 2026 12:44:10 +0300\r\n\r\n"
)


def _sample(name: str, head: bytes, *places: Place) -> Sample:
    return Sample(name, tuple(item(place, head, received_at=CAME, flags=(), size=800) for place in places), ("header",))


def _place(role: str, mailbox: str, uid: int) -> Place:
    return Place(account="ivan@example.test", role=role, mailbox=mailbox, uidvalidity=7, uid=uid)  # type: ignore[arg-type]


class TestContract(Contract):
    connector = CONNECTOR
    options = {  # noqa: RUF012 - the contract's class variables
        "address": "ivan@example.test",
        "provider": "google",
        "client_id": "4711.apps",
        "client_secret": "a-secret-of-the-application",
    }
    wrong_options = {"address": "ivan", "imap": "mail.example.test", "idle_minutes": 30, "provider": "aol"}  # noqa: RUF012
    samples = (
        _sample("a question", QUESTION, _place("inbox", "INBOX", 1)),
        _sample("an answer", ANSWER, _place("sent", "Sent", 1)),
        _sample("two copies", QUESTION, _place("inbox", "INBOX", 1), _place("inbox", "Clients", 9)),
    )
    context = Context("bench", team={"email:ivan@example.test": "ivan"})


def test_every_key_is_said_in_russian() -> None:
    fields = CONNECTOR.settings.model_fields.values()
    said = {CONNECTOR.about, *(field.title for field in fields), *(field.description for field in fields)}
    assert said <= set(RUSSIAN)
