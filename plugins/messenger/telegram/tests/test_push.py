"""Does what our own people are told arrive, once, in a form that the vendor takes?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.sdk import (
    AmendNotice,
    Answer,
    AuthFailed,
    Button,
    Digest,
    NothingToDo,
    Notify,
    Rejected,
    Sent,
    Temporary,
    Throttled,
    Unreachable,
)
from plugins.messenger.telegram import client
from plugins.messenger.telegram.connector import CONNECTOR
from plugins.messenger.telegram.settings import Settings
from plugins.messenger.telegram.tests.bot import TOKEN, Refuse, Vendor, one_after_the_other
from plugins.messenger.telegram.tests.test_errors import UNMODIFIED

AT = datetime(2026, 11, 16, 9, tzinfo=UTC)
TAKE = Button(label="Беру", action="take")
NOTICE = Notify(
    key="7/1/ivan", at=AT, to="ivan", address="777000900", title="⏳ <СтройГарант> ждёт 7 мин", text="Звонил в 13:58 & ждал",
    buttons=((TAKE, Button(label="Открыть", url="https://crm.example/1")),),
    case="7", kind="missed_call", step="1", contact="5", line_group="sales",
)  # fmt: skip
AMENDED = AmendNotice(
    key="7/1/ivan/taken", at=AT, to="ivan", address="777000900", title="🔵 Взял", text="", case="7", contact="5",
    because="taken", replaces="777000900/40",
)  # fmt: skip
BLOCKED = Refuse(403, "Forbidden: bot was blocked by the user")
GONE = Refuse(400, "Bad Request: message to edit not found")


@pytest.fixture(autouse=True)
def _nobody_was_written_to_lately() -> None:
    client._paces.clear()


async def sent(vendor: Vendor, effect: Any) -> Sent:
    """What the connector makes of an effect."""
    assert CONNECTOR.push is not None
    push = {push.effect: push for push in CONNECTOR.push(Settings())}[type(effect)]
    async with vendor.open() as bot:
        return await push.send(bot, effect)


# notices


async def test_a_notice_is_one_message_with_its_buttons() -> None:
    vendor = Vendor()
    assert await sent(vendor, NOTICE) == Sent("777000900/40")
    (given,) = vendor.of("sendMessage")
    assert given["text"] == "<b>⏳ &lt;СтройГарант&gt; ждёт 7 мин</b>\n\nЗвонил в 13:58 &amp; ждал"
    assert (given["chat_id"], given["parse_mode"]) == ("777000900", "HTML")
    (row,) = given["reply_markup"]["inline_keyboard"]
    assert row == [{"text": "Беру", "callback_data": "take"}, {"text": "Открыть", "url": "https://crm.example/1"}]


async def test_a_form_that_is_refused_is_left_out() -> None:
    vendor = Vendor({"sendMessage": one_after_the_other(Refuse(400, "Bad Request: BUTTON_URL_INVALID"), _made)})
    assert await sent(vendor, NOTICE) == Sent("777000900/41")
    again = vendor.of("sendMessage")[1]
    assert "parse_mode" not in again
    assert again["text"].startswith("⏳ <СтройГарант> ждёт")
    assert again["reply_markup"]["inline_keyboard"] == [[{"text": "Беру", "callback_data": "take"}]]


async def test_a_group_that_moved_is_followed() -> None:
    moved = Refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001987654321)
    vendor = Vendor({"sendMessage": one_after_the_other(moved, _made)})
    assert await sent(vendor, replace(NOTICE, address="-4001122")) == Sent("-1001987654321/41")


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (BLOCKED, Unreachable),
        (Refuse(400, "Bad Request: chat not found"), Unreachable),
        (Refuse(401, "Unauthorized"), AuthFailed),
        (Refuse(429, "Too Many Requests: retry after 7", retry_after=7), Throttled),
        (Refuse(400, "Bad Request: message text is empty"), Rejected),
        (Refuse(500, "Internal Server Error"), Temporary),
    ],
)
async def test_each_refusal_is_told_to_the_hub(refusal: Refuse, error: type[Exception]) -> None:
    vendor = Vendor({"sendMessage": one_after_the_other(refusal)})
    with pytest.raises(error) as caught:
        await sent(vendor, NOTICE)
    assert type(caught.value) is error
    assert len(vendor.of("sendMessage")) == 1


async def test_no_error_shows_the_token() -> None:
    def broken(_given: dict[str, Any]) -> None:
        raise Refuse(400, f"Bad Request: no idea of {TOKEN}")

    async with Vendor({"sendMessage": broken}).open() as bot:
        assert TOKEN.partition(":")[2] not in repr(bot.settings)


def test_what_may_have_been_sent_is_not_sent_again() -> None:
    assert CONNECTOR.push is not None
    repeats = {push.effect: push.repeat for push in CONNECTOR.push(Settings())}
    assert repeats == {Notify: "never", Digest: "never", Answer: "never", AmendNotice: "safe"}


# amendments


async def test_an_amendment_edits_the_notice_in_its_place() -> None:
    vendor = Vendor()
    assert await sent(vendor, AMENDED) == Sent("777000900/40")
    (given,) = vendor.of("editMessageText")
    assert (given["chat_id"], given["message_id"], given["text"]) == ("777000900", 40, "<b>🔵 Взял</b>")
    assert given["reply_markup"] == {"inline_keyboard": []}
    assert not vendor.of("sendMessage")


async def test_what_says_so_already_is_amended() -> None:
    vendor = Vendor({"editMessageText": one_after_the_other(Refuse(400, UNMODIFIED))})
    assert await sent(vendor, AMENDED) == Sent("777000900/40")


@pytest.mark.parametrize("refusal", [GONE, Refuse(400, "Bad Request: message can't be edited"), BLOCKED])
async def test_what_cannot_be_edited_needs_nothing(refusal: Refuse) -> None:
    vendor = Vendor({"editMessageText": one_after_the_other(refusal)})
    with pytest.raises(NothingToDo):
        await sent(vendor, AMENDED)
    assert not vendor.of("sendMessage")


async def test_what_was_wrong_and_cannot_be_edited_is_corrected() -> None:
    vendor = Vendor({"editMessageText": one_after_the_other(GONE)})
    assert await sent(vendor, replace(AMENDED, because="void")) == Sent("777000900/40")
    assert len(vendor.of("sendMessage")) == 1


async def test_a_notice_that_was_delivered_elsewhere_is_not_amended_here() -> None:
    for replaces in (None, "", "<id@mail>", "777000900/"):
        with pytest.raises(NothingToDo):
            await sent(Vendor(), replace(AMENDED, replaces=replaces))


# the summary and answers


async def test_a_long_summary_is_several_messages_in_order() -> None:
    effect = Digest(
        key="d", at=AT, to="ivan", address="777000900", title="Итоги", text="строка дня\n" * 500, buttons=((TAKE,),)
    )
    vendor = Vendor()
    await sent(vendor, effect)
    first, last = vendor.of("sendMessage")
    assert first["text"].startswith("<b>Итоги</b>")
    assert "reply_markup" not in first
    assert last["reply_markup"]["inline_keyboard"]


async def test_a_press_is_answered_over_the_chat() -> None:
    vendor = Vendor()
    answer = Answer(key="a", at=AT, to="ivan", press="3337", title="", text="Взяли. " * 50)
    assert await sent(vendor, answer) == Sent()
    ((method, given),) = vendor.asked
    assert (method, given["callback_query_id"]) == ("answerCallbackQuery", "3337")
    assert len(given["text"]) <= 200


async def test_a_press_that_is_too_old_needs_no_answer() -> None:
    old = Refuse(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
    with pytest.raises(NothingToDo):
        await sent(
            Vendor({"answerCallbackQuery": one_after_the_other(old)}), Answer(key="a", at=AT, to="ivan", press="3")
        )


async def test_whoever_wrote_is_answered_in_his_chat() -> None:
    vendor = Vendor()
    await sent(vendor, Answer(key="a", at=AT, to="ivan", chat="777000900", text="Готово"))
    assert vendor.of("sendMessage")[0]["text"] == "Готово"


# the pace


async def test_a_burst_into_a_chat_passes_and_then_it_slows_down(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(client.asyncio, "sleep", sleep)
    pace = client.Pace(burst=5)
    for _ in range(7):
        await pace.wait("777000900", AT)
    assert waited == [0, 0, 0, 0, 0, 1, 2]
    waited.clear()
    for _ in range(6):
        await pace.wait("-1001987654321", AT)
    assert waited == [0, 0, 0, 0, 0, 3]
    await pace.wait("777000900", AT + timedelta(seconds=60))
    assert waited[-1] == 0


def _made(given: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": 41, "chat": {"id": int(given["chat_id"])}}
