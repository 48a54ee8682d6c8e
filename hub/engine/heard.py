"""What our own people told us: presses of buttons, messages to the bot, and what came back of what we sent.

All of it is carried out in the transaction that absorbs it, once: whatever was carried out before has left its answer or
its trace in the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection

from hub.core.effects import AmendNotice, Answer, Notify
from hub.core.notices import Notices
from hub.core.policy import Rulebook
from hub.core.presses import Decision, Pressing
from hub.core.records import PresenceState
from hub.core.situation import Situation
from hub.core.steps import MENU
from hub.engine.tell import situation
from hub.sdk.connector import Press, Returned, Said
from hub.store import cases, facts, outbox, repairs, staff
from hub.store.facts import Fact
from hub.store.identity import Lists
from hub.store.outbox import Planned

Heard: TypeAlias = Press | Said | Returned
PROMPT = timedelta(minutes=15)
"""A greeting is answered so soon or never: what is read anew, or after a silence of ours, is no news to its writer."""
HAND = "hand"
"""The step of a notice to somebody to whom a case was handed over."""


@dataclass(frozen=True, slots=True)
class Ears:
    """What it takes to understand what was told. own: the connection by which people's marks come in."""

    book: Rulebook
    words: Notices
    lists: Lists
    own: str

    def hear(self, connection: Connection, name: str, told: Sequence[Heard], now: datetime) -> bool:
        """Carry out what came by a connection; whether a way to one of us was linked or given up."""
        changed = False
        for item in told:
            if isinstance(item, Press):
                self._pressed(connection, name, item, now)
            elif isinstance(item, Said):
                changed |= self._said(connection, name, item, now)
            else:
                self._returned(connection, name, item, now)
        return changed

    # Presses.

    def _pressed(self, connection: Connection, name: str, press: Press, now: datetime) -> None:
        key = f"answer/{name}/{press.id}"
        if outbox.by_key(connection, [key]):
            return
        staff.open_again(connection, press.by)
        by = self.book.team.key_of(press.by, press.at)
        if by is None:
            decision = Decision(self.words.say("answer_stranger"))
        elif press.state is not None:
            decision = Decision(self._noted(press.state, press.at, now))
        else:
            decision = self._decided(connection, name, press, by, now)
        answer = Answer(key=key, at=press.at, to=by or "", text=decision.answer, press=press.id)
        outbox.plan(connection, [Planned(answer, None, None, now, name)])

    def _decided(self, connection: Connection, name: str, press: Press, by: str, now: datetime) -> Decision:
        rows = [row for row in outbox.made(connection, name, press.on) if row.case_id is not None]
        numbers = {cases.standing(connection, row.case_id) for row in rows}
        case = situation(connection, min(numbers), self.book, max(now, press.at)) if len(numbers) == 1 else None
        if case is None:
            return Decision(self.words.say("answer_unknown"))
        pressing = Pressing(f"press/{name}/{press.id}", press.at, by, press.action, case, self.words)
        decision = pressing.decide()
        if decision.mark is not None:
            facts.put(connection, [Fact(self.own, decision.mark, now)], now, lists=self.lists)
        if decision.menu is not None:
            self._ask(connection, name, press, rows[0], decision.menu, now)
        if decision.tell is not None:
            self._tell(connection, case, rows[0].contact_id, decision.tell, now)
        return decision

    def _ask(self, connection: Connection, name: str, press: Press, row: Any, menu: str, now: datetime) -> None:
        """The buttons of the message become a question, or those of the case again."""
        amended = AmendNotice(
            key=f"menu/{name}/{press.id}",
            at=press.at,
            to=row.recipient,
            case=row.body["case"],
            contact=row.body["contact"],
            because=MENU,
            menu=menu,
            step=row.body.get("step", ""),
        )
        outbox.plan(connection, [Planned(amended, row.case_id, row.contact_id, now, name)])

    def _tell(self, connection: Connection, case: Situation, contact: int | None, to: str, now: datetime) -> None:
        notice = Notify(
            key=f"{case.number}/{HAND}/{to}",
            at=now,
            to=to,
            case=case.key,
            kind=case.kind,
            step=HAND,
            contact=self.words.client(case),
            line_group=case.group.name,
            due_at=case.due_at,
        )
        outbox.plan(connection, [Planned(notice, case.number, contact, now)])
        cases.take(connection, case.number, f"{HAND}/{to}")

    # Messages to the bot.

    def _said(self, connection: Connection, name: str, said: Said, now: datetime) -> bool:
        key = f"answer/{name}/{said.id}"
        if outbox.by_key(connection, [key]):
            return False
        member = self.book.team.key_of(said.by, said.at)
        command, _, rest = said.text.strip().partition(" ")
        code = rest.strip() if command.lower() == "/start" else command if command.startswith(staff.CODE) else ""
        if now - said.at > PROMPT and not code and command.lower() != "/stop":
            return False
        staff.open_again(connection, said.by)
        if command.lower() == "/stop":
            text, changed = self._stop(connection, said, member, now)
        elif code:
            text, member, changed = self._redeem(connection, said, member, code, now)
        elif member is not None and said.state is not None:
            text, changed = self._noted(said.state, said.at, now), False
        elif member is not None:
            text, changed = self.words.say("said_hello", name=self.words.name(member)), False
        else:
            text, changed = self.words.say("said_stranger"), False
        answer = Answer(key=key, at=said.at, to=member or "", text=text, chat=said.chat)
        outbox.plan(connection, [Planned(answer, None, None, now, name)])
        return changed

    def _noted(self, state: PresenceState, at: datetime, now: datetime) -> str:
        """What is on record of his coming and going."""
        return self.words.say(f"noted_{state}", at=self.words.at(at, now, text="until"))

    def _redeem(
        self, connection: Connection, said: Said, member: str | None, code: str, now: datetime
    ) -> tuple[str, str | None, bool]:
        """(answer, whose account it is now, whether that is new)."""
        invited = staff.redeem(connection, code, said.at)
        if invited is None or invited not in self.book.team.members:
            if member is not None:
                return self.words.say("said_again", name=self.words.name(member)), member, False
            return self.words.say("said_wrong"), None, False
        staff.link(connection, said.by, invited, now)
        repairs.clear(connection, f"channel:{invited}")
        return self.words.say("said_linked", name=self.words.name(invited)), invited, True

    def _stop(self, connection: Connection, said: Said, member: str | None, now: datetime) -> tuple[str, bool]:
        if staff.unlink(connection, said.by):
            return self.words.say("said_stopped"), True
        if member is None:
            return self.words.say("said_not_linked"), False
        staff.close(connection, said.by, member, "/stop", now)  # written in the configuration: he is not told there
        return self.words.say("said_stopped"), False

    # What came back.

    def _returned(self, connection: Connection, name: str, back: Returned, now: datetime) -> None:
        """A message of ours did not arrive: what it said goes by the next way, unless its reader may get it yet."""
        rows = [row for row in outbox.made(connection, name, back.of) if row.state == "sent"]
        if not rows or not back.hard:
            return
        staff.unreachable(connection, rows, rows[0].address, back.why, now)
