"""Which calls of a source without a conversation id are one session? (metrics.md 2.1)

A source says that it has no such id by asking this in its `parse`: records of our own format are sessions already, each
under its own id. The plugin puts rows of one client and line into one group, so that all of them are at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from hub.core.records import Call

STITCH_GAP = timedelta(seconds=8)
"""Default of `stitch_gap`."""


def stitch(calls: Iterable[Call], gap: timedelta = STITCH_GAP) -> tuple[Call, ...]:
    """The sessions that calls of one leg or few make, in order of their start.

    Calls with the same direction, client number and line are one where the pause is at most `gap` and the client did
    not hang up the earlier. A session has the id of its first call; a withheld number is never stitched.
    """
    sessions: dict[tuple[str, str | None, str | None], list[Call]] = {}
    for call in sorted(calls, key=lambda call: (call.started_at, call.id)):
        known = sessions.setdefault((call.direction, call.client, call.line), [])
        if known and call.client is not None and _goes_on(known[-1], call.started_at, gap):
            known[-1] = _joined(known[-1], call)
        else:
            known.append(call)
    found = (call for group in sessions.values() for call in group)
    return tuple(sorted(found, key=lambda call: (call.started_at, call.id)))


def _goes_on(call: Call, start: datetime, gap: timedelta) -> bool:
    return call.hangup_by != "client" and call.ended_at is not None and start - call.ended_at <= gap


def _joined(first: Call, then: Call) -> Call:
    """One session: the later call tells how it ended."""
    versions = [call.version for call in (first, then) if call.version is not None]
    changed = [call.changed_at for call in (first, then) if call.changed_at is not None]
    return replace(
        first,
        ended_at=None if then.ended_at is None else max(first.ended_at or then.ended_at, then.ended_at),
        hangup_by=then.hangup_by,
        final=then.final,
        callback_requested=first.callback_requested or then.callback_requested,
        voicemail_seconds=then.voicemail_seconds if first.voicemail_seconds is None else first.voicemail_seconds,
        spam=first.spam or then.spam,
        test=first.test or then.test,
        queue=first.queue or then.queue,
        legs=tuple(sorted((*first.legs, *then.legs), key=lambda leg: leg.started_at)),
        transfers=(*first.transfers, *then.transfers),
        recordings=(*first.recordings, *then.recordings),
        version=sum(versions) if versions else None,
        changed_at=max(changed, default=None),
    )
