"""What do our own people read when a client waits, and which buttons stand under it (prototype/mail/messages.md)?

The first line is a sign, the client and the one fact; then why; then whose turn. All of it is plain text: the channel
escapes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import ClassVar

from hub.core.effects import Button, Buttons
from hub.core.records import CLOSING_REASONS, instant
from hub.core.situation import Row, Situation
from hub.core.speech import HARD, Speech, Texts, address, tells, vocabulary

MOST = 600
"""Characters of a message: more is not read on a telephone."""
QUOTE = 160
"""Characters of the client's own words."""
LISTED = 10
"""Clients that a message of several names; the others are counted."""
UNDO = timedelta(minutes=10)
"""How long somebody may think better of closing."""
SNOOZES = (15, 30, 60)
"""Minutes for which a warning can be put off."""
SNOOZE_REASONS = ("asked_later", "waits_for_us", "other")
"""Why it is put off after the promise was broken (metrics.md 11.3)."""
NO_REPLY = ("thanks", "handled_offline", "spam", "duplicate")
"""Why no reply is needed."""
_LONGEST_ACTION = 40

_RU: Texts = {
    "waits": "{sign} {who} ждёт {waited}, осталось {left}",
    "waits_reply": "{sign} {who} ждёт ответа {waited}, осталось {left}",
    "waits_long": "{sign} {who} ждёт {waited}",
    "overdue": "🔴 {who}: срок вышел {at}",
    "taken": "🔵 {who}: в работе {at}, {by}",
    "is_callback_reached": "✅ {who}: поговорили",
    "is_client_got_through": "✅ {who}: поговорили",
    "is_other_channel": "✅ {who}: связались",
    "is_replied": "✅ {who}: ответили",
    "is_exhausted": "⚫ {who}: дозвониться не удалось",
    "is_expired": "⚫ {who}: никто не связался",
    "is_closed_by_hand": "☑️ {who}: закрыто, {reason}",
    "is_no_reply_needed": "☑️ {who}: ответа не нужно",
    "is_bot_resolved": "☑️ {who}: хватило бота",
    "is_client_deleted": "☑️ {who}: сообщение удалено",
    "is_no_callback_number": "☑️ {who}: номер скрыт",
    "is_not_a_miss": "⚪ {who}: отбой, это не пропуск",
    "is_not_a_miss_other": "⚪ {who}: отбой, никто не ждёт",
    "is_merged": "⚪ {who}: отбой, ждёт по другому обращению",
    "lasted": ", {length}",
    "had_waited": "Клиент ждал {waited}",
    "had_waited_of": "Клиент ждал {waited} при сроке {target}",
    "answered_after_all": "На звонок ответили {at}{by}, узнали {known}.",
    "waited_for": ", ждал {waited}",
    "called_often": "Звонил {n} за {length}",
    "in_vain": "Не взяли: {names}",
    "quote": "«{text}»",
    "form": "Форма «{form}»",
    "deal": "Сделка «{title}»",
    "yours": "Очередь ваша.",
    "yours_instead": "Клиента ведёт {owner}, его сейчас нет – очередь ваша.",
    "turn": "Очередь: {name}.",
    "nobodys": "Очередь ничья.",
    "untried": "Попыток не было",
    "tried": "Попыток: {n}, последняя {at}",
    "runs": "Часы идут.",
    "runs_until": "Часы идут. Если ничего не изменится, {at} узнает {name}.",
    "several_overdue": "🔴 Срок вышел: {n}",
    "several": "⏳ Ждут нас: {n}",
    "item_overdue": "{n}. {who} – просрочено на {length}{by}",
    "item_left": "{n}. {who} – осталось {length}{by}",
    "item_taken": "{n}. 🔵 {who} – {by}",
    "item_ended": "{n}. {title}",
    "others": "…и ещё {n}",
    "why": "Почему не перезваниваем: {who}?",
    "why_other": "Почему не связываемся: {who}?",
    "why_reply": "Почему ответа не нужно: {who}?",
    "whom": "Кому передать: {who}?",
    "nobody_else": "Передать некому: сейчас больше никто не работает.",
    "how_long": "На сколько отложить: {who}?",
    "why_later": "Срок вышел. Почему откладываем: {who}?",
    "b_take": "Беру",
    "b_call": "Позвонить",
    "b_hand": "Передать…",
    "b_close": "Не перезваниваем…",
    "b_close_other": "Не связываемся…",
    "b_close_reply": "Ответа не нужно…",
    "b_later": "Позже…",
    "b_open": "Открыть",
    "b_list": "Открыть список",
    "b_crm": "В CRM",
    "b_back": "Отмена",
    "b_undo": "Вернуть",
    "b_minutes": "{n} мин",
    "b_handled_offline": "Решили вне системы",
    "b_wrong_number": "Ошиблись номером",
    "b_spam": "Спам",
    "b_duplicate": "Повтор",
    "b_asked_not_to_call": "Просил не звонить",
    "b_thanks": "Отвечать нечего",
    "b_asked_later": "Клиент просил позже",
    "b_waits_for_us": "Готовим ответ",
    "b_other": "Другое",
    "thanks": "отвечать нечего",
    "answer_taken": "Взяли. Следующий шаг не раньше {at}, часы идут.",
    "answer_has": "Уже в работе {at}: {name}.",
    "answer_closed": "Закрыто: «{reason}». Отменить можно 10 минут.",
    "answer_over": "Уже закрыто. {how}.",
    "answer_void": "Отбой: {how}.",
    "answer_other": "Это ожидание ведёт {name}.",
    "answer_whom": "Кому?",
    "answer_why": "Почему?",
    "answer_how_long": "На сколько?",
    "answer_handed": "Передано: {name}.",
    "answer_later": "Отложено до {at}, часы идут.",
    "answer_undone": "Вернули: клиент снова ждёт.",
    "answer_too_late": "Отменить уже нельзя: прошло больше 10 минут.",
    "answer_open": "Клиент и так ждёт.",
    "answer_back": "Хорошо.",
    "answer_stranger": "Вас нет в команде. Код для входа даст администратор хаба.",
    "answer_unknown": "Эта кнопка больше не действует.",
    "said_linked": "Готово, {name}: извещения будут приходить сюда. Отключить: /stop",
    "said_again": "{name}, вы уже подключены.",
    "said_wrong": "Код не подошёл: он одноразовый и скоро истекает. Новый даст администратор хаба.",
    "said_stranger": "Здравствуйте. Это служебный бот. Код для входа даст администратор хаба.",
    "said_stopped": "Отключено, извещений здесь больше не будет.",
    "said_not_linked": "Здесь и так ничего не подключено.",
    "noted_in": "На работе с {at}.",
    "noted_out": "Не на работе с {at}.",
    "noted_away": "Нет на месте с {at}.",
    "noted_busy": "Заняты с {at}.",
    "noted_free": "Снова свободны с {at}.",
    "said_hello": "{name}, сюда приходят извещения о клиентах, которые ждут. Отключить: /stop",
}
_EN: Texts = {
    "waits": "{sign} {who} has waited {waited}, {left} left",
    "waits_reply": "{sign} {who} has waited {waited} for a reply, {left} left",
    "waits_long": "{sign} {who} has waited {waited}",
    "overdue": "🔴 {who}: overdue since {at}",
    "taken": "🔵 {who}: taken {at}, {by}",
    "is_callback_reached": "✅ {who}: reached",
    "is_client_got_through": "✅ {who}: reached",
    "is_other_channel": "✅ {who}: in touch",
    "is_replied": "✅ {who}: answered",
    "is_exhausted": "⚫ {who}: could not be reached",
    "is_expired": "⚫ {who}: nobody got in touch",
    "is_closed_by_hand": "☑️ {who}: closed, {reason}",
    "is_no_reply_needed": "☑️ {who}: no reply needed",
    "is_bot_resolved": "☑️ {who}: the bot was enough",
    "is_client_deleted": "☑️ {who}: the message was deleted",
    "is_no_callback_number": "☑️ {who}: number withheld",
    "is_not_a_miss": "⚪ {who}: never mind, not a miss",
    "is_not_a_miss_other": "⚪ {who}: never mind, nobody waits",
    "is_merged": "⚪ {who}: never mind, waits by another entry",
    "lasted": ", {length}",
    "had_waited": "The client waited {waited}",
    "had_waited_of": "The client waited {waited}, promised {target}",
    "answered_after_all": "The call was answered {at}{by}, we learned {known}.",
    "waited_for": ", waited {waited}",
    "called_often": "Called {n} in {length}",
    "in_vain": "Rang: {names}",
    "quote": "“{text}”",
    "form": "Form “{form}”",
    "deal": "Deal “{title}”",
    "yours": "It is your turn.",
    "yours_instead": "Client of {owner}, who is not at work, so it is your turn.",
    "turn": "Turn: {name}.",
    "nobodys": "Nobody's turn.",
    "untried": "No attempt yet",
    "tried": "Attempts: {n}, last {at}",
    "runs": "The clock runs.",
    "runs_until": "The clock runs. If nothing changes, {name} is told {at}.",
    "several_overdue": "🔴 Overdue: {n}",
    "several": "⏳ Waiting for us: {n}",
    "item_overdue": "{n}. {who} – {length} overdue{by}",
    "item_left": "{n}. {who} – {length} left{by}",
    "item_taken": "{n}. 🔵 {who} – {by}",
    "item_ended": "{n}. {title}",
    "others": "…and {n} more",
    "why": "Why no callback: {who}?",
    "why_other": "Why not get in touch: {who}?",
    "why_reply": "Why no reply: {who}?",
    "whom": "Hand over to whom: {who}?",
    "nobody_else": "Nobody to hand over to: nobody else works now.",
    "how_long": "Put off for how long: {who}?",
    "why_later": "It is overdue. Why put it off: {who}?",
    "b_take": "I take it",
    "b_call": "Call",
    "b_hand": "Hand over…",
    "b_close": "No callback…",
    "b_close_other": "Not getting in touch…",
    "b_close_reply": "No reply needed…",
    "b_later": "Later…",
    "b_open": "Open",
    "b_list": "Open the list",
    "b_crm": "In the CRM",
    "b_back": "Cancel",
    "b_undo": "Undo",
    "b_minutes": "{n} min",
    "b_handled_offline": "Settled elsewhere",
    "b_wrong_number": "Wrong number",
    "b_spam": "Spam",
    "b_duplicate": "Duplicate",
    "b_asked_not_to_call": "Asked not to call",
    "b_thanks": "Nothing to answer",
    "b_asked_later": "The client asked to wait",
    "b_waits_for_us": "We prepare the answer",
    "b_other": "Other",
    "thanks": "nothing to answer",
    "answer_taken": "Taken. Next step not before {at}; the clock runs.",
    "answer_has": "Already taken {at}: {name}.",
    "answer_closed": "Closed: “{reason}”. You can undo for 10 minutes.",
    "answer_over": "Already closed. {how}.",
    "answer_void": "Never mind: {how}.",
    "answer_other": "{name} has this one.",
    "answer_whom": "To whom?",
    "answer_why": "Why?",
    "answer_how_long": "For how long?",
    "answer_handed": "Handed over: {name}.",
    "answer_later": "Put off until {at}; the clock runs.",
    "answer_undone": "Undone: the client waits again.",
    "answer_too_late": "Too late to undo: more than 10 minutes have passed.",
    "answer_open": "The client waits anyway.",
    "answer_back": "All right.",
    "answer_stranger": "You are not of the team. The hub's administrator has a code for you.",
    "answer_unknown": "This button does not work any more.",
    "said_linked": "Done, {name}: notices will come here. To stop them: /stop",
    "said_again": "{name}, you are linked already.",
    "said_wrong": "The code does not fit: it works once and not for long. The hub's administrator has a new one.",
    "said_stranger": "Hello. This bot is for our own people. The hub's administrator has a code for you.",
    "said_stopped": "Stopped, no more notices here.",
    "said_not_linked": "Nothing is linked here anyway.",
    "noted_in": "At work since {at}.",
    "noted_out": "Off work since {at}.",
    "noted_away": "Away since {at}.",
    "noted_busy": "Busy since {at}.",
    "noted_free": "Free again since {at}.",
    "said_hello": "{name}, notices of clients who wait come here. To stop them: /stop",
}
_SUFFIXES = {"awaiting_reply": "_reply", "new_lead": "_other"}
_SIGNS = {"awaiting_reply": "💬", "new_lead": "📝"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as it is shown: its first line, the rest, and the rows of buttons."""

    title: str
    text: str
    buttons: Buttons = ()


@dataclass(frozen=True, slots=True)
class Notices(Speech):
    """The messages of one hub. public_url: where its pages are reached, None where they are not."""

    texts: ClassVar[Mapping[str, Texts]] = vocabulary(_RU, _EN)

    public_url: str | None = None

    def notice(self, told: Situation, to: str, menu: str = "", free: Sequence[str] = ()) -> Shown:
        """What one of us is told of a case now. menu: what its buttons ask. free: to whom it can be handed over."""
        if menu and told.is_open:
            return Shown(self._question(told, menu, free), "", self._menu(told, menu, free))
        blocks = ["\n".join(filter(None, block)) for block in self._blocks(told, to)]
        title = self.title(told)
        text = "\n\n".join(filter(None, blocks))
        room = MOST - len(title) - 2
        return Shown(title, text if len(text) <= room else f"{text[: room - 1].rstrip()}…", self._buttons(told))

    # The first line.

    def title(self, told: Situation) -> str:
        """Sign, client and the one fact."""
        who = self.client(told)
        if told.resolution is not None:
            name = f"is_{told.resolution}"
            other = f"{name}_other"
            fits = told.kind in _SUFFIXES and self.knows(other)
            return self.say(other if fits else name, who=who, reason=self.reason(told.reason))
        if told.taken is not None:
            by, at = told.taken
            return self.say("taken", who=who, at=self.at(at, told.now), by=self.name(by))
        if told.overdue and told.due_at is not None:
            return self.say("overdue", who=who, at=self._since(told.due_at, told.now))
        waited, sign = self.length(told.waited), self._sign(told)
        if told.left is None:
            return self.say("waits_long", sign=sign, who=who, waited=waited)
        text = "waits_reply" if told.kind == "awaiting_reply" else "waits"
        return self.say(text, sign=sign, who=who, waited=waited, left=self.length(told.left))

    def _since(self, at: datetime, now: datetime) -> str:
        return self.at(at, now) if self.language == "ru" else self.at(at, now, text="until")

    def _sign(self, told: Situation) -> str:
        if told.said is not None and told.said.channel == "email":
            return "✉️"
        return _SIGNS.get(told.kind, "⏳")

    def client(self, told: Situation) -> str:
        """The client in a word: his company, his name, else his address."""
        return told.company or told.timeline.contact.name or address(told.handle).replace(" ", HARD)

    # The rest.

    def _blocks(self, told: Situation, to: str) -> Iterator[list[str]]:
        if told.resolution is not None:
            yield [self.ending(told), *self._had_waited(told)]
            return
        if told.taken is not None:
            yield [self._who(told), self._tried(told)]
            yield [self._runs(told)]
            return
        yield [self._who(told), *self._asked(told), self._deal(told)]
        yield [self._turn(told, to)]

    def _who(self, told: Situation) -> str:
        """Name and address, as far as the first line does not name them."""
        name, where = told.timeline.contact.name, address(told.handle)
        shown = [name if told.company else None, where if (told.company or name) and tells(told.handle) else None]
        return ", ".join(filter(None, shown))

    def _asked(self, told: Situation) -> Iterator[str]:
        said, form, call = told.said, told.form, told.call
        if said is not None:
            name = "wrote_email" if said.channel == "email" else "wrote"
            yield self.say(name, at=self.at(said.at, told.now)) + self.line(told.group.name, said.line)
            yield self._quote(getattr(said, "subject", None) or said.text)
        elif form is not None:
            yield self.say("asked", at=self.at(form.at, told.now)) + self.line(told.group.name, form.line)
            yield self.say("form", form=form.form) if form.form else ""
            yield self._quote(form.text)
        elif call is not None:
            yield from self._called(told, call)

    def _called(self, told: Situation, call: Row) -> Iterator[str]:
        line = self.line(told.group.name, call["line"])
        at, n = instant(call["started_at"]), int(told.row["client_attempts"])
        if n > 1:
            length = self.length(max(int((at - told.opened_at).total_seconds()), 0) + (call["client_wait"] or 0))
            yield self.say("called_often", n=self.times(n), length=length) + line
        else:
            special = "came_lost" if told.kind == "lost_in_transfer" else f"came_{call['outcome']}"
            came = self.say(special if self.knows(special) else "came", at=self.at(at, told.now))
            waited = self.say("waited_for", waited=self.length(call["client_wait"])) if call["client_wait"] else ""
            yield came + line + waited
        if told.rang:
            yield self.say("in_vain", names=", ".join(map(self.name, told.rang)))

    def _quote(self, text: str | None) -> str:
        words = " ".join((text or "").split())
        if len(words) > QUOTE:
            words = f"{words[: QUOTE - 1].rsplit(' ', 1)[0]}…"
        return self.say("quote", text=words) if words else ""

    def _deal(self, told: Situation) -> str:
        deal = told.deal
        if deal is None or not deal.title:
            return ""
        text = self.say("deal", title=deal.title)
        return f"{text}, {self.amount(deal.amount, deal.currency)}" if deal.amount else text

    def amount(self, amount: float, currency: str | None) -> str:
        """`1 240 000 ₽`."""
        gap = HARD if self.language == "ru" else ","
        number = f"{amount:,.0f}".replace(",", gap)
        return f"{number}{HARD}{_CURRENCIES.get(currency or '', currency or '')}".rstrip(HARD)

    def _turn(self, told: Situation, to: str) -> str:
        turn, owner = told.turn, told.row["owner"]
        if turn is None:
            return f"{self.say('nobodys')} {self._tried(told)}"
        if turn != to:
            return f"{self.say('turn', name=self.name(turn))} {self._tried(told)}"
        if owner is not None and owner != to and told.row["owner_absent"]:
            return self.say("yours_instead", owner=self.name(owner))
        return self.say("yours")

    def _tried(self, told: Situation) -> str:
        tried = [item for item in told.row["attempts"] if instant(item["at"]) <= told.now]
        if not tried:
            return self.say("untried")
        return self.say("tried", n=len(tried), at=self.at(instant(tried[-1]["at"]), told.now))

    def _runs(self, told: Situation) -> str:
        step = told.next_step()
        if step is None:
            return self.say("runs")
        return self.say("runs_until", at=self.at(step.at, told.now), name=self.name(step.to))

    def ending(self, told: Situation) -> str:
        """How it ended, as a sentence without its full stop."""
        opening = told.calls.get(told.row["opened_by"])
        if told.resolution == "not_a_miss":
            if opening is None or not opening["answered_at"]:
                return ""
            at, by = instant(opening["answered_at"]), self.by(opening["answered_by"])
            known = self.at(told.now, told.now)
            return self.say("answered_after_all", at=self.at(at, told.now), by=by, known=known)
        if told.resolution is None or told.resolution == "merged":
            return ""
        proof = told.calls.get(told.row.get("closed_by") or "")
        lasted = self.say("lasted", length=self._exactly(proof["talk"])) if proof and proof["talk"] else ""
        ended = self.ended(
            told.resolution,
            told.closed_at or told.now,
            by=told.closed_by,
            valid=sum(1 for item in told.row["attempts"] if item["valid"]),
            reason=told.reason,
            opened_at=told.now,
        )
        return ended + lasted

    def _exactly(self, seconds: int) -> str:
        """`3 мин 05 с`."""
        if seconds < 60 or seconds >= 3600:
            return self.length(seconds)
        return f"{self.length(seconds)}{HARD}{seconds % 60:02d}{HARD}{self.say('s')}"

    def _had_waited(self, told: Situation) -> Iterator[str]:
        if told.row["state"] == "void":
            return
        waited = self.length(told.waited)
        if told.target:
            yield self.say("had_waited_of", waited=waited, target=self.length(int(told.target.total_seconds())))
        else:
            yield self.say("had_waited", waited=waited)

    # Buttons.

    def _buttons(self, told: Situation) -> Buttons:
        undo = told.by_hand and told.closed_at is not None and told.now - told.closed_at < UNDO
        if told.resolution is not None:
            return _rows([*([Button(self.say("b_undo"), "undo")] if undo else []), *self._links(told)])
        taken = told.taken is not None
        act = [] if taken else [Button(self.say("b_take"), "take")]
        call = self._call(told)
        more = [] if taken else [Button(self.say("b_later"), "later")]
        close = Button(self.say(f"b_close{_SUFFIXES.get(told.kind, '')}"), "close")
        return _rows([*act, *call], [Button(self.say("b_hand"), "hand"), *more], [close], self._links(told))

    def _call(self, told: Situation) -> list[Button]:
        if self.public_url is None or not told.handle.startswith("phone:"):
            return []
        return [Button(self.say("b_call"), url=f"{self.public_url}/contacts/{told.timeline.contact.id}/call")]

    def _links(self, told: Situation) -> list[Button]:
        page = f"{self.public_url}/contacts/{told.timeline.contact.id}" if self.public_url else None
        links = (("b_open", page), ("b_crm", told.crm_url))
        return [Button(self.say(label), url=url) for label, url in links if url]

    def _question(self, told: Situation, menu: str, free: Sequence[str]) -> str:
        who = self.client(told)
        if menu == "hand":
            return self.say("whom" if free else "nobody_else", who=who)
        if menu == "close":
            return self.say(f"why{_SUFFIXES.get(told.kind, '')}", who=who)
        return self.say("why_later" if told.overdue else "how_long", who=who)

    def _menu(self, told: Situation, menu: str, free: Sequence[str]) -> Buttons:
        back = [Button(self.say("b_back"), "back")]
        if menu == "hand":
            return _rows(*([Button(self.name(key), f"hand:{token(key)}")] for key in free), back)
        if menu == "close":
            reasons = NO_REPLY if told.kind == "awaiting_reply" else closing_reasons()
            return _rows(*([Button(self.say(f"b_{reason}"), f"close:{reason}")] for reason in reasons), back)
        if told.overdue:
            minutes = SNOOZES[1]
            later = ([Button(self.say(f"b_{why}"), f"snooze:{minutes}:{why}")] for why in SNOOZE_REASONS)
            return _rows(*later, back)
        return _rows([Button(self.say("b_minutes", n=n), f"snooze:{n}") for n in SNOOZES], back)

    # Several at once.

    def several(self, told: Sequence[Situation]) -> Shown:
        """One message for several clients, the worst first."""
        waiting = [item for item in told if item.is_open]
        late = [item for item in waiting if item.overdue]
        title = (
            self.say("several_overdue", n=len(late))
            if len(late) == len(waiting) and late
            else self.say("several", n=len(waiting))
        )
        lines = [self._item(number, item) for number, item in enumerate(told, 1)]
        rest = [self.say("others", n=len(lines) - LISTED)] if len(lines) > LISTED else []
        link = [Button(self.say("b_list"), url=f"{self.public_url}/")] if self.public_url else []
        return Shown(title, "\n".join([*lines[:LISTED], *rest]), _rows(link))

    def _item(self, n: int, told: Situation) -> str:
        who = self.client(told)
        if not told.is_open:
            return self.say("item_ended", n=n, title=self.title(told))
        if told.taken is not None:
            return self.say("item_taken", n=n, who=who, by=self.name(told.taken[0]))
        by = f", {self.name(told.turn)}" if told.turn else ""
        if told.overdue and told.due_at is not None:
            late = max(told.worked(told.due_at, told.now), 0)
            return self.say("item_overdue", n=n, who=who, length=self.length(late), by=by)
        return self.say("item_left", n=n, who=who, length=self.length(told.left or 0), by=by)


def closing_reasons() -> tuple[str, ...]:
    """Why a client is not called back, in the order of the menu."""
    first = ("handled_offline", "wrong_number")
    return (*first, *(reason for reason in CLOSING_REASONS if reason not in first))


def _rows(*rows: Iterable[Button]) -> Buttons:
    return tuple(found for row in rows if (found := tuple(row)))


def token(key: str) -> str:
    """One of us as an action names him: his key, or its digest where that is long or not in Latin letters."""
    fits = key.isascii() and len(key) <= _LONGEST_ACTION - len("hand:")
    return key if fits else f"#{blake2b(key.encode(), digest_size=8).hexdigest()}"


def meant(text: str, keys: Collection[str]) -> str | None:
    """The key whose token this is."""
    return next((key for key in keys if token(key) == text), None)


_CURRENCIES = {"RUB": "₽", "USD": "$", "EUR": "€", "KZT": "₸"}
