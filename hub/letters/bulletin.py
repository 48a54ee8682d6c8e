"""What does a report tell, before it is put into words?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from hub.core.policy import Team
from hub.core.schedule import Name
from hub.core.summary import Fate, Response, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What happened between the report before and the first day of this one: evenings, nights, days off.

    since: the moment of the report before. missed: calls. fates: of the clients who were missed.
    """

    since: datetime
    missed: int
    fates: Mapping[Fate, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A source that was not to be had, or was silent when it should not be. until: None while it lasts."""

    connection: str
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """A report of a period for one of us.

    first, last: the days it covers. days: what became of the clients who were missed, by day, for the chart; closed:
    those of them on which nobody works. response: by day; target: seconds promised, None: nothing is. heat: missed
    calls by weekday (Monday is 0) and hour. url: of the hub's pages, None where the reader cannot reach them.
    """

    name: Name
    member: str
    first: date
    last: date
    summary: Summary
    team: Team
    before: Before | None = None
    days: Mapping[date, Counter[Fate]] = field(default_factory=dict)
    closed: Sequence[date] = ()
    response: Mapping[date, Response] = field(default_factory=dict)
    target: int | None = None
    heat: Mapping[tuple[int, int], int] = field(default_factory=dict)
    gaps: Sequence[Gap] = ()
    url: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return self.summary.is_empty and not (self.before and self.before.missed)
