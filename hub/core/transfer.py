"""When is an answered client lost again: left waiting in a transfer until he hung up (metrics.md 2.5)."""

from __future__ import annotations

from hub.core.calls import Verdict
from hub.core.cases import Case, Growing, Waiting
from hub.core.context import Context

KIND = "lost_in_transfer"


def find(context: Context) -> tuple[Case, ...]:
    """The cases of clients lost in a transfer, one series a line group."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in context.verdicts.values():
        if verdict.lost_at is not None and verdict.excluded is None:
            groups.setdefault(verdict.line_group, []).append(verdict)
    return tuple(case for name in sorted(groups) for case in _series(groups[name], context))


def _series(losses: list[Verdict], context: Context) -> list[Case]:
    grown: list[Growing] = []
    for loss in sorted(losses, key=lambda loss: (loss.ended_at or context.now, loss.ref)):
        if grown and grown[-1].takes(loss):
            grown[-1].join(loss)
        else:
            grown.append(_open(loss, grown[-1] if grown else None, context))
    return [item.case() for item in grown]


def _open(loss: Verdict, before: Growing | None, context: Context) -> Growing:
    """The clock begins with the end of the session, evidence with the moment at which nobody was on the line."""
    previous, flags = before.followed_by(loss.started_at) if before else (None, ())
    opened_at = loss.ended_at or context.now
    return Growing(
        Waiting(
            kind=KIND,
            group=context.group_of(loss),
            opening=loss,
            dials=(loss,),
            opened_at=opened_at,
            since=loss.lost_at or opened_at,
            promised_at=opened_at,
            owner=(loss.last_human, "last_human") if loss.last_human is not None else None,
            without=(loss.ref,),
            previous=previous,
            flags=flags,
        ),
        context,
    )
