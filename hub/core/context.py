"""What do rules look at: one client's timeline with every call judged, and everything that may close a case."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.core.attempts import Attempt, attempts, bad_addresses, failed_messages
from hub.core.calls import Verdict
from hub.core.evidence import Evidence
from hub.core.handles import kind_of
from hub.core.history import EVER
from hub.core.marks import Marks
from hub.core.once import once
from hub.core.policy import LineGroup, Rulebook
from hub.core.session import Talk
from hub.core.timeline import Fact, Timeline

_UNWRITABLE = ("phone", "ext", "user", "withheld", "none")
"""Kinds of handles that are no way to write to a client."""


@dataclass(frozen=True)
class Context:
    """One timeline at one moment. `timeline` holds only what was known then; verdicts are by reference."""

    timeline: Timeline
    book: Rulebook
    verdicts: Mapping[str, Verdict]
    now: datetime

    @once
    def evidence(self) -> Evidence:
        return Evidence(self.timeline, self.verdicts, self.book, self.now)

    @once
    def marks(self) -> Marks:
        return Marks(self.timeline)

    @once
    def attempts(self) -> tuple[Attempt, ...]:
        return attempts(self.timeline, self.verdicts, self.book.team, self.now)

    def attempts_between(self, since: datetime, until: datetime, *, included: bool = False) -> tuple[Attempt, ...]:
        """The attempts that start from `since` on and before `until`; `included`: also at it."""
        low = bisect_left(self.attempts, since, key=lambda attempt: attempt.at)
        find = bisect_right if included else bisect_left
        return self.attempts[low : find(self.attempts, until, key=lambda attempt: attempt.at)]

    @once
    def talks(self) -> tuple[Talk, ...]:
        """Talks of our own people with the client, by their start; a number that is nobody's is no employee."""
        found = (
            talk
            for verdict in self.verdicts.values()
            if verdict.direction != "internal"
            for talk in verdict.talks
            if talk.verified and talk.member is not None
        )
        return tuple(sorted(found, key=lambda talk: (talk.start, talk.member or "")))

    @once
    def text_known_at(self) -> datetime | None:
        """Since when a way to write to the client is known; None if there is none.

        A handle that is no telephone number counts as known always, else the first message with him. An address that
        does not exist is no way.
        """
        bad = bad_addresses(self.timeline)
        if self.timeline.text_known or any(
            kind_of(handle) not in _UNWRITABLE for handle in self.timeline.contact.handles if handle not in bad
        ):
            return EVER
        return next((fact.record.at for fact in self.timeline.messages if fact.record.client not in bad), None)

    @once
    def _live(self) -> frozenset[str]:
        facts: tuple[Fact[Any], ...] = (*self.timeline.calls, *self.timeline.messages, *self.timeline.submissions)
        return frozenset(fact.ref for fact in facts if fact.live)

    def is_live(self, ref: str) -> bool:
        """Whether effects may follow from the fact: it was received while its connection was live."""
        return ref in self._live

    @once
    def _wishes(self) -> frozenset[str]:
        return frozenset(fact.ref for fact in self.timeline.calls if fact.record.callback_requested)

    def callback_requested(self, ref: str) -> bool:
        """Whether the client asked in that call to be called back."""
        return ref in self._wishes

    @once
    def undelivered(self) -> frozenset[str]:
        """References of messages that did not arrive."""
        return failed_messages(self.timeline, self.now)

    def group_of(self, verdict: Verdict) -> LineGroup:
        """The group of the call's line by the rules in force at its start."""
        return self.book.at(verdict.started_at).group_of(verdict.line)
