"""Each page with the day's story: it answers its question, in both languages, small and without foreign hosts."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser

import httpx
import pytest

from hub.engine.hub import Hub
from hub.store import pages
from tests.web import story
from tests.web.conftest import app_of, browser

ADDRESSES = [
    "/",
    "/?who=mine",
    "/?who=nobody",
    "/calls",
    "/calls?outcome=missed&line=sales&manager=anna&hours=in&period=all",
    "/messages",
    "/messages?period=all&state=open&kind=first&line=sales&manager=anna",
    "/contacts",
    "/contacts?q=nobody",
    "/connections",
    "/connections/pbx",
    "/repairs",
    "/deliveries",
    "/deliveries?state=dead",
    "/deliveries?state=inbox",
    "/deliveries?state=done",
]
VOID = {"meta", "link", "input", "br", "hr", "img", "col", "rect", "circle", "line", "use"}


class Checker(HTMLParser):
    """Finds tags that are not closed in order, ids that are there twice, and inline style or script."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.wrong.append(f"{tag} has {name}")
            if name == "id":
                if value in self.ids:
                    self.wrong.append(f"id {value} twice")
                self.ids.add(value or "")
        if tag == "style" or (tag == "script" and not dict(attrs).get("src")):
            self.wrong.append(f"inline {tag}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes nothing")


def text_of(html: str) -> str:
    """What a reader sees, spaces made one."""
    return re.sub(r"[\s\u00a0]+", " ", re.sub(r"<[^>]+>", " ", html))


async def contact_of(hub: Hub, number: str) -> int:
    found = await hub.db.read(pages.search, number)
    return found[0].id


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("language", ["ru", "en"])
async def test_every_page_is_sound_and_holds_nothing_inline(
    page: httpx.AsyncClient, address: str, language: str
) -> None:
    separator = "&" if "?" in address else "?"
    answer = await page.get(f"{address}{separator}lang={language}")
    assert answer.status_code == 200
    checker = Checker()
    checker.feed(answer.text)
    assert not checker.wrong
    assert not checker.open
    assert answer.text.count("<h1") == 1
    assert f'<html lang="{language}"' in answer.text


@pytest.mark.parametrize("address", ADDRESSES)
async def test_english_pages_hold_no_russian_but_names(page: httpx.AsyncClient, address: str) -> None:
    answer = await page.get(address, params={"lang": "en"})
    main = answer.text.partition("<h1")[2].partition("</main>")[0]
    words = set(re.findall(r"[А-Яа-яЁё]+", text_of(main)))
    names = set(re.findall(r"[А-Яа-яЁё]+", story.CONFIG + str(story.CRM)))
    assert words - names <= set("АБВГДЕЖЗИКЛМНОПРСТУФХЭЮЯ") | {a + b for a in "АБВГ" for b in "КСБЛ"}


async def test_now_says_who_waits_worst_first(page: httpx.AsyncClient) -> None:
    html = (await page.get("/")).text
    text = text_of(html)
    assert "Ждут нас 4 дольше всех – 1 ч 33 мин" in text
    assert "Просрочены 2 никто ещё не взял" in text
    assert "Потеряны молча за 7 дней 1 ИП Гончаренко, вчера" in text
    order = [text.index(name) for name in ("Игорь Мельник", "+7 921 604-18-33", "ИП Хачатрян", "Виталий Скрынник")]
    assert order == sorted(order)
    assert "звонил 3 раза" in text
    assert "просрочено 20 мин срок был 14:11" in text
    assert "осталось 11 мин до 14:43" in text


