"""When did the client wait for one of us to return, and to whom was he handed?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from hub.sdk import Leg, Target, Transfer
from plugins.telephony.asterisk.fold.people import left_at
from plugins.telephony.asterisk.fold.trace import Handover
from plugins.telephony.asterisk.fold.view import SOON, View, moment, talked_with

_TRANSFER: dict[str, Literal["blind", "attended", "pickup", "park", "forward"]] = {
    "blind": "blind",
    "attended": "attended",
    "pickup": "pickup",
    "park": "park",
    "forward": "forward",
}


def hold_legs(view: View) -> None:
    """Stretches in which the client waits for one of us to return: held, parked, or left alone in a bridge."""
    spans: list[tuple[int, int | None]] = []
    for uid in view.talks:
        channel = view.trace.channels[uid]
        talks = talked_with(view, uid)
        if not talks or not view.human(uid):
            continue
        left = left_at(view, channel)
        for since, to in channel.holds:
            if since is not None and since >= talks[0].since:
                ends = [at for at in (to, left, view.end) if at is not None]
                spans.append((since, min(ends, default=None)))
    spans += _alone(view)
    for stay in view.trace.stays:
        if stay.holding and stay.uid in {client.uid for client in view.session.clients}:
            spans.append((stay.since, stay.to if stay.to is not None else view.end))
    for since, to in _union(spans):
        if to is None or to - since >= 300:
            view.legs.append(
                Leg(
                    kind="hold",
                    started_at=moment(max(since, view.start)),
                    ended_at=None if to is None else view.ended(to),
                )
            )


def _alone(view: View) -> list[tuple[int, int | None]]:
    """The client sits in a bridge that one of us has left to speak with somebody else (feature-code consultation)."""
    clients = {client.uid for client in view.session.clients}
    together: list[tuple[int, int]] = []
    for uid, stretches in view.talks.items():
        if view.human(uid):
            together += [(stretch.since, stretch.to) for stretch in stretches]
    if not together:
        return []
    first = min(since for since, _ in together)
    spans: list[tuple[int, int | None]] = []
    for stay in view.trace.stays:
        if stay.uid not in clients or stay.holding:
            continue
        cursor = max(stay.since, first)
        to = stay.to if stay.to is not None else view.end
        for since, until in sorted(together):
            if since > cursor and (to is None or cursor < to):
                spans.append((cursor, since if to is None else min(since, to)))
            cursor = max(cursor, until)
        if to is not None and cursor < to:
            spans.append((cursor, to))
    return [(since, to) for since, to in spans if to is None or to - since >= 1_000]


def _union(spans: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    joined: list[tuple[int, int | None]] = []
    for since, to in sorted(spans, key=lambda span: span[0]):
        if joined and (joined[-1][1] is None or joined[-1][1] >= since):
            last = joined[-1][1]
            joined[-1] = (joined[-1][0], None if last is None or to is None else max(last, to))
        else:
            joined.append((since, to))
    return joined


def transfers_of(view: View) -> Iterable[Transfer]:
    parked = [h.at for h in view.handovers if h.kind == "park"]
    ordered = sorted(view.handovers, key=lambda h: h.at)
    for number, handover in enumerate(ordered):
        if handover.kind == "blind" and any(abs(at - handover.at) <= SOON for at in parked):
            continue
        following = ordered[number + 1].at if number + 1 < len(ordered) else None
        to, answered = _where_to(view, handover, following)
        if handover.kind == "attended" and to is not None and to == _from(view, handover):
            continue  # nobody took the client, who was given back
        yield Transfer(
            kind=_TRANSFER[handover.kind],
            from_=_from(view, handover),
            to=to,
            at=moment(max(handover.at, view.start)),
            answered=answered,
        )


def _from(view: View, handover: Handover) -> Target | None:
    channel = view.trace.channels.get(handover.by)
    if channel is not None and view.human(channel.uid):
        return view.target(channel)
    if handover.by_name and "/" in handover.by_name:
        return Target(view.site.member(handover.by_name + ("" if channel else "-0")))
    return None


def _where_to(view: View, handover: Handover, following: int | None) -> tuple[Target | None, bool | None]:
    until = following if following is not None else None
    talks = sorted(
        (stretch.since, uid)
        for uid in view.talks
        if view.human(uid) and (uid != handover.by or handover.kind == "park")
        for stretch in talked_with(view, uid)
        if stretch.to > handover.at and (until is None or stretch.since < until)
    )
    target = view.trace.channels.get(handover.target)
    if target is not None and view.human(target.uid):
        return view.target(target), bool(talked_with(view, target.uid)) or handover.kind == "pickup"
    if handover.kind == "park" and not talks:
        return None, False if view.end is not None else None
    fresh = [uid for since, uid in talks if since >= handover.at - SOON] or [uid for _, uid in talks]
    answered = bool(fresh)
    if view.end is None and not answered:
        answered_or_open: bool | None = None
    else:
        answered_or_open = answered
    rung = [
        leg
        for leg in view.legs
        if leg.kind in {"member", "external", "queue"}
        and leg.started_at >= moment(handover.at - 300)
        and (until is None or leg.started_at < moment(until))
    ]
    if handover.extension:
        for leg in rung:
            if leg.to in {f"ext:{handover.extension}", handover.extension}:
                return leg.to, answered_or_open
    if fresh:
        return view.target(view.trace.channels[fresh[0]]), answered_or_open
    if rung:
        return rung[0].to, answered_or_open
    if handover.extension:
        handle = view.site.phone(handover.extension)
        short = handover.extension.isdigit() and len(handover.extension) <= 6
        return Target(handle or (f"ext:{handover.extension}" if short else handover.extension)), answered_or_open
    return None, answered_or_open
