"""Which decisions of people concern a case: marks on its key, on a fact that belongs to it, or on the client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from hub.core.records import Mark
from hub.core.timeline import Fact, Timeline

NOT_BY_HANDLE = ("awaiting_reply",)
"""Kinds of cases that a `closed` mark on a handle leaves open: a message needs an answer (metrics.md 3.3)."""


class Marks:
    """The marks of one timeline, found by what they name."""

    def __init__(self, timeline: Timeline) -> None:
        self._by_target: dict[str, list[Fact[Mark]]] = {}
        self._on_client: list[Fact[Mark]] = []
        own = set(timeline.contact.handles)
        for fact in timeline.marks:
            if fact.record.on in own:
                self._on_client.append(fact)
            else:
                self._by_target.setdefault(fact.record.on, []).append(fact)

    def on(self, kind: str, evidence: Iterable[str], opened_at: datetime) -> list[Fact[Mark]]:
        """The marks that concern a case of this kind with this evidence, in order.

        A key that names any evidence of the case means the case; a mark on the client means what was open then.
        """
        found = [fact for fact in self._on_client if fact.record.at >= opened_at]
        for ref in evidence:
            found += self._by_target.get(ref, ())
            found += self._by_target.get(f"{kind}:{ref}", ())
        return sorted(found, key=_order)


def _order(fact: Fact[Mark]) -> tuple[datetime, str]:
    return (fact.record.at, fact.ref)


def closed_by(marks: Sequence[Fact[Mark]], kind: str, own: Iterable[str]) -> Fact[Mark] | None:
    """The mark by which a person closed the case, None if nobody did or somebody took it back.

    own: handles of the client, on which a `closed` mark does not close every kind of case.
    """
    handles = set(own) if kind in NOT_BY_HANDLE else set()
    taken_back = max((_order(fact) for fact in marks if fact.record.kind == "reopened"), default=None)
    for fact in marks:
        if fact.record.kind != "closed" or fact.record.on in handles:
            continue
        if taken_back is None or _order(fact) > taken_back:
            return fact
    return None


def suppressed(timeline: Timeline, now: datetime) -> bool:
    """Whether the client is not to be contacted now: the last word on it says so, and until later (metrics.md 8)."""
    own = set(timeline.contact.handles)
    said = [
        fact.record
        for fact in timeline.marks
        if fact.record.kind in ("suppressed", "unsuppressed") and fact.record.on in own and fact.record.at <= now
    ]
    return bool(said) and said[-1].kind == "suppressed" and (said[-1].until is None or said[-1].until > now)


def taken(marks: Sequence[Fact[Mark]], until: datetime) -> Fact[Mark] | None:
    """The last mark up to `until` by which somebody took the case."""
    return next((fact for fact in reversed(marks) if fact.record.kind == "taken" and fact.record.at <= until), None)


def no_reply_needed(marks: Sequence[Fact[Mark]]) -> Fact[Mark] | None:
    """The mark by which a person said that nothing is owed; None if nobody did or somebody took it back."""
    taken_back = max((_order(fact) for fact in marks if fact.record.kind == "reopened"), default=None)
    for fact in marks:
        if fact.record.kind == "no_reply_needed" and (taken_back is None or _order(fact) > taken_back):
            return fact
    return None
