"""What does the evening's summary say: what was closed, what waits, who was lost in silence (metrics.md 11.3, step D)?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from hub.core.effects import Button
from hub.core.notices import MOST, Shown
from hub.core.speech import HARD, Speech, Texts, address, vocabulary
from hub.core.summary import Client, Summary, Waiting

NAMED = 5
"""Clients that are named in a line; the others are counted."""
_DAYS = {
    "ru": ("Понедельник", "Вторник", "Среда", "Четверг", "Пятница", "Суббота", "Воскресенье"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_RU: Texts = {
    "evening": "🌙 {day}: закрыто {closed}, ждут до завтра: {waiting}",
    "quiet": "🌙 {day}: закрыто {closed}, никто не ждёт",
    "missed": "Пропущено {missed} из {inbound} входящих ({share}{hard}%)",
    "missed_none": "Входящих {inbound}, пропущенных нет",
    "fates": "Вернули {recovered}, рано судить {early}, потеряны {lost}",
    "silent": "Потеряны молча за 7 дней: {n} – {names}",
    "silent_none": "Молча за 7 дней не потерян никто",
    "median": "Медиана ответа {median}, n{hard}={hard}{n}",
    "overdue": "Просрочены: {n} – {names}",
    "open": "Ждут в срок: {n} – {names}",
    "stale": "Сделок без следующего шага: {n}",
    "others": "{names} и ещё {n}",
    "complete": "Данные полны на {share}{hard}%",
    "gap": "{name} {at}",
    "gaps": "{complete}. Не было данных: {names}",
    "since": "с {time}",
    "since_day": "с {day} {time}",
    "b_waits": "Кто ждёт",
}
_EN: Texts = {
    "evening": "🌙 {day}: {closed} closed, {waiting} wait until tomorrow",
    "quiet": "🌙 {day}: {closed} closed, nobody waits",
    "missed": "Missed {missed} of {inbound} inbound ({share}{hard}%)",
    "missed_none": "{inbound} inbound, none missed",
    "fates": "Recovered {recovered}, too early to tell {early}, lost {lost}",
    "silent": "Silently lost in 7 days: {n} – {names}",
    "silent_none": "Silently lost in 7 days: nobody",
    "median": "Median response {median}, n{hard}={hard}{n}",
    "overdue": "Overdue: {n} – {names}",
    "open": "Waiting in time: {n} – {names}",
    "stale": "Deals without a next step: {n}",
    "others": "{names} and {n} more",
    "complete": "Data {share}{hard}% complete",
    "gap": "{name} {at}",
    "gaps": "{complete}. No data: {names}",
    "since": "since {time}",
    "since_day": "since {day} {time}",
    "b_waits": "Who waits",
}


@dataclass(frozen=True, slots=True)
class Evening(Speech):
    """The digest in one language. public_url: of the hub's pages, None where they cannot be reached."""

    texts: ClassVar = vocabulary(_RU, _EN)

    public_url: str | None = None

    def digest(self, told: Summary, gaps: Sequence[tuple[str, datetime]] = ()) -> Shown:
        """The message. gaps: sources that could not be had, and since when."""
        local = told.at.astimezone(self.zone)
        closed = sum(n for fate, n in told.fates.items() if fate != "early") + told.response.n
        title = self.say(
            "evening" if told.waiting else "quiet",
            day=_DAYS[self.language][local.weekday()],
            closed=closed,
            waiting=len(told.waiting),
        )
        text = "\n".join(self._lines(told, gaps))
        room = MOST - len(title) - 2
        link = ((Button(self.say("b_waits"), url=f"{self.public_url}/"),),) if self.public_url else ()
        return Shown(title, text if len(text) <= room else f"{text[: room - 1]}…", link)

    def _lines(self, told: Summary, gaps: Sequence[tuple[str, datetime]]) -> Iterator[str]:
        if told.missed:
            share = round(100 * (told.miss_rate or 0))
            yield self.say("missed", missed=told.missed, inbound=told.inbound, share=share, hard=HARD)
        elif told.inbound:
            yield self.say("missed_none", inbound=told.inbound)
        fates = told.fates
        if any(fates.values()):
            lost = fates.get("lost", 0) + fates.get("silent", 0)
            yield self.say("fates", recovered=fates.get("recovered", 0), early=fates.get("early", 0), lost=lost)
        late = [one for one in told.waiting if one.breached]
        yield from self._named("overdue", late)
        yield from self._named("open", [one for one in told.waiting if not one.breached])
        yield from self._named("silent", told.silent) if told.silent else [self.say("silent_none")]
        if told.stale:
            yield self.say("stale", n=len(told.stale))
        if told.response.median is not None:
            yield self.say("median", median=self.length(told.response.median), n=told.response.n, hard=HARD)
        yield from self._complete(told, gaps)

    def _named(self, text: str, clients: Sequence[Client]) -> Iterator[str]:
        if not clients:
            return
        names = ", ".join(map(self._client, clients[:NAMED]))
        more = len(clients) - NAMED
        yield self.say(text, n=len(clients), names=self.say("others", names=names, n=more) if more > 0 else names)

    def _client(self, one: Client) -> str:
        name = one.name or address(one.handle or "").replace(" ", HARD)
        return f"{name} ({self.name(one.owner)})" if isinstance(one, Waiting) and one.owner else name

    def _complete(self, told: Summary, gaps: Sequence[tuple[str, datetime]]) -> Iterator[str]:
        if told.completeness is None or (told.completeness >= 1 and not gaps):
            return
        complete = self.say("complete", share=int(100 * told.completeness), hard=HARD)
        names = ", ".join(self.say("gap", name=name, at=self.at(since, told.at, text="since")) for name, since in gaps)
        yield self.say("gaps", complete=complete, names=names) if gaps else complete
