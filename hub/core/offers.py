"""Which ringing of one of us did he miss: an offer, never to be mixed with missed calls (metrics.md 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.core import hours, owners
from hub.core.outcome import is_ours
from hub.core.policy import Rulebook
from hub.core.records import instant
from hub.core.session import FOREVER, Ring, Session, Span, length, seconds, without

TOGETHER = timedelta(seconds=1)
"""Rings that overlap by more than this are one round; one that ends so near to a colleague's answer was relieved."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A ringing that one of us did not take.

    share: per cent of the blame, of a group that rang together and whose blame is split. seconds: how long it rang.
    """

    ref: str
    member: str
    line_group: str
    at: datetime
    seconds: int
    share: int = 100


def offers(session: Session, ref: str, book: Rulebook, busy: Mapping[str, Sequence[Span]]) -> tuple[Offer, ...]:
    """The missed offers of a judged inbound call; `ref` is its reference.

    busy: when members were on other calls, by member. A ringing counts as far as he was planned to work and on no
    other call; who answered another device of his took the call.
    """
    call = session.call
    if call.direction != "inbound" or not any(ring.result not in _NO_OFFER for ring in session.rings):
        return ()
    left_out = call.test or call.spam or call.client in book.test or call.client in book.blocked
    if not session.judged or left_out or is_ours(call.client, book):
        return ()
    found: list[Offer] = []
    for round_ in _rounds(session.rings):
        missed = _missed(round_, session, busy)
        ringall = len({ring.member for ring in round_}) > 1
        if ringall and not any(ring.result == "answered" for ring in round_):
            found += _blamed(ref, missed, session)
        else:
            found += [_offer(ref, ring, session) for ring in missed]
    return tuple(found)


def by_members(
    found: Iterable[Mapping[str, Any]], calls: Iterable[Mapping[str, Any]], book: Rulebook
) -> list[dict[str, Any]]:
    """The rows of offers, each with `busy`: whether its member was on another call for so long that it was none.

    calls: rows of `crmhub calls` of that time. Whether somebody was on another client's call is not known when a client is
    judged, and may be told later: it is looked at when offers are counted.
    """
    talks: dict[str, list[tuple[datetime, datetime, str]]] = {}
    for call in calls:
        for talk in call["talks"]:
            if talk["member"] is not None:
                end = instant(talk["to"]) if talk["to"] else FOREVER
                talks.setdefault(talk["member"], []).append((instant(talk["from"]), end, call["ref"]))
    return [{**row, "busy": _is_busy(row, talks.get(row["member"], ()), book)} for row in found]


def _is_busy(row: Mapping[str, Any], talks: Sequence[tuple[datetime, datetime, str]], book: Rulebook) -> bool:
    start = row["at"] if isinstance(row["at"], datetime) else instant(row["at"])
    rang = (start, start + timedelta(seconds=row["seconds"]))
    others = [(begin, end) for begin, end, ref in talks if ref != row["ref"] and begin < rang[1] and end > rang[0]]
    if not others:
        return False
    group = book.at(start).group(row["line_group"])
    calendar = owners.planned(book.team, row["member"], group) if row["member"] in book.team.members else group.calendar
    free = [part for span in hours.intervals(*rang, calendar) for part in without(span, others)]
    return length(free) < group.policy.offer_min_ring


_NO_OFFER = ("answered", "elsewhere", "forwarded")


def _rounds(rings: Sequence[Ring]) -> list[list[Ring]]:
    """Rings that overlap, directly or by way of others: hunting gives many rounds, a group one."""
    rounds: list[list[Ring]] = []
    reach: datetime | None = None
    for ring in sorted((ring for ring in rings if ring.rang and ring.end), key=lambda ring: ring.start):
        end = ring.end or ring.start
        if reach is not None and reach - ring.start > TOGETHER:
            rounds[-1].append(ring)
            reach = max(reach, end)
        else:
            rounds.append([ring])
            reach = end
    return rounds


def _missed(round_: Sequence[Ring], session: Session, busy: Mapping[str, Sequence[Span]]) -> list[Ring]:
    """The rings of a round that their members missed, one a member: the longest."""
    answered = [ring for ring in round_ if ring.result == "answered"]
    took = {ring.member for ring in answered}
    longest: dict[str, Ring] = {}
    for ring in round_:
        if ring.member is None or ring.end is None or ring.member in took or _relieved(ring, answered):
            continue
        if ring.result in _NO_OFFER or not _free(ring, session, busy):
            continue
        known = longest.get(ring.member)
        if known is None or ring.end - ring.start > (known.end or known.start) - known.start:
            longest[ring.member] = ring
    return sorted(longest.values(), key=lambda ring: (ring.start, ring.member or ""))


def _relieved(ring: Ring, answered: Sequence[Ring]) -> bool:
    """Whether the ringing ended because a colleague picked up."""
    return ring.result != "declined" and any(
        other.end is not None and ring.end is not None and abs(ring.end - other.end) <= TOGETHER for other in answered
    )


def _free(ring: Ring, session: Session, busy: Mapping[str, Sequence[Span]]) -> bool:
    """Whether it rang long enough while he was planned to work and on no other call."""
    if ring.end is None or ring.member is None:
        return False
    known = ring.member in session.team.members
    calendar = owners.planned(session.team, ring.member, session.group) if known else session.group.calendar
    planned = list(hours.intervals(ring.start, ring.end, calendar))
    free = [part for span in planned for part in without(span, busy.get(ring.member, ()))]
    return length(free) >= session.policy.offer_min_ring


def _offer(ref: str, ring: Ring, session: Session, share: int = 100) -> Offer:
    rang = seconds(ring.start, ring.end or ring.start)
    return Offer(ref, ring.member or "", session.group.name, ring.start, rang, share)


def _blamed(ref: str, missed: Sequence[Ring], session: Session) -> list[Offer]:
    """A group that rang together and nobody answered: the team's miss (no offer), each one's, or shared out."""
    blame = session.policy.ringall_blame
    if blame == "team" or not missed:
        return []
    if blame == "each":
        return [_offer(ref, ring, session) for ring in missed]
    share, rest = divmod(100, len(missed))
    return [_offer(ref, ring, session, share + (number < rest)) for number, ring in enumerate(missed)]
