"""Is what somebody wrote himself told from what he answers and from his signature?"""

from __future__ import annotations

import time

import pytest

from plugins.email import page, quotes, text

HEADINGS = [
    "пн, 16 нояб. 2026 г. в 12:01, Иван Орлов <ivan@example.test>:",
    "On Mon, Nov 16, 2026 at 12:01 PM Ivan <ivan@example.test> wrote:",
    "On Mon, Nov 16, 2026 at 12:01 PM Ivan\n<ivan@example.test>\nwrote:",
    '16.11.2026, 12:01, "Иван Орлов" <ivan@example.test>:',
    "Понедельник, 16 ноября 2026, 12:01 +03:00 от Иван Орлов <ivan@example.test>:",
    "Mon, 16 Nov 2026 12:01:00 +0300 от Иван <ivan@example.test>:",
    "16 нояб. 2026 г., в 12:01, Иван Орлов <ivan@example.test> написал(а):",
    "16.11.2026 12:01, Иван Орлов пишет:",
    "Вы писали 16 ноября 2026 г., 12:01:24:",
    "Am 16.11.2026 um 12:01 schrieb Ivan Orlov:",
    "Le lun. 16 nov. 2026 à 12:01, Ivan <i@x.fr> a écrit :",
    "-----Original Message-----\nFrom: x",
    "-----Исходное сообщение-----",
    "-------- Пересылаемое сообщение --------",
    "---------- Forwarded message ---------",
    "Начало переадресованного сообщения:",
    "От: Иван\nОтправлено: 16 ноября\nКому: Анна",
    "*От:* Иван\n*Отправлено:* 16 ноября\n*Кому:* Анна",
    "From: Ivan\nSent: Monday\nTo: Anna\nSubject: x",
    f"{'_' * 30}\nОт: Иван\nОтправлено: 16 ноября",
]


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("quoted", ["> старый текст\n> ещё", "старый текст", ""])
@pytest.mark.parametrize("gap", ["\n\n", "\n"])
def test_what_is_answered_is_cut_off(heading, quoted, gap):
    found = quotes.cut(f"Спасибо, подходит.{gap}{heading}\n\n{quoted}")
    assert (found.new, found.quoted) == ("Спасибо, подходит.", True)


@pytest.mark.parametrize(
    "whole",
    [
        "От вас жду: счёт\nИ ещё договор",
        "One outstanding question:\nwhen?",
        "Вчера в 12:30 Иван написал:\nчто?",
        "Добрый день!\nВстреча 16.11.2026 в 12:00:\n- пункт",
        "Кому: Анне\nпередайте",
        "Отправлено вам вчера два договора и счёт, оплата до пятницы",
    ],
)
def test_what_only_looks_like_it_stays(whole):
    assert quotes.cut(whole) == quotes.Cut(whole, quoted=False)


@pytest.mark.parametrize(
    ("whole", "own"),
    [
        ("Спасибо\n\nОтправлено с iPhone", "Спасибо"),
        ("Спасибо\n\nОтправлено из мобильной Почты Mail.ru", "Спасибо"),
        ("Спасибо\n\nС уважением,\nАнна\n+7 916 123-45-67", "Спасибо"),
        ("Спасибо\n-- \nАнна", "Спасибо"),
        ("> вопрос 1\nответ 1\n> вопрос 2\nответ 2", "ответ 1\nответ 2"),
        ('16.11.2026, 12:01, "Иван" <i@x.ru>:\n> вопрос\nответ\n> вопрос 2\nответ 2', "ответ\nответ 2"),
        ("ИО> вопрос\nответ", "ответ"),
        ("> только цитата", ""),
        ("С уважением,\nАнна", "С уважением,\nАнна"),
    ],
)
def test_signatures_and_answers_between_lines(whole, own):
    assert quotes.cut(whole).new == own


PAGES = {
    "Gmail": '<div dir="ltr">Спасибо</div><div class="gmail_quote"><div class="gmail_attr">пн, 16 нояб. 2026 г. в 12:44, И &lt;i@x.ru&gt;:<br></div><blockquote class="gmail_quote">Счёт</blockquote></div>',
    "Outlook": "<p>Спасибо</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p><b>От:</b> Иван</p></div><p>Счёт</p>",
    "Outlook on the web": "<div>Спасибо</div><hr><div id='divRplyFwdMsg'><b>From:</b> Ivan<br><b>Sent:</b> Monday</div><div>Счёт</div>",
    "Thunderbird": '<p>Спасибо</p><div class="moz-cite-prefix">16.11.2026 12:01, Иван пишет:<br></div><blockquote type="cite">Счёт</blockquote>',
    "Apple": "<div>Спасибо</div><div><br><blockquote type='cite'><div>16 нояб. 2026 г., в 12:01, Иван &lt;i@x.ru&gt; написал(а):</div>Счёт</blockquote></div>",
    "Yandex": '<div>Спасибо</div><div>16.11.2026, 12:01, "Иван" &lt;i@x.ru&gt;:</div><blockquote><p>Счёт</p></blockquote>',
    "Mail.ru": "<div>Спасибо</div><div>Понедельник, 16 ноября 2026, 12:01 +03:00 от Иван &lt;i@x.ru&gt;:<blockquote>Счёт</blockquote></div>",
    "Yahoo": '<div>Спасибо</div><div class="yahoo_quoted">On Monday Ivan wrote: Счёт</div>',
}


@pytest.mark.parametrize("program", PAGES)
def test_pages_are_cut_by_what_their_program_marks(program):
    assert quotes.cut(page.text(PAGES[program])).new == "Спасибо"


def test_a_page_is_read_as_its_reader_sees_it():
    html = (
        "<html><head><title>x</title><style>p{}</style></head><body><div style='display: none'>preheader</div><!-- x -->"
        "<h1>Счёт</h1>Два&nbsp;слова<br>строка<ul><li>раз</li><li>два</li></ul><table><tr><td>имя</td><td>Анна</td></tr></table>"
        "<a href='tel:+74951234567'>звоните</a> <a href='https://example.test/very/long'>ссылка</a></body></html>"
    )
    assert page.text(html).split("\n") == [
        "Счёт",
        "Два слова",
        "строка",
        "раз",
        "два",
        "имя Анна",
        "звоните <tel:+74951234567> ссылка",
    ]


def test_a_long_text_takes_no_time():
    line = "слово " * 30
    for whole in (f"{line}\n" * 700, "a:\n" * 60_000, "> " * 50_000, "On Mon " * 20_000, "16.11.2026, 12:01, " * 9_000):
        began = time.process_time()
        quotes.cut(whole)
        assert time.process_time() - began < 0.5


def test_a_snippet_ends_at_a_word():
    assert text.snippet("раз два\n\nтри") == "раз два три"
    assert text.snippet("раз два три", 9) == "раз два…"
    assert text.snippet(" \n ") is None
