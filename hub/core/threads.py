"""Which mails belong together, and which were read twice? The same answer for every order of arrival (metrics.md 5)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hub.core.attempts import is_ours
from hub.core.records import Mark, Message, Target
from hub.core.timeline import Fact, Timeline

EMAIL = "email"
SAME_SUBJECT = timedelta(days=30)
"""How far apart mails of one client may lie that only their subject joins."""
REACH = SAME_SUBJECT
"""How far before a mail it may change what was judged: it joins threads, or tells that an answer did not arrive."""
AT_ONCE = timedelta(seconds=90)
"""Who answers sooner without a word of his own is a machine, most likely."""
SHARED = 5
"""A Message-ID under which more subjects than this speak is no id: programs share it."""

_PREFIX = re.compile(
    r"^\s*(?:(?:re|fw|fwd|aw|wg|sv|vs|rv|tr|antw|odp|на|ha|отв|ответ|пер|пересл)\s*(?:[\[(^]?\d{1,3}[\])]?)?\s*[:：]|\[[^\[\]]{1,40}\])\s*",
    re.IGNORECASE,
)
_GENERIC = frozenset(
    "(без темы)|без темы|no subject|(no subject)|заявка|заявка с сайта|вопрос|счет|заказ|документы|срочно|привет|hello|"
    "письмо|test|тест|запрос|договор|информация|добрый день|здравствуйте".split("|")
)


def read(timeline: Timeline) -> Timeline:
    """The timeline with each mail once, its thread named alike in all mails of it, and answers of machines suspected."""
    mails = [fact for fact in timeline.messages if fact.record.channel == EMAIL]
    if not mails:
        return timeline
    kept, dropped = _once(mails)
    names = _threads(kept)
    threaded = [_in_thread(fact, names[fact.ref]) for fact in kept]
    found = {fact.ref: fact for fact in timeline.messages if fact.record.channel != EMAIL}
    found |= {fact.ref: fact for fact in threaded}
    found |= {fact.ref: fact for fact in _suspected(threaded)}
    return replace(
        timeline,
        messages=tuple(found[fact.ref] for fact in timeline.messages if fact.ref in found),
        marks=tuple(_on_kept(mark, dropped) for mark in timeline.marks) if dropped else timeline.marks,
    )


# The same mail from two mailboxes


def _once(mails: Sequence[Fact[Message]]) -> tuple[list[Fact[Message]], dict[str, str]]:
    """Each mail once, as that mailbox saw it which also sees what was answered; and which copy stands for the others."""
    copies: dict[tuple[str, ...], list[Fact[Message]]] = defaultdict(list)
    for fact in mails:
        message = fact.record
        whose = message.client if message.author == "system" else ""
        copies[message.message_id or fact.ref, message.direction, message.author, whose].append(fact)
    kept: list[Fact[Message]] = []
    dropped: dict[str, str] = {}
    for same in copies.values():
        best = min(same, key=lambda fact: (fact.record.coverage is not None, fact.record.at, fact.ref))
        kept.append(replace(best, live=any(fact.live for fact in same)) if len(same) > 1 else best)
        dropped |= {fact.ref: best.ref for fact in same if fact is not best}
    return kept, dropped


def _on_kept(mark: Fact[Mark], dropped: Mapping[str, str]) -> Fact[Mark]:
    """A decision about one copy of a mail is one about the mail."""
    kind, colon, ref = mark.record.on.rpartition(":")
    if ref not in dropped:
        return mark
    return replace(mark, record=replace(mark.record, on=Target(f"{kind}{colon}{dropped[ref]}")))


# Threads


def normalised(subject: str | None) -> str:
    """A subject as it is compared: without reply marks and tags, case and `ё`; empty for what everybody writes."""
    text = (subject or "")[:500]
    while (shorter := _PREFIX.sub("", text, count=1)) != text:
        text = shorter
    text = re.sub(r"\s+", " ", text).strip().casefold().replace("ё", "е")
    return "" if len(text) < 5 or text.strip(" .!?") in _GENERIC else text


def _threads(mails: Sequence[Fact[Message]]) -> dict[str, str | None]:
    """Reference of each mail → the name of its thread."""
    groups = _Groups(fact.ref for fact in mails)
    _join_by_ids(mails, groups)
    _join_by_subject(mails, groups)
    first: dict[str, Fact[Message]] = {}
    for fact in sorted(mails, key=_order):
        first.setdefault(groups.of(fact.ref), fact)
    return {fact.ref: _name(first[groups.of(fact.ref)]) for fact in mails}


def _name(fact: Fact[Message]) -> str | None:
    return fact.record.thread or fact.record.message_id


def _order(fact: Fact[Message]) -> tuple[datetime, str]:
    return (fact.record.at, fact.ref)


def _join_by_ids(mails: Sequence[Fact[Message]], groups: _Groups) -> None:
    """Join what names the same mails, known or not. Threads that a source names itself are names, too."""
    naming: dict[tuple[str, str], list[Fact[Message]]] = defaultdict(list)
    for fact in mails:
        message = fact.record
        if message.message_id is None:
            if message.thread is not None:
                naming["thread", message.thread].append(fact)
            continue
        for one in {message.message_id, *message.references}:
            naming["mail", one].append(fact)
    for (kind, _), same in naming.items():
        subjects = {normalised(fact.record.subject) for fact in same} if kind == "mail" else set()
        if len(subjects) <= SHARED:
            groups.join(fact.ref for fact in same)


def _join_by_subject(mails: Sequence[Fact[Message]], groups: _Groups) -> None:
    """A mail that nothing joined goes on with the latest of the same client under the same subject."""
    alone = set(groups.alone())
    latest: dict[tuple[str, str], Fact[Message]] = {}
    for fact in sorted(mails, key=_order):
        message = fact.record
        subject = normalised(message.subject)
        if not subject or message.automatic is True or message.message_id is None:
            continue
        before = latest.get((message.client, subject))
        if before is not None and fact.ref in alone and message.at - before.record.at <= SAME_SUBJECT:
            groups.join((before.ref, fact.ref))
        latest[message.client, subject] = fact


class _Groups:
    """Sets that are joined; each is named by its least member."""

    def __init__(self, members: Iterable[str]) -> None:
        self._above = {member: member for member in members}

    def of(self, member: str) -> str:
        """The set's name."""
        while (above := self._above[member]) != member:
            self._above[member] = self._above[above]
            member = above
        return member

    def join(self, members: Iterable[str]) -> None:
        """Make one set of those that these are in."""
        tops = sorted({self.of(member) for member in members})
        for top in tops[1:]:
            self._above[top] = tops[0]

    def alone(self) -> Iterator[str]:
        """The members whom nothing joined yet."""
        sizes: dict[str, int] = defaultdict(int)
        for member in self._above:
            sizes[self.of(member)] += 1
        return (member for member in list(self._above) if sizes[self.of(member)] == 1)


# What came of it


def _in_thread(fact: Fact[Message], name: str | None) -> Fact[Message]:
    return fact if fact.record.thread == name else replace(fact, record=replace(fact.record, thread=name))


def _suspected(mails: Sequence[Fact[Message]]) -> Iterator[Fact[Message]]:
    """Mails that came at once after one of ours in the same thread, without a word of their writer's own."""
    last: dict[str | None, datetime] = {}
    for fact in sorted(mails, key=lambda fact: (fact.record.at, fact.record.direction == "in", fact.ref)):
        message = fact.record
        if is_ours(message):
            last[message.thread] = message.at
        elif message.bare and message.author == "client" and not message.automatic:
            sent_at = last.get(message.thread)
            if sent_at is not None and message.at - sent_at < AT_ONCE:
                yield replace(
                    fact, record=replace(message, automatic="suspected", automatic_because="at once and without a word")
                )
