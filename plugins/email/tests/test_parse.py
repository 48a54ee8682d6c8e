"""What does the hub learn from a mail: who, whom, on which line, in which thread, and what became of what we sent?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hub.sdk import Message, Stored, Submission
from plugins.email.item import Place, item, wanted
from plugins.email.parse import parse
from plugins.email.tests.composed import AT, CONTEXT, OURS, dsn, mail, parts, seen


def only(content: bytes, role: str = "inbox", **settings: object) -> Message:
    (found,) = seen(content, role, **settings)
    assert isinstance(found, Message)
    return found


def stored(content: bytes, uid: int, role: str = "inbox", at: datetime = AT, **place: object) -> Stored:
    head, _, text = content.partition(b"\r\n\r\n")
    where = Place(**({"account": "ivan@example.test", "mailbox": role, "uidvalidity": 1} | place), role=role, uid=uid)
    raw = item(where, head, received_at=at, parts={"TEXT": text})
    return Stored(raw.kind, raw.id, raw.payload, AT + timedelta(minutes=1), raw.group)


def test_a_client_s_mail_is_a_message_to_whom_it_was_written():
    found = only(mail(Subject="=?koi8-r?B?+sHQ0s/TINPeo9TB?="))
    assert (found.direction, found.author, found.client) == ("in", "client", "email:anna@customer.test")
    assert (found.line, found.member) == ("ivan@example.test", "email:ivan@example.test")
    assert (found.id, found.message_id, found.thread) == ("1@customer.test",) * 3
    assert (found.subject, found.text) == ("Запрос счёта", "Добрый день! Пришлите, пожалуйста, счёт.")
    assert (found.at, found.automatic, found.bare, found.coverage) == (AT, False, False, None)


def test_to_comes_before_cc_and_before_the_mailbox():
    assert (
        only(mail(To="boss@customer.test", Cc="olga@example.test, ivan@example.test")).member
        == "email:olga@example.test"
    )
    both = only(mail(To="x@customer.test, sales@example.test", Cc="olga@example.test"))
    assert (both.line, both.member) == ("sales@example.test", None)
    assert only(mail(To="undisclosed-recipients:;")).line == "ivan@example.test"


def test_what_we_write_is_a_message_to_each_stranger():
    found = seen(
        mail(
            "Счёт", From="Иван <ivan@example.test>", To="anna@customer.test, olga@example.test", Cc="boss@customer.test"
        ),
        "sent",
    )
    assert [one.client for one in found] == ["email:anna@customer.test", "email:boss@customer.test"]
    assert [one.id for one in found] == ["1@customer.test/anna@customer.test", "1@customer.test/boss@customer.test"]
    assert {(one.direction, one.author, one.member, one.line) for one in found} == {
        ("out", "member", "email:ivan@example.test", "ivan@example.test")
    }


def test_whoever_writes_for_a_shared_mailbox_is_named_by_sender():
    shared = only(mail(From="sales@example.test", Sender="olga@example.test", To="anna@customer.test"), "sent")
    assert (shared.line, shared.member) == ("sales@example.test", "email:olga@example.test")
    assert only(mail(From="sales@example.test", To="anna@customer.test"), "sent").member == "email:sales@example.test"


def test_an_answer_names_all_that_it_answers():
    found = only(mail(In_Reply_To="<3@b.test>", References="<2@b.test>\r\n\t<1@customer.test> <3@b.test>"))
    assert (found.references, found.thread) == (("2@b.test", "3@b.test"), "2@b.test")


def test_outlook_s_name_of_a_conversation_counts_together_with_its_subject():
    first = only(mail(Thread_Index="Ad11qNwufQwrbhudTw6aVQobLD1OXw=="))
    answer = only(
        mail(Thread_Index="Ad11qNwufQwrbhudTw6aVQobLD1OXwABklQQ", Subject="Re: Счёт на кассу", Message_ID="<2@c.test>")
    )
    assert first.references == answer.references != ()
    assert only(mail(Thread_Index="Ad11qNwufQwrbhudTw6aVQobLD1OXw==", Subject="Другое")).references != first.references
    assert only(mail(Thread_Index="nonsense")).references == ()


def test_files_are_named_behind_the_text():
    found = only(
        parts(
            "Content-Type: text/plain; charset=utf-8\n\nСчёт во вложении",
            "Content-Type: application/pdf\nContent-Disposition: attachment; filename*=UTF-8''%D0%A1%D1%87%D1%91%D1%82.pdf\n\nx",
            type="multipart/mixed",
        )
    )
    assert (found.content, found.text) == ("text", "Счёт во вложении [Счёт.pdf]")
    alone = only(mail("x", Content_Type='application/pdf; name="a.pdf"', Content_Disposition="attachment"))
    assert (alone.content, alone.text, alone.bare) == ("file", "[a.pdf]", False)


def test_long_texts_are_kept_only_if_wished():
    body = "слово " * 200 + "\n\n> старое"
    assert len(only(mail(body)).text or "") <= 300
    assert only(mail(body), bodies=True).text == ("слово " * 200).strip()


def test_all_copies_of_a_mail_are_one_message():
    sent = mail("Счёт", From="ivan@example.test", To="anna@customer.test", Cc="ivan@example.test")
    copies = [stored(sent, 7, at=AT + timedelta(hours=2)), stored(sent, 3, role="sent"), stored(sent, 9, uidvalidity=2)]
    assert len({copy.group for copy in copies}) == 1
    for order in (copies, copies[::-1]):
        (found,) = parse(order, OURS, CONTEXT)
        assert (found.direction, found.at) == ("out", AT - timedelta(seconds=9))


def test_a_mailbox_whose_sent_mail_nobody_sees_says_so():
    blind, seeing = (stored(mail(), uid, sees_sent=uid == 2) for uid in (1, 2))
    (alone,) = parse([blind], OURS, CONTEXT)
    (both,) = parse([blind, seeing], OURS, CONTEXT)
    assert (alone.coverage, both.coverage) == ("inbound_only", None)


def test_a_header_alone_is_enough_for_history():
    raw = item(
        Place(account="ivan@example.test", role="inbox", mailbox="INBOX", uidvalidity=1, uid=1),
        mail().partition(b"\r\n\r\n")[0],
        received_at=AT,
    )
    (found,) = parse([Stored(raw.kind, raw.id, raw.payload, AT, raw.group)], OURS, CONTEXT)
    assert (found.subject, found.text, found.bare) == ("Счёт на кассу", None, False)


def test_a_bounce_concerns_the_message_to_that_recipient():
    (sent,) = seen(
        mail("КП", From="ivan@example.test", To="nobody@customer.test", Message_ID="<2@example.test>"), "sent"
    )
    found = only(dsn("failed", "5.1.1", "550 5.1.1 User unknown"))
    assert (found.author, found.delivery, found.client) == ("system", "bounced_hard", "email:nobody@customer.test")
    assert (found.concerns, found.references) == (sent.id, (sent.message_id,))


def test_a_report_names_several_recipients():
    report = dsn("failed", "5.1.1", "550 User unknown").replace(
        b"\r\n--b1\r\nContent-Type: message/rfc822",
        b"\r\nFinal-Recipient: rfc822; full@customer.test\r\nAction: failed\r\nStatus: 5.2.2\r\n--b1\r\nContent-Type: message/rfc822",
    )
    assert {(one.client, one.delivery) for one in seen(report)} == {
        ("email:full@customer.test", "failed"),
        ("email:nobody@customer.test", "bounced_hard"),
    }


def test_our_own_notice_that_came_back_is_told_to_the_hub():
    (found,) = seen(dsn("failed", "5.1.1", "550 x", original=f"{'0f' * 16}.hub@example.test"))
    assert (found.of, found.hard, found.at) == (f"{'0f' * 16}.hub@example.test", True, AT)


def test_a_form_is_a_lead_with_all_that_was_said():
    (found,) = seen(
        mail(
            "Имя: Пётр\nТелефон: 8 (916) 765-43-21\nEmail: Pyotr@Customer.test\nСтраница: https://example.test/price?utm_source=yandex&utm_medium=cpc\nКомментарий: Сколько стоит?",
            From="noreply@forms.test",
            To="sales@example.test",
            Subject="Заявка с сайта",
        )
    )
    assert isinstance(found, Submission)
    assert (found.name, found.line, found.form, found.text) == (
        "Пётр",
        "sales@example.test",
        "Заявка с сайта",
        "Сколько стоит?",
    )
    assert found.handles == ("phone:+79167654321", "email:pyotr@customer.test")
    assert (found.source or {})["utm_source"] == "yandex"


def test_domains_and_aliases_are_ours():
    stranger = mail(From="kassa@shop.test", To="anna@customer.test", Cc="ivan@example.test")
    assert only(stranger).direction == "in"
    assert only(stranger, domains=("shop.test",)).direction == "out"
    assert only(stranger, aliases=("Kassa+x@shop.test",)).direction == "out"


def test_neighbours_at_a_public_provider_are_strangers():
    found = only(mail(From="anna@mail.ru", To="ivan@mail.ru"), address="ivan@mail.ru", aliases=())
    assert (found.direction, found.client) == ("in", "email:anna@mail.ru")


def test_nothing_comes_from_the_future_and_dates_of_clients_count_for_nothing():
    for date in ("Mon, 4 Feb 2036 00:00:00 +0000", "Thu, 1 Jan 1970 00:00:00 +0000", "nonsense"):
        assert only(mail(Date=date)).at == AT
    late = stored(mail(), 1, at=datetime(2030, 1, 1, tzinfo=UTC))
    (found,) = parse([late], OURS, CONTEXT)
    assert found.at <= late.received_at


def test_only_the_text_and_what_reports_say_is_fetched():
    text, html = (
        [b"text", kind, [b"charset", b"utf-8"], None, None, b"7bit", size, 9, None, None, None]
        for kind, size in ((b"plain", 900), (b"html", 4000))
    )
    pdf = [
        b"application",
        b"pdf",
        [b"name", b"x.pdf"],
        None,
        None,
        b"base64",
        6000,
        None,
        [b"attachment", [b"filename", b"x.pdf"]],
        None,
    ]
    both = [
        [text, html, b"alternative", [b"boundary", b"x"], None, None],
        pdf,
        b"mixed",
        [b"boundary", b"y"],
        None,
        None,
    ]
    assert [one.number for one in wanted(both)] == ["1.1"]
    assert [one.number for one in wanted([html, pdf, b"mixed", None, None, None])] == ["1"]
    status = [b"message", b"delivery-status", None, None, None, b"7bit", 300, None, None, None]
    enclosed = [b"message", b"rfc822", None, None, None, b"7bit", 300, [b"date"], text, 10, None, None, None]
    report = [text, status, enclosed, b"report", [b"report-type", b"delivery-status"], None, None]
    assert [one.number for one in wanted(report)] == ["1", "2", "3.HEADER"]
    assert [one.number for one in wanted(None)] == ["TEXT"]
