"""When was a deal open? (metrics.md 3.1: a deal open at any moment while the case is open makes it urgent)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from hub.core.history import EVER, states, version_from
from hub.core.records import Deal
from hub.core.session import FOREVER, Span
from hub.core.timeline import History


def open_spans(history: History[Deal]) -> list[Span]:
    """The stretches in which the deal was open.

    A deal is open from its creation on, also before the first version that we have of it, until a version or the log
    says otherwise, at its `closed_at` if a version names one; a deletion ends it.
    """
    if not history.versions:
        return []
    course = states(history)
    spans = [(begin, end) for (begin, state), (end, _) in pairwise([*course, (FOREVER, None)]) if state == "open"]
    for deal in history.versions:
        if deal.state != "open" and deal.closed_at is not None:
            known_from = version_from(deal) or EVER
            spans = [(begin, min(end, deal.closed_at) if begin < known_from else end) for begin, end in spans]
    gone = history.gone_at or FOREVER
    return [(begin, min(end, gone)) for begin, end in spans if begin < min(end, gone)]


def any_open(deals: Sequence[History[Deal]], start: datetime, end: datetime | None = None) -> bool:
    """Whether any deal was open at `start` or at any moment from it on and before `end`."""
    until = end if end is not None and end > start else start
    spans = (span for history in deals for span in open_spans(history))
    return any(ended > start and (begin <= start or begin < until) for begin, ended in spans)
