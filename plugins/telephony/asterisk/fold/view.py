"""What is a session seen from the side of its client: who spoke with him when, and what ended it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hub.sdk import Leg, Target
from plugins.telephony.asterisk.fold.sessions import Session, dialled_number
from plugins.telephony.asterisk.fold.talk import Stretch
from plugins.telephony.asterisk.fold.trace import Channel, Handover, Step, Trace
from plugins.telephony.asterisk.fold.who import Site, endpoint

SOON = 1_500
"""What Asterisk does because of one answer or one hang-up happens within this, in ms."""
GLIMPSE = 50
"""Two channels pass through a bridge together for less than this when one takes the other's place."""


def moment(ms: float) -> datetime:
    """UTC of milliseconds since 1970."""
    return datetime.fromtimestamp(int(ms) / 1000, UTC)


def maybe(ms: int | None) -> datetime | None:
    return None if ms is None else moment(ms)


@dataclass(slots=True)
class View:
    """A session together with all that its legs are derived from."""

    session: Session
    trace: Trace
    site: Site
    talks: dict[str, list[Stretch]]
    start: int
    end: int | None
    handovers: list[Handover]
    legs: list[Leg] = field(default_factory=list)

    @property
    def unsure(self) -> bool:
        """Would we have missed the client's own hang-up?"""
        return any(client.lost or client.crashed or client.known_by == "cdr" for client in self.session.clients)

    def ended(self, at: int | None) -> datetime | None:
        """An end, not beyond the end of the session; None while both last."""
        if at is None:
            return maybe(self.end)
        return moment(at if self.end is None else max(min(at, self.end), self.start))

    def first_talk(self) -> int | None:
        """When the client first spoke with one of us."""
        since = [
            stretch.since
            for uid, stretches in self.talks.items()
            if self.human(uid)
            for stretch in stretches
            if stretch.to - stretch.since >= GLIMPSE or stretch.open
        ]
        return min(since, default=None)

    def human(self, uid: str) -> bool:
        """Is this channel a person's, not a half of a Local channel or Asterisk's own?"""
        channel = self.trace.channels.get(uid)
        return channel is not None and self.site.kind(channel.name) in {"trunk", "phone"}

    def target(self, channel: Channel) -> Target:
        """How the record names who is behind a channel."""
        if self.site.kind(channel.name) == "phone":
            return Target(self.site.member(channel.name, channel.number if channel.outgoing else ""))
        raw = dialled_number(channel, self.trace) if channel.outgoing else channel.number
        return Target(self.site.phone(raw) or raw or endpoint(channel.name))


def talked_with(view: View, uid: str) -> list[Stretch]:
    return [one for one in view.talks.get(uid, ()) if one.open or one.to - one.since >= GLIMPSE]


def steps_of(channel: Channel) -> list[Step]:
    """The dialplan's steps on a channel: as it told them itself, else as CEL or a snapshot did."""
    own = [step for step in channel.steps if step.source == "dialplan"]
    if own:
        return own
    return [step for step in channel.steps if step.source == "cel"] or channel.steps


def gave_up(view: View) -> bool:
    if any(client.known_by == "cdr" and client.source == client.name for client in view.session.clients):
        return True
    return any(client.requested_at is not None and not turned_away(view, client) for client in view.session.clients)


def turned_away(view: View, client: Channel) -> bool:
    """Is what looks like the client's hang-up the echo of our own refusal (Busy(), Congestion())?

    chan_pjsip ends the dialogue with 486 or 503 and reports its end as a HangupRequest; a caller's own is 487 or a BYE.
    """
    if view.session.direction != "inbound" or client.requested_at is None or client.up_at is not None:
        return False
    if client.refusal not in {"", "0", "487", "200"}:
        return True
    asked = client.requested_at
    return any(step.application in {"busy", "congestion"} and 0 <= asked - step.at <= 300 for step in steps_of(client))
