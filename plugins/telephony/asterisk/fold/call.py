"""What is the record of one session: its frame, its legs, who ended it, and whether more may come?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from hub.sdk import Call, Completeness
from plugins.telephony.asterisk.fold.handovers import hold_legs, transfers_of
from plugins.telephony.asterisk.fold.machines import machine_legs, voicemail_seconds
from plugins.telephony.asterisk.fold.people import answered_at, human_legs, why_not
from plugins.telephony.asterisk.fold.sessions import Session, birth
from plugins.telephony.asterisk.fold.talk import Stretch, conversations
from plugins.telephony.asterisk.fold.trace import Channel, Trace
from plugins.telephony.asterisk.fold.view import SOON, View, maybe, moment, turned_away
from plugins.telephony.asterisk.fold.who import Site, endpoint

_RANK = {
    "menu": 0,
    "announcement": 1,
    "bot": 2,
    "queue": 3,
    "member": 4,
    "external": 5,
    "client": 6,
    "hold": 7,
    "voicemail": 8,
}


def call(session: Session, trace: Trace, site: Site, *, repaired: bool) -> Call:
    """The record of one session. repaired: CEL or CDR told part of it."""
    view = _view(session, trace, site)
    machine_legs(view)
    human_legs(view)
    hold_legs(view)
    transfers = tuple(transfers_of(view))
    legs = tuple(sorted(view.legs, key=lambda leg: (leg.started_at, _RANK[leg.kind], leg.to or "")))
    restarted = trace.restarted and any(channel.crashed for channel in session.channels)
    final = restarted or (_final(view) and (repaired or not _began_talking(session)))
    return Call(
        id=session.id,
        direction=session.direction,
        client=session.client if session.direction != "internal" else None,
        client_raw=session.client_raw if session.direction != "internal" else None,
        line=_line(view),
        started_at=moment(view.start),
        ended_at=maybe(view.end),
        hangup_by=_hangup_by(view),
        final=final,
        voicemail_seconds=voicemail_seconds(view),
        origin=session.origin,
        queue=next((leg.to for leg in legs if leg.kind == "queue"), None),
        completeness=_completeness(session, restarted=restarted, repaired=repaired),
        recordings=tuple(dict.fromkeys(path for channel in session.channels for path in channel.recordings)),
        legs=legs,
        transfers=transfers,
    )


def _completeness(session: Session, *, restarted: bool, repaired: bool) -> Completeness:
    lost = any(channel.lost or (channel.unheard and channel.ended_at is None) for channel in session.channels)
    unseen = any(channel.born_at is None for channel in session.clients or [session.first])
    if restarted or lost or (unseen and not repaired):
        return "partial"
    return "repaired" if repaired else "live"


def _began_talking(session: Session) -> bool:
    """Was the client's line already up when we first heard of it? Then whatever was before is not known."""
    return any(channel.born_at is None and channel.state in {"", "6"} for channel in session.clients or [session.first])


def _view(session: Session, trace: Trace, site: Site) -> View:
    clients = {channel.uid for channel in session.clients}
    if session.direction == "internal":
        clients = {session.first.uid}
    talks = conversations(trace, clients)
    uids = {channel.uid for channel in session.channels}
    handovers = [
        handover
        for handover in trace.handovers
        if uids & {handover.by, handover.moved, handover.target, handover.consult}
    ]
    told = [
        channel.born_at for channel in session.channels if channel.born_at is not None and channel.known_by != "cdr"
    ]
    start = min(told) if session.first.born_at in told else min(birth(channel)[0] for channel in session.channels)
    return View(session, trace, site, talks, start, _end(session, site, talks), handovers)


def _end(session: Session, site: Site, talks: dict[str, list[Stretch]]) -> int | None:
    if session.direction == "inbound" or (session.clients and talks):
        return _latest(session.clients)
    real = [channel for channel in session.channels if site.kind(channel.name) in {"phone", "trunk"}]
    return _latest([session.first] if session.direction == "outbound" else real)


def _latest(channels: Iterable[Channel]) -> int | None:
    ends = [channel.ended_at for channel in channels]
    return None if not ends or None in ends else max(end for end in ends if end is not None)


def _final(view: View) -> bool:
    if view.end is None:
        return False
    return all(
        channel.ended_at is not None and not channel.lost
        for channel in view.session.channels
        if view.site.kind(channel.name) != "pseudo"
    )


def _hangup_by(view: View) -> Literal["client", "member", "system"] | None:
    if view.end is None:
        return None
    clients, members = view.session.clients, view.session.channels
    if any(client.crashed for client in clients) or (not clients and view.trace.restarted):
        return "system"
    if any(client.lost for client in clients):
        return None
    if clients and all(client.known_by == "cdr" for client in clients):
        sources = {client.source for client in clients}
        if view.session.direction == "outbound":
            asked_by = view.session.first.source
            return "member" if asked_by == view.session.first.name else "system" if asked_by == "pbx" else None
        if sources & {client.name for client in clients}:
            return "client"
        return "system" if sources == {"pbx"} else None
    asked = {
        client.uid: client.requested_at for client in clients if client.requested_at and not turned_away(view, client)
    }
    own = {client.uid for client in clients}
    others = [
        channel.requested_at
        for channel in members
        if channel.uid not in own
        and channel.requested_at is not None
        and view.human(channel.uid)
        and view.end - SOON <= channel.requested_at <= view.end + SOON
    ]
    if view.session.direction == "internal":
        told = any(channel.known_by != "cdr" for channel in members)
        return "member" if others or asked else "system" if told else None
    if not asked and not others and any(_stale(view, client) for client in clients):
        return None
    if asked and (not others or min(asked.values()) <= min(others) or view.session.direction == "inbound"):
        return "client"
    if others:
        return "member"
    if view.session.direction == "outbound" and any(_refused(view, client) for client in clients):
        return "client"
    return "system"


def _stale(view: View, client: Channel) -> bool:
    """Does CEL name a phone that had hung up long before, so that nobody can tell who ended the rest?"""
    source = view.trace.named(client.source) if client.source not in {"", client.name} else None
    return (
        source is not None
        and source.ended_at is not None
        and client.ended_at is not None
        and client.ended_at - source.ended_at > SOON
    )


def _refused(view: View, client: Channel) -> bool:
    return answered_at(view, client) is None and why_not(view, client) in {"busy", "declined"}


def _line(view: View) -> str | None:
    session = view.session
    if session.direction == "internal":
        return None
    if session.direction == "inbound":
        trunk = session.clients[0]
        if trunk.exten not in {"", "s", "h", "i", "t"}:
            return trunk.exten
        return trunk.did or endpoint(trunk.name) or None
    for client in session.clients:
        shown = client.dial.shown if client.dial else ""
        if view.site.phone(shown) is not None and view.site.phone(shown) != session.client:
            return shown
    if view.site.company:
        return view.site.company
    return endpoint(session.clients[0].name) if session.clients else None