async def test_now_shows_calls_in_progress_and_who_is_busy(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/")).text)
    assert "Анна Ковалёва – ТСЖ «Приморский, 54» sales 3:12" in text
    assert "+7 903 555-17-20 → +7 800 001-01-00 звенит: Борис Сафонов 0:18" in text
    assert "Анна Ковалёва говорит 3 мин" in text


async def test_now_shows_what_each_of_the_team_does_and_owes(hub: Hub) -> None:
    async with browser(app_of(hub)) as client:
        text = text_of((await client.get("/now/team")).text)
        assert "Анна Ковалёва говорит 3 мин 2 просрочены" in text
        assert "Борис Сафонов звенит никто не ждёт" in text
        assert "Вера Бондаренко сейчас не говорит" in text
        hub.now = lambda: story.at("2026-11-24 19:00:00")
        assert "Вера Бондаренко нет до завтра в 09:00" in text_of((await client.get("/now/team")).text)


async def test_now_shows_what_was_closed_with_the_proof(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/")).text)
    assert "ООО «Сантех-Альянс» Перезвонили через 6 мин, говорили 4 мин 10 с · Анна Ковалёва 14:24" in text
    assert "Евгений Ростоцкий Дозвонился сам через 50 мин, говорили 2 мин 1 с · Борис Сафонов" in text


async def test_waiting_times_tick_only_in_working_time(hub: Hub) -> None:
    async with browser(app_of(hub)) as client:
        assert "data-waits=" in (await client.get("/")).text
        hub.now = lambda: story.at("2026-11-24 22:00:00")
        html = (await client.get("/")).text
        assert "data-waits=" not in html
        assert "4 ч 01 мин" in text_of(html)  # from 13:58:08 to 18:00
        assert "рабочее время с завтра в 09:00" in text_of(html)


@pytest.mark.parametrize("part", ["headline", "calls", "waits", "closed", "team", "news"])
async def test_live_parts_are_the_same_as_on_the_page(page: httpx.AsyncClient, part: str) -> None:
    whole = (await page.get("/")).text
    fragment = (await page.get(f"/now/{part}")).text
    assert "<html" not in fragment
    assert text_of(fragment).strip() in text_of(whole)


async def test_a_part_that_does_not_exist_is_404(page: httpx.AsyncClient) -> None:
    assert (await page.get("/now/everything")).status_code == 404


async def test_quiet_says_that_nobody_waits_and_how_fresh_the_data_is(fresh: Hub) -> None:
    await story.tell(fresh, "pbx", [story.answered("x", "14:00:00", story.ROST, 5, 60, "101")])
    async with browser(app_of(fresh)) as client:
        text = text_of((await client.get("/")).text)
    assert "Никто не ждёт" in text
    assert "pbx: последние данные" in text
    assert "crm: данных ещё не было" in text


async def test_before_the_first_call_figures_say_that_there_is_no_data(fresh: Hub) -> None:
    async with browser(app_of(fresh)) as client:
        text = text_of((await client.get("/")).text)
    assert text.count("нет данных") == 4


async def test_without_connections_the_first_page_leads_through_three_steps(tmp_path) -> None:
    hub = story.open_story(tmp_path, '[hub]\nlanguage = "ru"\n')
    async with browser(app_of(hub)) as client:
        text = text_of((await client.get("/")).text)
    hub.close()
    assert "Осталось три шага" in text
    assert "crmhub init" in text


async def test_calls_tell_outcome_cause_and_what_became_of_them(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/calls")).text)
    assert (
        "ИП Хачатрян +7 916 777-20-31 sales бросил трубку ждал на линии, никто не взял 18 с Анна Ковалёва ждёт 3 мин"
        in text
    )
    assert "перезвонили через 6 мин, Анна Ковалёва" in text
    assert "короткий сброс" in text
    assert "номер скрыт" in text
    assert "потерян молча" in text


async def test_legs_are_bars_on_one_axis(page: httpx.AsyncClient) -> None:
    html = (await page.get("/calls", params={"q": "9162204107"})).text
    assert '<rect class="rng" x="200.0" y="26" width="280.0"' in html  # 21 of 42 s at the first of two telephones
    assert '<rect class="rng" x="480.0" y="52" width="280.0"' in html
    assert "101 Анна Ковалёва" in html


async def test_calls_are_filtered_by_the_address_and_paged_by_time(hub: Hub) -> None:
    many = [
        story.missed(
            f"m{number}", f"2026-11-20 10:{number // 60:02d}:{number % 60:02d}", f"phone:+7901{number:07d}", 10, "103"
        )
        for number in range(120)
    ]
    await story.tell(hub, "pbx", many)
    seen: list[str] = []
    async with browser(app_of(hub)) as client:
        address = "/calls?manager=vera&period=all"
        for _ in range(5):
            html = (await client.get(address)).text
            seen += re.findall(r'id="(call-\d+)"', html)
            older = re.search(r'href="(/calls[^"]*before=[^"]*)"', html.replace("&amp;", "&"))
            if older is None or "Старше" not in html:
                break
            address = older[1]
    assert len(seen) == len(set(seen)) == 121


async def test_a_filter_that_is_not_understood_is_shown_as_such(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/calls?outcome=sideways&foo=1")).text)
    assert "не понял: outcome=sideways" in text


async def test_the_client_page_begins_with_the_verdict(page: httpx.AsyncClient, told: Hub) -> None:
    html = (await page.get(f"/contacts/{await contact_of(told, '9162204107')}")).text
    text = text_of(html)
    assert "Ждёт 34 мин после 3 пропущенных звонков, просрочено 20 мин" in text
    assert 'class="ruler"' in html
    assert "открыло ожидание" in text
    assert "попытка засчитана" in text
    assert "не в счёт: гудки слишком коротки" in text
    assert "Конец рабочего дня: часы остановятся до завтра в 09:00" in text
    assert "i.melnik@stroygarant.example" in text
    checker = Checker()
    checker.feed(html)
    assert not checker.wrong


async def test_the_client_page_renews_itself_in_place(page: httpx.AsyncClient, told: Hub) -> None:
    number = await contact_of(told, "9162204107")
    whole = (await page.get(f"/contacts/{number}?show=proof")).text
    source = re.search(r'data-live="waits" data-src="(/contacts/[^"]+)"', whole)
    assert source is not None
    part = (await page.get(source[1])).text
    assert text_of(part).strip() in text_of(whole)
    assert f'href="/contacts/{number}?show=calls"' in part


async def test_a_settled_client_page_shows_what_closed_the_wait(page: httpx.AsyncClient, told: Hub) -> None:
    text = text_of((await page.get(f"/contacts/{await contact_of(told, 'Сантех')}")).text)
    assert "Не ждёт. Перезвонили через 6 мин, говорили 4 мин 10 с · Анна Ковалёва" in text
    assert "закрыло ожидание за 6 мин" in text


async def test_a_call_in_progress_is_told_as_such(page: httpx.AsyncClient, told: Hub) -> None:
    talking = text_of((await page.get(f"/contacts/{await contact_of(told, 'Приморский')}")).text)
    assert "Говорим с клиентом сейчас · Анна Ковалёва" in talking
    ringing = text_of((await page.get(f"/contacts/{await contact_of(told, '9035551720')}")).text)
    assert "Клиент звонит сейчас" in ringing


async def test_steps_to_come_are_planned_on_the_page(page: httpx.AsyncClient, told: Hub) -> None:
    text = text_of((await page.get(f"/contacts/{await contact_of(told, 'Хачатрян')}")).text)
    assert "Извещение – Анна Ковалёва: 50 % срока" in text
    assert "Извещение – Борис Сафонов: срок вышел" in text


async def test_history_can_be_narrowed_to_the_proof(page: httpx.AsyncClient, told: Hub) -> None:
    number = await contact_of(told, "9162204107")
    everything = (await page.get(f"/contacts/{number}")).text.count('<span class="node')
    proof = (await page.get(f"/contacts/{number}?show=proof")).text.count('<span class="node')
    assert 0 < proof < everything


async def test_a_client_is_found_by_any_writing_of_the_number(page: httpx.AsyncClient, told: Hub) -> None:
    wanted = f"/contacts/{await contact_of(told, '9162204107')}"
    for query in ("8 (916) 220-41-07", "+7 916 220 41 07", "220-41-07", "мельник", "Игорь"):
        answer = await page.get("/contacts", params={"q": query})
        assert answer.headers.get("location") == wanted, query


async def test_a_merged_client_leads_to_the_survivor(hub: Hub) -> None:
    await story.tell(
        hub, "crm", [{"record": "card", "id": "9", "name": "Двойник", "handles": [story.UNKNOWN, story.KHACH]}]
    )
    from sqlalchemy import select

    from hub.store.schema import contacts

    def tombs(connection):
        return connection.execute(
            select(contacts.c.id, contacts.c.merged_into).where(contacts.c.merged_into.is_not(None))
        ).all()

    (old, new), *_ = await hub.db.read(tombs)
    async with browser(app_of(hub)) as client:
        answer = await client.get(f"/contacts/{old}")
        assert answer.status_code == 301
        assert answer.headers["location"].startswith(f"/contacts/{new}")
        assert "объединили" in (await client.get(answer.headers["location"])).text


async def test_names_from_outside_are_only_text(hub: Hub) -> None:
    nasty = '<script>alert("1")</script> & "Co"'
    await story.tell(hub, "crm", [{"record": "card", "id": "9", "name": nasty, "handles": [story.UNKNOWN]}])
    await story.tell(hub, "pbx", [story.missed("<b>x</b>", "14:20:00", story.UNKNOWN, 12, "103", queue="<i>q</i>")])
    number = await contact_of(hub, "9216041833")
    async with browser(app_of(hub)) as client:
        for address in (
            "/",
            "/calls",
            "/contacts",
            f"/contacts/{number}",
            "/contacts?q=%3Cscript%3E",
            "/calls?q=%3Cscript%3E",
        ):
            html = (await client.get(address)).text
            assert "<script>alert" not in html
            assert "<b>x</b>" not in html
            assert "<i>q</i>" not in html
            assert "&amp;amp;" not in html
        assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &#34;Co&#34;" in (await client.get("/")).text


async def test_connections_say_how_they_are_doing(page: httpx.AsyncClient) -> None:
    text = text_of((await page.get("/connections")).text)
    assert "2 подключения" in text
    assert "pbx Records (the hub's own format) работает" in text.replace("&#39;", "'")
    one = text_of((await page.get("/connections/pbx")).text)
    assert "open-sesame-of-the-test" not in one
    assert "••••••" in one


async def test_what_was_not_understood_is_shown_raw_with_its_reason(hub: Hub) -> None:
    await story.tell(
        hub,
        "pbx",
        [{"record": "call", "id": "bad", "direction": "sideways", "started_at": "2026-11-24T10:00:00+03:00"}],
    )
    async with browser(app_of(hub)) as client:
        inbox = (await client.get("/deliveries?state=inbox")).text
        address = re.search(r'href="(/inbox/\d+)"', inbox)
        assert address is not None
        text = text_of((await client.get(address[1])).text)
        assert "sideways" in text
        assert "Сохранено как пришло" in text
        repairs = text_of((await client.get("/repairs")).text)
        assert "1 дело для человека" in repairs


@pytest.mark.parametrize(
    "address",
    [
        "/contacts/5",
        "/contacts/99999999999999999999",
        "/contacts/abc",
        "/connections/none",
        "/connections/hub",
        "/inbox/77",
        "/nothing",
    ],
)
async def test_what_is_not_there_is_a_page_that_says_what_to_do(page: httpx.AsyncClient, address: str) -> None:
    answer = await page.get(address)
    assert answer.status_code == 404
    assert "Такой страницы нет" in answer.text


async def test_pages_stay_small(page: httpx.AsyncClient) -> None:
    static = [path for path in ("/static/hub.css", "/static/hub.js")]
    shared = sum([len(gzip.compress((await page.get(path)).content)) for path in static])
    for address in ("/", "/calls", "/contacts", "/connections"):
        assert len(gzip.compress((await page.get(address)).content)) + shared < 80_000


async def test_nothing_is_loaded_from_other_hosts(page: httpx.AsyncClient) -> None:
    for address in (*ADDRESSES, "/static/hub.css", "/static/hub.js", "/static/icons.svg"):
        content = (
            (await page.get(address)).text.replace("http://www.w3.org/2000/svg", "").replace("https://crm.example", "")
        )
        assert not re.search(r"https?://|//[a-z]+\.", content)


async def test_the_read_api_gives_the_rows_of_the_command_line(page: httpx.AsyncClient) -> None:
    cases = (await page.get("/api/cases", params={"state": "open"})).json()
    assert {case["state"] for case in cases} == {"open"}
    assert len(cases) == 4
    calls = (
        await page.get(
            "/api/calls", params={"missed": "true", "from": "2026-11-24T00:00:00+03:00", "connection": "pbx"}
        )
    ).json()
    assert all(call["missed"] for call in calls)
    assert (await page.get("/api/repairs")).json() == []
    assert [row["name"] for row in (await page.get("/api/connections")).json()]
    assert "/api/cases" in (await page.get("/api/openapi.json")).json()["paths"]
    assert (await page.get("/api/calls", params={"from": "yesterday"})).status_code == 422
