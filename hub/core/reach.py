"""How often did we try, and whom did we reach: touches of a period, of each of us, and of each lead (metrics.md 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from hub.core.figures import Figure, Row, count, percentile_of, refs, share, sorted_out
from hub.core.policy import Policy
from hub.core.records import instant
from hub.core.touches import CALL, Touched

FIRST_DAY = timedelta(hours=24)
Clients: TypeAlias = Mapping[int, Touched]


def touches(rows: Sequence[Row]) -> dict[str, Figure]:
    """Touches by kind, and how many clients were reached."""
    reached = [row for row in rows if row["kind"] == "contact"]
    clients = {row["contact"] for row in reached}
    return {
        "attempts": count(rows, lambda row: row["kind"] == "attempt", None, "attempts of ours without a contact"),
        "contacts": count(rows, lambda row: row["kind"] == "contact", None, "talks, replies to us, held meetings"),
        "auto_touches": count(rows, lambda row: row["kind"] == "auto", None, "automatic messages"),
        "clients_reached": Figure(len(clients), len(clients), "clients with a contact", refs(reached)),
    }


def of_leads(
    leads: Sequence[Row], clients: Clients, policy_of: Callable[[Row], Policy], now: datetime
) -> dict[str, Figure]:
    """How often each lead was touched until its deal was decided, in its first day, and before it was given up.

    While a client is to be left in peace nothing is owed to him.
    """
    tried = {row["ref"]: _Lead(row, clients.get(row["contact"]["id"], NOBODY), policy_of(row), now) for row in leads}
    numbers = [(ref, len(lead.real)) for ref, lead in tried.items()]
    owed, excused = sorted_out(leads, lambda row: tried[row["ref"]].why_not_owed)
    given_up, going_on = sorted_out(leads, lambda row: tried[row["ref"]].why_not_given_up)
    auto = [touch.ref for lead in tried.values() for touch in lead.touches if touch.kind == "auto"]
    return {
        "touches_median": percentile_of(numbers, 50, "touches until the deal is decided", ()),
        "touches_p90": percentile_of(numbers, 90, "touches until the deal is decided", ()),
        "auto_touches": Figure(len(auto), len(auto), "automatic messages to leads", tuple(auto)),
        "first_day_share": share(
            [row for row in owed if tried[row["ref"]].served_on_the_first_day],
            owed,
            "reached, or tried first_day_calls and first_day_messages times, within 24 h / leads owed that",
            excused,
        ),
        "touch_goal_share": share(
            [row for row in given_up if tried[row["ref"]].reached_the_goal],
            given_up,
            "touched touch_goal times / leads given up without a contact",
            going_on,
        ),
    }


NOBODY = Touched((), (), ())


class _Lead:
    """One lead's touches: from the moment that the form came until a deal was decided."""

    def __init__(self, row: Row, touched: Touched, policy: Policy, now: datetime) -> None:
        self.row, self.policy, self.now = row, policy, now
        # Its clock begins at the time that the client asked for; who is touched before that is touched all the same.
        self.opened_at = min(instant(row["opened_at"]), instant(row["last_attempt_at"]))
        end = next((at for at in touched.decided if at > self.opened_at), now)
        self.touches = [touch for touch in touched.touches if self.opened_at <= touch.at <= end]
        self.suppressed = touched.suppressed
        self.real = [touch for touch in self.touches if touch.kind != "auto"]

    @property
    def served_on_the_first_day(self) -> bool:
        first = [touch for touch in self.real if touch.at < self.opened_at + FIRST_DAY]
        calls = sum(touch.channel == CALL for touch in first)
        reached = any(touch.kind == "contact" for touch in first)
        return reached or (
            calls >= self.policy.first_day_calls and len(first) - calls >= self.policy.first_day_messages
        )

    @property
    def why_not_owed(self) -> str | None:
        until = self.opened_at + FIRST_DAY
        if self._in_peace(self.opened_at, until) and not self.served_on_the_first_day:
            return "suppressed"
        return "not_yet_due" if until > self.now and not self.served_on_the_first_day else None

    @property
    def why_not_given_up(self) -> str | None:
        if any(touch.kind == "contact" for touch in self.real) or self.row["time_to_reach"] is not None:
            return "contacted"
        if self.row["state"] == "open":
            return "open"
        return "suppressed" if self._in_peace(self.opened_at, self.now) else None

    @property
    def reached_the_goal(self) -> bool:
        return len(self.real) >= self.policy.touch_goal

    def _in_peace(self, since: datetime, until: datetime) -> bool:
        return any(start < until and end > since for start, end in self.suppressed)
