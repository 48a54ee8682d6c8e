"""What does a CRM read of us: tasks, results, notes and names as a colleague would write them, in the hub's language?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from hub.core.calls import Verdict
from hub.core.cases import Case
from hub.core.records import Message, Submission
from hub.core.speech import Speech, Texts, address, place, vocabulary

Opening: TypeAlias = Verdict | Message | Submission
"""What a client did that opened a case."""

_RU: Texts = {
    "task": "Перезвонить: {who}. {came}{line}, ждёт до {due}",
    "task_reply": "Ответить: {who}. {came}{line}, ждёт до {due}",
    "task_lead": "Связаться: {who}. {came}{line}, ждёт до {due}",
    "expired_call": "Не перезвонили: срок ожидания истёк {at}",
    "not_a_miss": "Перезванивать не нужно: на звонок ответили",
    "not_a_miss_other": "Связываться не нужно",
    "merged_other": "Связываться не нужно: клиент ждёт по другой задаче",
    "suppressed_other": "Связываться не нужно: клиента просили не беспокоить",
    "merged": "Перезванивать не нужно: клиент ждёт по другой задаче",
    "suppressed": "Перезванивать не нужно: клиента просили не беспокоить",
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
    "task_reply": "Reply: {who}. {came}{line}, waits until {due}",
    "task_lead": "Get in touch: {who}. {came}{line}, waits until {due}",
    "expired_call": "Nobody called back: the wait expired {at}",
    "not_a_miss": "No need to call back: the call was answered",
    "not_a_miss_other": "No need to get in touch",
    "merged_other": "No need to get in touch: the client waits by another task",
    "suppressed_other": "No need to get in touch: the client is not to be contacted",
    "merged": "No need to call back: the client waits by another task",
    "suppressed": "No need to call back: the client is not to be contacted",
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


@dataclass(frozen=True, slots=True)
class Wording(Speech):
    """The texts that a CRM is told."""

    texts: ClassVar[Mapping[str, Texts]] = vocabulary(_RU, _EN)

    def task(self, case: Case, opening: Opening, client: str) -> str:
        """`Перезвонить: Пётр Ильин, +7 921 123-45-67. Звонил в 10:00 на «sales», ждёт до 10:15`."""
        assert case.due_at is not None, "nobody is told to get in touch without saying until when"
        due = self.at(case.due_at, case.last_attempt_at, text="until")
        line = self.line(case.line_group, opening.line)
        return self.say(
            f"task_{_KINDS[case.kind]}" if case.kind in _KINDS else "task",
            who=self.who(case.contact_name, client),
            came=self._came(case, opening),
            line=line,
            due=due,
        )

    def _came(self, case: Case, opening: Opening) -> str:
        if isinstance(opening, Message):
            at = self.at(case.opened_at, case.due_at)
            return self.say("wrote_email" if opening.channel == "email" else "wrote", at=at)
        if isinstance(opening, Submission):
            return self.say("asked", at=self.at(opening.at, case.due_at))
        if opening.lost_at is not None:
            return self.say("came_lost", at=self.at(opening.lost_at, case.due_at))
        last = self.at(case.last_attempt_at, case.due_at)
        if case.client_attempts > 1:
            return self.say("came_often", n=self.times(case.client_attempts), at=last)
        special = f"came_{opening.outcome}"
        return self.say(special if self.knows(special) else "came", at=last)

    def result(self, case: Case) -> str:
        """How the wait ended: `Перезвонили в 10:31 (Борис Смирнов)`."""
        assert case.resolution is not None, "an open case has no result"
        expired = case.resolution == "expired" and case.kind not in _KINDS
        return self.ended(
            "expired_call" if expired else case.resolution,
            case.closed_at or case.opened_at,
            by=case.closed_by_member,
            valid=sum(1 for attempt in case.attempts if attempt.valid),
            reason=case.reason,
            opened_at=case.opened_at,
        )

    def no_longer(self, because: str, kind: str = "missed_call") -> str:
        """Why nobody has to get in touch after all: `not_a_miss`, `merged` or `suppressed`."""
        return self.say(f"{because}_other" if kind in _KINDS else because)

    def note(self, case: Case, loss: Verdict) -> str:
        """What happened to a client who was lost in a transfer."""
        human = self.say("note_human", human=self.name(loss.last_human)) if loss.last_human else ""
        at = self.at(loss.lost_at or case.opened_at)
        return self.say("note", at=at, line=self.line(case.line_group, loss.line), human=human)

    def call(self, call: Verdict) -> str:
        """What came of a call, in a few words."""
        waited = self.say("waited", n=call.client_wait) if call.client_wait is not None else ""
        return self.say(call.outcome or "unknown_unanswered", by=self.by(call.last_human), waited=waited)

    def lead(self, name: str | None, client: str, call: Verdict) -> str:
        """A lead is named after the client and the line that he called."""
        return self.say("lead", who=name or address(client), line=place(call.line_group, call.line))


_KINDS = {"awaiting_reply": "reply", "new_lead": "lead"}
"""Kinds of cases that are not about calling back, as they stand in the names of texts."""
