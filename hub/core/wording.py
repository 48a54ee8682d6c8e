"""What does a CRM read of us: tasks, results, notes and names as a colleague would write them, in the hub's language?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from hub.core.calls import Verdict
from hub.core.cases import Case
from hub.core.handles import kind_of, shown, value_of
from hub.core.policy import Team

Texts = Mapping[str, str]

_RU: Texts = {
    "task": "Перезвонить: {who}. {came}{line}, ждёт до {due}",
    "came": "Звонил {at}",
    "came_often": "Звонил {n}, последний раз {at}",
    "came_callback_requested": "Просил перезвонить {at}",
    "came_voicemail": "Оставил голосовое сообщение {at}",
    "came_lost": "Потерян при переводе {at}",
    "times_few": "{n} раза",
    "times_many": "{n} раз",
    "line": " на «{line}»",
    "at": "в {time}",
    "at_day": "{day} в {time}",
    "until": "{time}",
    "until_day": "{day} {time}",
    "callback_reached": "Перезвонили {at}{by}",
    "client_got_through": "Клиент дозвонился сам {at}{by}",
    "other_channel": "Связались с клиентом без звонка {at}{by}",
    "exhausted": "Дозвониться не удалось, попыток: {n}",
    "expired": "Не перезвонили: срок ожидания истёк {at}",
    "closed_by_hand": "Закрыто в хабе {at}{by}: {reason}",
    "not_a_miss": "Перезванивать не нужно: на звонок ответили",
    "merged": "Перезванивать не нужно: клиент ждёт по другой задаче",
    "suppressed": "Перезванивать не нужно: клиента просили не беспокоить",
    "wrong_number": "ошиблись номером",
    "spam": "спам",
    "duplicate": "повтор",
    "handled_offline": "решено без звонка",
    "asked_not_to_call": "клиент просил не звонить",
    "note": "Клиент потерян при переводе {at}{line}: {human}ждал, пока ответит следующий, и положил трубку",
    "note_human": "после разговора ({human}) ",
    "lead": "{who} · {line}",
    "answered": "Разговор{by}",
    "no_answer": "Не ответили",
    "busy": "Занято",
    "failed": "Не соединилось",
    "member_no_answer": "Сотрудник не снял трубку",
    "abandoned_wait": "Не дождался ответа{waited}",
    "abandoned_ivr": "Положил трубку в меню",
    "busy_declined": "Все были заняты",
    "no_staff": "Никого не было на месте",
    "voicemail": "Оставил голосовое сообщение",
    "callback_requested": "Просил перезвонить",
    "self_served": "Узнал всё из меню",
    "failed_technical": "Связь не установилась",
    "unknown_unanswered": "Без ответа",
    "waited": ", ждал {n} с",
}
_EN: Texts = {
    "task": "Call back: {who}. {came}{line}, waits until {due}",
    "came": "Called {at}",
    "came_often": "Called {n}, last {at}",
    "came_callback_requested": "Asked to be called back {at}",
    "came_voicemail": "Left a voicemail {at}",
    "came_lost": "Lost in a transfer {at}",
    "times_few": "{n} times",
    "times_many": "{n} times",
    "line": " on {line}",
    "at": "at {time}",
    "at_day": "on {day} at {time}",
    "until": "{time}",
    "until_day": "{day} {time}",
    "callback_reached": "Called back {at}{by}",
    "client_got_through": "The client got through {at}{by}",
    "other_channel": "In touch without a call {at}{by}",
    "exhausted": "Could not be reached, attempts: {n}",
    "expired": "Nobody called back: the wait expired {at}",
    "closed_by_hand": "Closed in the hub {at}{by}: {reason}",
    "not_a_miss": "No need to call back: the call was answered",
    "merged": "No need to call back: the client waits by another task",
    "suppressed": "No need to call back: the client is not to be contacted",
    "wrong_number": "wrong number",
    "spam": "spam",
    "duplicate": "duplicate",
    "handled_offline": "settled without a call",
    "asked_not_to_call": "the client asked not to be called",
    "note": "The client was lost in a transfer {at}{line}: {human}he waited for the next to answer and hung up",
    "note_human": "after talking ({human}) ",
    "lead": "{who} · {line}",
    "answered": "Talked{by}",
    "no_answer": "No answer",
    "busy": "Busy",
    "failed": "Not connected",
    "member_no_answer": "Our phone was not picked up",
    "abandoned_wait": "Gave up waiting{waited}",
    "abandoned_ivr": "Hung up in the menu",
    "busy_declined": "Everybody was busy",
    "no_staff": "Nobody was on duty",
    "voicemail": "Left a voicemail",
    "callback_requested": "Asked to be called back",
    "self_served": "Was served by the menu",
    "failed_technical": "Could not be connected",
    "unknown_unanswered": "Not answered",
    "waited": " after {n} s",
}
_TEXTS: Mapping[str, Texts] = {"ru": _RU, "en": _EN}


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of one language. Times are those of `zone`, with the day where a text tells of several days."""

    language: str
    zone: ZoneInfo
    team: Team

    def task(self, case: Case, opening: Verdict, client: str) -> str:
        """`Перезвонить: Пётр Ильин, +7 921 123-45-67. Звонил в 10:00 на «sales», ждёт до 10:15`."""
        assert case.due_at is not None, "nobody is told to call back without saying until when"
        due = self._at(case.due_at, case.last_attempt_at, text="until")
        line = self._line(case.line_group, opening.line)
        return self._say(
            "task", who=self._who(case.contact_name, client), came=self._came(case, opening), line=line, due=due
        )

    def _came(self, case: Case, opening: Verdict) -> str:
        if opening.lost_at is not None:
            return self._say("came_lost", at=self._at(opening.lost_at, case.due_at))
        last = self._at(case.last_attempt_at, case.due_at)
        if case.client_attempts > 1:
            return self._say("came_often", n=self._times(case.client_attempts), at=last)
        special = f"came_{opening.outcome}"
        return self._say(special if special in _RU else "came", at=last)

    def result(self, case: Case) -> str:
        """How the wait ended: `Перезвонили в 10:31 (Борис Смирнов)`."""
        assert case.resolution is not None, "an open case has no result"
        return self._say(
            case.resolution,
            at=self._at(case.closed_at or case.opened_at, case.opened_at),
            by=self._by(case.closed_by_member),
            n=sum(1 for attempt in case.attempts if attempt.valid),
            reason=self._reason(case.reason),
        )

    def no_longer(self, because: str) -> str:
        """Why nobody has to call back after all: `not_a_miss`, `merged` or `suppressed`."""
        return self._say(because)

    def note(self, case: Case, loss: Verdict) -> str:
        """What happened to a client who was lost in a transfer."""
        human = self._say("note_human", human=self._name(loss.last_human)) if loss.last_human else ""
        at = self._at(loss.lost_at or case.opened_at)
        return self._say("note", at=at, line=self._line(case.line_group, loss.line), human=human)

    def call(self, call: Verdict) -> str:
        """What came of a call, in a few words."""
        waited = self._say("waited", n=call.client_wait) if call.client_wait is not None else ""
        return self._say(call.outcome or "unknown_unanswered", by=self._by(call.last_human), waited=waited)

    def lead(self, name: str | None, client: str, call: Verdict) -> str:
        """A lead is named after the client and the line that he called."""
        return self._say("lead", who=name or address(client), line=self._place(call.line_group, call.line))

    def _say(self, text: str, **values: object) -> str:
        return _TEXTS[self.language][text].format(**values)

    def _reason(self, reason: str | None) -> str:
        return _TEXTS[self.language].get(reason or "", reason or "")

    def _who(self, name: str | None, client: str) -> str:
        return f"{name}, {address(client)}" if name else address(client)

    def _place(self, group: str, line: str | None) -> str:
        """The line group; of a line in none, the number itself."""
        return group if group != "default" or line is None else address(line)

    def _line(self, group: str, line: str | None) -> str:
        return "" if group == "default" and line is None else self._say("line", line=self._place(group, line))

    def _times(self, n: int) -> str:
        few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
        return self._say("times_few" if few else "times_many", n=n)

    def _name(self, ref: str) -> str:
        member = self.team.members.get(ref)
        return member.name if member is not None else address(ref)

    def _by(self, ref: str | None) -> str:
        return f" ({self._name(ref)})" if ref else ""

    def _at(self, at: datetime, other: datetime | None = None, text: str = "at") -> str:
        """The time of a moment, with its day where the `other` one of the text is on another."""
        local = at.astimezone(self.zone)
        same_day = other is None or local.date() == other.astimezone(self.zone).date()
        return self._say(text if same_day else f"{text}_day", day=f"{local:%d.%m}", time=f"{local:%H:%M}")


def address(handle: str) -> str:
    """A handle or line as people write it: `+7 921 123-45-67`."""
    if kind_of(handle) == "phone":
        return shown(value_of(handle))
    whole = handle.isdecimal() and len(handle) > 9  # neither a short number nor a mailbox nor a bot
    return shown(f"+{handle}") if whole else handle
