"""How are names, times, lengths and numbers said in the hub's language, to people and to a CRM?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from hub.core.handles import kind_of, shown, value_of
from hub.core.policy import Team

Texts = Mapping[str, str]
HARD = "\u00a0"
"""The space that keeps a number and its unit on one line."""

_RU: Texts = {
    "at": "в {time}",
    "at_day": "{day} в {time}",
    "until": "{time}",
    "until_day": "{day} {time}",
    "times_few": "{n} раза",
    "times_many": "{n} раз",
    "line": " на «{line}»",
    "s": "с",
    "min": "мин",
    "h": "ч",
    "d": "д",
    "came": "Звонил {at}",
    "came_often": "Звонил {n}, последний раз {at}",
    "came_callback_requested": "Просил перезвонить {at}",
    "came_voicemail": "Оставил голосовое сообщение {at}",
    "came_lost": "Потерян при переводе {at}",
    "wrote_email": "Письмо {at}",
    "wrote": "Написал {at}",
    "asked": "Оставил заявку {at}",
    "callback_reached": "Перезвонили {at}{by}",
    "client_got_through": "Клиент дозвонился сам {at}{by}",
    "other_channel": "Связались с клиентом без звонка {at}{by}",
    "replied": "Ответили {at}{by}",
    "exhausted": "Дозвониться не удалось, попыток: {n}",
    "expired": "Никто не связался: срок ожидания истёк {at}",
    "closed_by_hand": "Закрыто в хабе {at}{by}: {reason}",
    "no_reply_needed": "Ответа не нужно, отмечено {at}{by}",
    "bot_resolved": "Клиенту хватило ответа бота",
    "client_deleted": "Клиент удалил сообщение {at}",
    "no_callback_number": "Номер скрыт, перезвонить некуда",
    "wrong_number": "ошиблись номером",
    "spam": "спам",
    "duplicate": "повтор",
    "handled_offline": "решено вне системы",
    "asked_not_to_call": "клиент просил не звонить",
}
_EN: Texts = {
    "at": "at {time}",
    "at_day": "on {day} at {time}",
    "until": "{time}",
    "until_day": "{day} {time}",
    "times_few": "{n} times",
    "times_many": "{n} times",
    "line": " on {line}",
    "s": "s",
    "min": "min",
    "h": "h",
    "d": "d",
    "came": "Called {at}",
    "came_often": "Called {n}, last {at}",
    "came_callback_requested": "Asked to be called back {at}",
    "came_voicemail": "Left a voicemail {at}",
    "came_lost": "Lost in a transfer {at}",
    "wrote_email": "Mail {at}",
    "wrote": "Wrote {at}",
    "asked": "Filled in a form {at}",
    "callback_reached": "Called back {at}{by}",
    "client_got_through": "The client got through {at}{by}",
    "other_channel": "In touch without a call {at}{by}",
    "replied": "Answered {at}{by}",
    "exhausted": "Could not be reached, attempts: {n}",
    "expired": "Nobody got in touch: the wait expired {at}",
    "closed_by_hand": "Closed in the hub {at}{by}: {reason}",
    "no_reply_needed": "No reply needed, marked {at}{by}",
    "bot_resolved": "The bot's answer was enough",
    "client_deleted": "The client deleted the message {at}",
    "no_callback_number": "The number is withheld, nowhere to call",
    "wrong_number": "wrong number",
    "spam": "spam",
    "duplicate": "duplicate",
    "handled_offline": "settled elsewhere",
    "asked_not_to_call": "the client asked not to be called",
}
COMMON: Mapping[str, Texts] = {"ru": _RU, "en": _EN}


def vocabulary(russian: Texts, english: Texts) -> Mapping[str, Texts]:
    """The common texts with those of one purpose, by language."""
    return {"ru": {**_RU, **russian}, "en": {**_EN, **english}}


@dataclass(frozen=True, slots=True)
class Speech:
    """One language. Times are those of `zone`, with the day where a text tells of several days."""

    texts: ClassVar[Mapping[str, Texts]] = COMMON

    language: str
    zone: ZoneInfo
    team: Team

    def say(self, text: str, /, **values: object) -> str:
        """The text of that name, filled in."""
        return self.texts[self.language][text].format(**values)

    def knows(self, text: str) -> bool:
        """Whether there is a text of that name."""
        return text in self.texts[self.language]

    def reason(self, reason: str | None) -> str:
        """Why a person closed a case."""
        return self.texts[self.language].get(reason or "", reason or "")

    def who(self, name: str | None, client: str) -> str:
        """A client by name and address: `Пётр Ильин, +7 921 123-45-67`."""
        if name is None:
            return address(client)
        return f"{name}, {address(client)}" if tells(client) else name

    def line(self, group: str, line: str | None) -> str:
        """Where he asked; nothing where nobody knows."""
        return "" if group == "default" and line is None else self.say("line", line=place(group, line))

    def times(self, n: int) -> str:
        """`3 раза`."""
        few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
        return self.say("times_few" if few else "times_many", n=n)

    def name(self, ref: str) -> str:
        """One of us."""
        member = self.team.members.get(ref)
        return member.name if member is not None else address(ref)

    def by(self, ref: str | None) -> str:
        """` (Борис Смирнов)`; nothing where nobody did it."""
        return f" ({self.name(ref)})" if ref else ""

    def at(self, at: datetime, other: datetime | None = None, text: str = "at") -> str:
        """The time of a moment, with its day where the `other` one of the text is on another."""
        local = at.astimezone(self.zone)
        same_day = other is None or local.date() == other.astimezone(self.zone).date()
        return self.say(text if same_day else f"{text}_day", day=f"{local:%d.%m}", time=f"{local:%H:%M}")

    def length(self, seconds: int) -> str:
        """`31 с`, `7 мин`, `5 ч 37 мин`, `2 д 04 ч`."""
        if seconds < 60:
            return self._unit(seconds, "s")
        if seconds < 3600:
            return self._unit(seconds // 60, "min")
        if seconds < 172_800:
            rest = seconds // 60 % 60
            return self._unit(seconds // 3600, "h") + (HARD + self._unit(rest, "min", 2) if rest else "")
        return f"{self._unit(seconds // 86_400, 'd')}{HARD}{self._unit(seconds // 3600 % 24, 'h', 2)}"

    def _unit(self, n: int, unit: str, digits: int = 1) -> str:
        return f"{n:0{digits}d}{HARD}{self.say(unit)}"

    def ended(
        self,
        resolution: str,
        at: datetime,
        *,
        by: str | None = None,
        valid: int = 0,
        reason: str | None = None,
        opened_at: datetime | None = None,
    ) -> str:
        """How a wait ended: `Перезвонили в 10:31 (Борис Смирнов)`. valid: how many attempts of ours counted."""
        return self.say(resolution, at=self.at(at, opened_at), by=self.by(by), n=valid, reason=self.reason(reason))


def place(group: str, line: str | None) -> str:
    """The line group; of a line in none, the number itself."""
    return group if group != "default" or line is None else address(line)


def tells(handle: str) -> bool:
    """Whether an address says anything to a person beside a name: a vendor's number of an account does not."""
    return kind_of(handle) in ("phone", "email")


def address(handle: str) -> str:
    """A handle or line as people write it: `+7 921 123-45-67`."""
    if kind_of(handle) == "phone":
        return shown(value_of(handle))
    if kind_of(handle) == "email":
        return value_of(handle)
    whole = handle.isdecimal() and len(handle) > 9  # neither a short number nor a mailbox nor a bot
    return shown(f"+{handle}") if whole else handle
