"""How does a text look as a message, and where is it cut?"""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import Button, Digest
from plugins.messenger.telegram import text


def test_nothing_of_a_text_is_taken_for_markup() -> None:
    assert text.html("<b>Анна</b> & Ко", "a < b") == "<b>&lt;b&gt;Анна&lt;/b&gt; &amp; Ко</b>\n\na &lt; b"
    assert text.html("", "просто") == "просто"
    assert text.html("просто", "") == "<b>просто</b>"


def test_a_long_text_ends_with_a_word() -> None:
    assert text.cut("один два три", 12) == "один два три"
    assert text.cut("один два, три четыре", 12) == "один два…"
    assert text.cut("непереносимоедлинноеслово", 10) == "непереноси"[:9] + "…"


def test_a_notice_is_read_at_a_glance() -> None:
    effect = Digest(key="k", at=datetime(2026, 11, 16, tzinfo=UTC), to="ivan", title="Ждёт 7 мин", text="слово " * 200)
    title, body = text.notice(effect)
    assert title == "Ждёт 7 мин"
    assert body.endswith("слово…")
    assert text.length(text.plain(title, body)) <= text.NOTICE


def test_lengths_are_the_vendor_s() -> None:
    assert text.length("🔴 ждёт") == 7
    assert text.length(text.cut("🔴" * 400, 600)) <= 600


@given(st.text(alphabet="аб в\n🔴", max_size=600), st.integers(20, 120))
def test_parts_hold_every_word_in_order(body: str, most: int) -> None:
    found = text.parts("Заголовок", body, most)
    assert all(text.length(text.plain(title, piece)) <= most for title, piece in found)
    assert [title for title, _ in found] == ["Заголовок", *[""] * (len(found) - 1)]
    assert "".join("".join(piece.split()) for _, piece in found) == "".join(body.split())


def test_a_button_acts_or_opens_what_can_be_opened() -> None:
    rows = (
        (Button(label="Беру", action="take"), Button(label="Открыть", url="https://crm.example/1")),
        (Button(label="Позвонить", url="tel:+79160000000"),),
    )
    take = {"text": "Беру", "callback_data": "take"}
    opens = {"text": "Открыть", "url": "https://crm.example/1"}
    assert text.keyboard(rows) == {"inline_keyboard": [[take, opens]]}
    assert text.keyboard(rows, opens=False) == {"inline_keyboard": [[take]]}
    assert text.keyboard(()) == {"inline_keyboard": []}
