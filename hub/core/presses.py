"""One of us pressed a button or wrote to the bot: what follows, and what is he answered (prototype/mail/messages.md)?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.core.notices import NO_REPLY, SNOOZE_REASONS, SNOOZES, UNDO, Notices, closing_reasons, meant
from hub.core.records import Mark, MemberRef, Target
from hub.core.situation import Situation

MENUS = {"close": "answer_why", "hand": "answer_whom", "later": "answer_how_long"}
"""Buttons that ask on: what is answered meanwhile."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a press. mark: what was decided. menu: the buttons become these, None: they stay.

    tell: who has to be told of the case now, because it was handed over to him.
    """

    answer: str
    mark: Mark | None = None
    menu: str | None = None
    tell: str | None = None


@dataclass(frozen=True, slots=True)
class Pressing:
    """One press of a button under the message of a case. by: key of who pressed; id: of the mark that it makes."""

    id: str
    at: datetime
    by: str
    action: str
    case: Situation
    words: Notices

    def decide(self) -> Decision:
        """What follows. The same press, asked again, follows in the same."""
        word, _, rest = self.action.partition(":")
        if word == "undo":
            return self._undo()
        if not self.case.is_open:
            return Decision(self._over(), menu="")
        if word == "take":
            return self._take()
        if self.by not in self.case.concerned:
            turn = self.case.turn
            return Decision(
                self._say("answer_other", name=self.words.name(turn)) if turn else self._say("answer_unknown")
            )
        if word == "back":
            return Decision(self._say("answer_back"), menu="")
        if not rest:
            return Decision(self._say(MENUS[word]), menu=word) if word in MENUS else self._unknown()
        return {"close": self._close, "hand": self._hand, "snooze": self._snooze}.get(word, self._strange)(rest)

    def _take(self) -> Decision:
        taken = self.case.taken
        if taken is not None and taken[0] != self.by:
            return Decision(self._say("answer_has", at=self._at(taken[1]), name=self.words.name(taken[0])))
        if taken is None and self.by not in self.case.concerned:
            turn = self.case.turn
            return Decision(self._say("answer_other", name=self.words.name(turn or "")))
        since = taken[1] if taken is not None else self.at
        until = self.case.after(since, self.case.group.policy.taken_pause)
        answer = self._say("answer_taken", at=self.words.at(until, self.at, text="until"))
        return Decision(answer, None if taken is not None else self._mark("taken"))

    def _close(self, reason: str) -> Decision:
        reply = self.case.kind == "awaiting_reply"
        if reason not in (NO_REPLY if reply else closing_reasons()):
            return self._unknown()
        mark = self._mark("no_reply_needed" if reply else "closed", reason=reason)
        return Decision(self._say("answer_closed", reason=self.words.reason(reason)), mark)

    def _hand(self, text: str) -> Decision:
        to = meant(text, self.words.team.members)
        if to is None:
            return self._unknown()
        mark = self._mark("taken", by=to, note=f"by {self.by}" if to != self.by else None)
        return Decision(self._say("answer_handed", name=self.words.name(to)), mark, menu="", tell=to)

    def _snooze(self, text: str) -> Decision:
        minutes, _, why = text.partition(":")
        if minutes not in map(str, SNOOZES) or (why and why not in SNOOZE_REASONS):
            return self._unknown()
        if self.case.overdue and not why:  # it became overdue while he thought: now a reason is needed
            return Decision(self._say("answer_why"), menu="later")
        until = self.at + timedelta(minutes=int(minutes))
        answer = self._say("answer_later", at=self.words.at(until, self.at, text="until"))
        return Decision(answer, self._mark("snoozed", reason=why or None, until=until), menu="")

    def _undo(self) -> Decision:
        case = self.case
        if case.is_open:
            return Decision(self._say("answer_open"), menu="")
        if not case.by_hand or case.closed_at is None:
            return Decision(self._over(), menu="")
        if self.by not in case.concerned and self.by != case.closed_by:
            return Decision(self._say("answer_other", name=self.words.name(case.closed_by or case.turn or "")))
        if self.at - case.closed_at > UNDO:
            return Decision(self._say("answer_too_late"), menu="")
        return Decision(self._say("answer_undone"), self._mark("reopened"))

    def _over(self) -> str:
        """What closed it."""
        how = self.words.ending(self.case)
        if self.case.row["state"] == "void":
            return how or self.words.title(self.case)
        return self._say("answer_over", how=how)

    def _unknown(self) -> Decision:
        return Decision(self._say("answer_unknown"), menu="")

    def _strange(self, _rest: str) -> Decision:
        return self._unknown()

    def _mark(
        self,
        kind: str,
        *,
        by: str | None = None,
        reason: str | None = None,
        until: datetime | None = None,
        note: str | None = None,
    ) -> Mark:
        return Mark(
            id=self.id,
            at=self.at,
            by=MemberRef(by or self.by),
            kind=kind,  # type: ignore[arg-type]
            on=Target(self.case.key),
            reason=reason,
            until=until,
            note=note,
        )

    def _at(self, at: datetime) -> str:
        return self.words.at(at, self.at)

    def _say(self, text: str, **values: object) -> str:
        return self.words.say(text, **values)
