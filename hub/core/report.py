"""What do calls, cases and waits of a period amount to: the figures of `crmhub report` (metrics.md 2.6, 3.4, 4.2, 11.1).

Every figure is counted from the rows that the listing commands print, and can name each of them. A figure without
anything below its line is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hub.core import hours, reach
from hub.core.figures import Figure, Row, count, percentile, percentile_of, refs, share, sorted_out
from hub.core.handles import same_line
from hub.core.once import once
from hub.core.policy import LineGroup, Rulebook
from hub.core.records import instant

TO_CALL_BACK = ("missed_call", "lost_in_transfer")
REACHED = ("callback_reached", "client_got_through", "other_channel")
KINDS = ("calls", "cases", "waits", "offers", "earlier", "touches")
"""The rows that a report is made of, by the names in `Facts`."""
SPLITS = ("line", "day", "hour", "member")
NAMES = ("missed", "response", "managers", "lines", "leads", "touches")


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows of a period: inbound calls by their start, cases and waits by their opening, offers by their ring.

    earlier: cases that opened before the period and may hold sessions of it. touches: those of the period; clients: all
    that touched the clients with leads, by their number. now: the moment of which all this is told.
    """

    calls: Sequence[Row]
    cases: Sequence[Row]
    waits: Sequence[Row]
    offers: Sequence[Row] = ()
    earlier: Sequence[Row] = ()
    touches: Sequence[Row] = ()
    clients: reach.Clients = field(default_factory=dict)
    now: datetime | None = None


def report(name: str, facts: Facts, book: Rulebook, zone: ZoneInfo, by: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of a report, each with its key and its figures. ValueError: no such report or split."""
    if name not in NAMES:
        raise ValueError(f"there is no report {name}; there are {' '.join(NAMES)}")
    wrong = [word for word in by if word not in SPLITS]
    if wrong:
        raise ValueError(f"a report cannot be split by {wrong[0]}; it can by {' '.join(SPLITS)}")
    keys = {"managers": ("member",), "lines": ("line_group", "line")}.get(name, ("line_group",))
    cutter = _Cutter(facts, book, zone, tuple(dict.fromkeys((*keys, *by))))
    parts = cutter.parts()
    return [dict(zip(cutter.keys, key, strict=True)) | _figures(name, part, cutter, key) for key, part in parts]


def whole(facts: Facts, book: Rulebook, zone: ZoneInfo) -> dict[str, Figure]:
    """The figures of calls, cases and waits over everything that is given."""
    return missed(facts, _Cutter(facts, book, zone, ("line_group",))) | response(facts)


def _figures(name: str, facts: Facts, cutter: _Cutter, key: tuple[Any, ...]) -> dict[str, Figure]:
    if name == "touches":
        return reach.touches(facts.touches)
    if name == "leads":
        return leads([row for row in facts.cases if row["kind"] == "new_lead"], cutter)
    figures: dict[str, Figure] = {}
    if name != "response":
        figures |= missed(facts, cutter)
    if name != "missed":
        figures |= response(facts)
    if name == "managers":
        figures |= manager(facts, key[0])
    return figures


@dataclass(frozen=True)
class _Cutter:
    """Which row of the report a call, a case, a wait or an offer belongs to."""

    facts: Facts
    book: Rulebook
    zone: ZoneInfo
    keys: tuple[str, ...]

    def parts(self) -> list[tuple[tuple[Any, ...], Facts]]:
        """The rows' keys with their facts; groups, lines and members without any are there too."""
        found: dict[tuple[Any, ...], dict[str, list[Row]]] = {key: {} for key in self._always()}
        for kind in KINDS:
            for row in getattr(self.facts, kind):
                for key in self._keys_of(kind, row):
                    found.setdefault(key, {}).setdefault(kind, []).append(row)
        empty: dict[str, Any] = {kind: [] for kind in KINDS}
        if self._of_managers:
            found = {key: part for key, part in found.items() if key[0] in self.book.team.members}
        ordered = sorted(found, key=lambda key: tuple((value is None, str(value).zfill(3)) for value in key))
        return [(key, replace(self.facts, **(empty | found[key]))) for key in ordered]

    @property
    def _of_managers(self) -> bool:
        return self.keys[0] == "member"

    def _always(self) -> list[tuple[Any, ...]]:
        rules = self.book.versions[-1]
        if self.keys == ("line_group",):
            return [(name,) for name in rules.groups]
        if self.keys == ("member",):
            return [(key,) for key in self.book.team.members]
        if self.keys == ("line_group", "line"):
            return [(group.name, self._line(line)) for group in rules.groups.values() for line in group.lines]
        return []

    def _keys_of(self, kind: str, row: Row) -> list[tuple[Any, ...]]:
        """The row it belongs to; a wait of several owners belongs to each of them in the report of managers."""
        at = instant(row.get("started_at") or row.get("opened_at") or row.get("at")).astimezone(self.zone)
        said = {
            "line_group": row.get("line_group"),
            "line": self._line(row.get("line") or self._line_of.get(row.get("opened_by") or "")),
            "day": at.date().isoformat(),
            "hour": at.hour,
        }
        members = self._members(kind, row) if "member" in self.keys else (None,)
        return [tuple((said | {"member": member})[name] for name in self.keys) for member in members]

    def _members(self, kind: str, row: Row) -> tuple[str | None, ...]:
        if kind == "calls":
            return (self.owner_of.get(row["ref"]) if row["missed"] else row["answered_by"],)
        if kind in ("offers", "touches"):
            return (row["member"],)
        if kind == "waits" and self._of_managers:
            others = {item["member"] for item in row["own"]} | {row["replied_by"]}
            return tuple({row["owner"], *others})
        return (row["owner"],)

    @once
    def owner_of(self) -> dict[str, str | None]:
        """Session → owner of the case that it belongs to."""
        cases = (*self.facts.earlier, *self.facts.cases)
        return {ref: case["owner"] for case in cases if case["kind"] in TO_CALL_BACK for ref in case["evidence"]}

    @once
    def lost_clients(self) -> dict[str, int]:
        """Session → the client, of missed-call cases that are lost."""
        cases = (*self.facts.earlier, *self.facts.cases)
        lost = (case for case in cases if case["kind"] == "missed_call" and is_lost(case))
        return {ref: case["contact"]["id"] for case in lost for ref in case["evidence"]}

    @once
    def _line_of(self) -> dict[str, str | None]:
        return {call["ref"]: call["line"] for call in self.facts.calls}

    @once
    def _configured(self) -> dict[str, str]:
        groups = self.book.versions[-1].groups.values()
        return {same_line(line, self.book.country): line for group in groups for line in group.lines}

    def _line(self, line: str | None) -> str | None:
        """The line as it is configured, however its source writes it."""
        if line is None:
            return None
        canonical = same_line(line, self.book.country)
        return self._configured.get(canonical, canonical)

    def group(self, row: Row) -> LineGroup:
        """The line group of a row by the rules in force at its start."""
        at = instant(row.get("started_at") or row.get("opened_at"))
        return self.book.at(at).group(row["line_group"])


# The calls


def missed(facts: Facts, cutter: _Cutter) -> dict[str, Figure]:
    """How many calls were missed, and what became of those who called (metrics.md 2.6, 3.4)."""
    judged, left_out = sorted_out(facts.calls, _why_in_no_rate)
    lost = [row for row in judged if row["missed"]]
    answered = [row for row in judged if not row["missed"]]
    return {
        "answered": Figure(len(answered), len(answered), "calls answered", refs(answered), tuple(left_out)),
        "missed": Figure(len(lost), len(lost), "calls missed", refs(lost), tuple(left_out)),
        "missed_off_hours": count(lost, lambda row: row["in_hours"] is False, None, "calls missed off hours"),
        "abandoned_ivr": count(lost, lambda row: row["outcome"] == "abandoned_ivr", None, "missed in the menu"),
        "short_abandons": count(
            facts.calls, lambda row: row["excluded"] == "short_abandon", None, "hung up within short_abandon"
        ),
        "miss_rate": share(lost, judged, "missed / (answered + missed)", left_out),
        "service_level": _service_level(answered, lost, left_out, cutter),
        "clients_lost": _clients_lost(lost, cutter),
        **_cases(facts.cases, cutter),
    }


def _why_in_no_rate(row: Row) -> str | None:
    if row["excluded"] is not None:
        return str(row["excluded"])
    if row["outcome"] is None:
        return "not_judged"
    return None if row["missed"] or row["outcome"] == "answered" else str(row["outcome"])


def _service_level(
    answered: Sequence[Row], lost: Sequence[Row], left_out: Sequence[tuple[str, str]], cutter: _Cutter
) -> Figure:
    def soon(row: Row) -> bool:
        target = cutter.group(row).policy.service_level_target.total_seconds()
        return row["ring_wait"] is not None and row["ring_wait"] <= target

    def waited(row: Row) -> str | None:
        short = cutter.group(row).policy.short_abandon.total_seconds()
        return "short_abandon" if row["client_wait"] is not None and row["client_wait"] < short else None

    patient, hasty = sorted_out(lost, waited)
    good = [row for row in answered if soon(row)]
    definition = "answered within service_level_target / (answered + missed that waited)"
    return share(good, [*answered, *patient], definition, [*left_out, *hasty])


def _clients_lost(lost: Sequence[Row], cutter: _Cutter) -> Figure:
    clients = cutter.lost_clients
    found = [row for row in lost if row["ref"] in clients]
    n = len({clients[row["ref"]] for row in found})
    return Figure(n, n, "clients with a missed call whose case is lost", refs(found))


def _cases(cases: Sequence[Row], cutter: _Cutter) -> dict[str, Figure]:
    opened, left_out = sorted_out((row for row in cases if row["kind"] in TO_CALL_BACK), why_no_case)

    def in_time(row: Row) -> bool:
        reached = (row["time_to_reach"] or {}).get("working")
        target = cutter.group({**row, "started_at": row["opened_at"]}).policy.callback_target.total_seconds()
        return row["resolution"] in REACHED and reached is not None and bool(reached <= target)

    return {
        "recovered": _share_excused(
            [row for row in opened if in_time(row)], opened, "reached within callback_target / cases opened", left_out
        ),
        "handled_offline": count(
            opened, lambda row: row["reason"] == "handled_offline", len(opened), "said to be settled elsewhere"
        ),
        "lost": count(opened, is_lost, len(opened), "cases exhausted, expired or asked_not_to_call"),
        "silently_lost": count(opened, lambda row: row["silently_lost"], len(opened), "lost without a valid attempt"),
    }


def why_no_case(row: Row) -> str | None:
    """Why a case is in no figure: it was no miss, or not one of its own."""
    if row["resolution"] in ("no_callback_number", "not_a_miss", "merged"):
        return str(row["resolution"])
    return "spam" if row["reason"] == "spam" else None


def is_lost(row: Row) -> bool:
    """Whether the client was lost (metrics.md 3.4)."""
    return bool(row["state"] == "lost" or row["reason"] == "asked_not_to_call")


# The waits


def response(facts: Facts) -> dict[str, Figure]:
    """How soon those who wrote were answered, in working seconds (metrics.md 4.2, 11.1)."""
    begun = [row for row in facts.waits if row["kind"] == "first"]
    first = _response(begun) | _bot_adjusted(begun)
    later = _response([row for row in facts.waits if row["kind"] != "first"])
    return first | {f"next_{name}": figure for name, figure in later.items()}


def _response(rows: Sequence[Row]) -> dict[str, Figure]:
    measured, left_out = sorted_out(rows, _why_no_length)
    lengths = [(row["ref"], row["working"]) for row in measured]
    promised, unjudged = sorted_out(rows, _why_no_promise)
    off = [row for row in rows if row["state"] == "answered" and row["off_hours"]]
    walls = sorted(row["wall"] for row in off)
    unanswered = [row for row in rows if row["state"] == "unanswered"]
    unneeded = [row for row in rows if row.get("cancelled_because") == "no_reply_needed"]
    return {
        "median": percentile_of(lengths, 50, "working seconds to the reply", left_out),
        "p90": percentile_of(lengths, 90, "working seconds to the reply", left_out),
        "share_within_target": _share_excused(
            [row for row in promised if not row["breached"] and row["state"] == "answered"],
            promised,
            "answered in time / (answered + unanswered + open past target)",
            unjudged,
        ),
        "still_waiting": _still_waiting([row for row in rows if row["state"] == "open"]),
        "unanswered_share": share(unanswered, rows, "unanswered / waits started"),
        "no_reply_needed_share": share(unneeded, rows, "no reply needed / waits started"),
        "off_hours": Figure(
            len(off), len(off), "answered off hours", refs(off), more={"wall_median": percentile(walls, 50)}
        ),
    }


def _share_excused(
    good: Sequence[Row], below: Sequence[Row], definition: str, left_out: Sequence[tuple[str, str]]
) -> Figure:
    """A share, and beside it what it would be without the failures that somebody excused (metrics.md 11.2)."""
    figure = share(good, below, definition, left_out)
    fine = set(refs(good))
    excused = sum("excused" in row.get("flags", ()) and row["ref"] not in fine for row in below)
    rest = len(below) - excused
    return replace(
        figure, more={**figure.more, "excused": excused, "value_excused": len(good) / rest if rest else None}
    )


def _still_waiting(rows: Sequence[Row]) -> Figure:
    """Who waits now, with the age of the oldest, by the wall clock and in working time."""
    oldest = max(rows, key=lambda row: (row["wall"], row["ref"]), default=None)
    age = {name: oldest[name] if oldest else None for name in ("wall", "working")}
    return Figure(len(rows), len(rows), "waits still open", refs(rows), more={"oldest": age})


def _bot_adjusted(rows: Sequence[Row]) -> dict[str, Figure]:
    """First responses from where a bot had done with the client; the whole wait stands beside it (metrics.md 4.2)."""
    measured, left_out = sorted_out(rows, _why_no_length)
    lengths = [(row["ref"], (row.get("bot_adjusted") or row)["working"]) for row in measured]
    what = "working seconds to the reply, from the hand-off where a bot served first"
    return {
        "bot_adjusted_median": percentile_of(lengths, 50, what, left_out),
        "bot_adjusted_p90": percentile_of(lengths, 90, what, left_out),
    }


def _why_no_length(row: Row) -> str | None:
    if row["state"] != "answered":
        return str(row["state"])
    if row["off_hours"]:
        return "off_hours"
    return "no_calendar" if row["working"] is None else None


def _why_no_promise(row: Row) -> str | None:
    """Why a wait is in neither half of the share within the target."""
    if row["state"] == "cancelled":
        return "cancelled"
    if row["state"] == "answered" and row["off_hours"]:
        return "off_hours"
    if row["due_at"] is None:
        return "no_target"
    return "not_yet_due" if row["state"] == "open" and not row["breached"] else None


def manager(facts: Facts, member: str) -> dict[str, Figure]:
    """What one of us owned, missed and did for others (metrics.md 2.4, 7)."""
    own = [
        (row["ref"], item["seconds"])
        for row in facts.waits
        if row["state"] == "answered"
        for item in row["own"]
        if item["member"] == member and item["seconds"]
    ]
    covers = [row for row in facts.waits if row["replied_by"] == member and row["owner"] not in (None, member)]
    mine = Facts((), (), [row for row in facts.waits if row["owner"] == member])
    what = "working seconds of waits while he owned them"
    return response(mine) | {
        "own_wait_median": percentile_of(own, 50, what, ()),
        "own_wait_p90": percentile_of(own, 90, what, ()),
        "offers_missed": _offers_missed(facts.offers),
        "covers": Figure(len(covers), len(covers), "replies to waits that others owned", refs(covers)),
    }


def _offers_missed(rows: Sequence[Row]) -> Figure:
    missed_, busy = sorted_out(rows, lambda row: "on_another_call" if row.get("busy") else None)
    return Figure(len(missed_), len(missed_), "rings not taken", refs(missed_), tuple(busy))


# The leads


def leads(rows: Sequence[Row], cutter: _Cutter) -> dict[str, Figure]:
    """How soon those who sent a form were tried and reached, in working seconds (metrics.md 8)."""
    counted, left_out = sorted_out(rows, why_no_case)
    never = [row for row in counted if row["time_to_reach"] is None and row["resolution"] != "closed_by_hand"]
    return {
        **_speed("speed_to_attempt", "first_attempt", counted, left_out, cutter),
        **_speed("speed_to_lead", "time_to_reach", counted, left_out, cutter),
        "never_contacted": Figure(
            len(never), len(counted), "leads without a contact so far", refs(never), tuple(left_out)
        ),
        **_touches_of(counted, cutter),
    }


def _touches_of(rows: Sequence[Row], cutter: _Cutter) -> dict[str, Figure]:
    now = cutter.facts.now
    return {} if now is None else reach.of_leads(rows, cutter.facts.clients, lambda row: cutter.group(row).policy, now)


def _speed(
    name: str, key: str, rows: Sequence[Row], left_out: Sequence[tuple[str, str]], cutter: _Cutter
) -> dict[str, Figure]:
    def why_no_length(row: Row) -> str | None:
        if row[key] is None:
            return "not_yet" if row["state"] == "open" else "never"
        if row[key]["working"] is None:
            return "no_calendar"
        return "off_hours" if _off_hours(row, key, cutter) else None

    def why_no_promise(row: Row) -> str | None:
        if row["due_at"] is None:
            return "no_calendar"
        if row[key] is None:
            return "not_yet_due" if row["state"] == "open" and not row["breached"] else None
        return why_no_length(row)

    measured, without = sorted_out(rows, why_no_length)
    promised, unjudged = sorted_out(rows, why_no_promise)
    lengths = [(row["ref"], row[key]["working"]) for row in measured]
    what, left = f"working seconds, {key}", [*left_out, *without]
    in_time = [row for row in promised if row[key] is not None and row[key]["working"] <= _lead_target(row, cutter)]
    definition = "within lead_target / (measured + past target without)"
    return {
        f"{name}_median": percentile_of(lengths, 50, what, left),
        f"{name}_p90": percentile_of(lengths, 90, what, left),
        f"{name}_share": share(in_time, promised, definition, [*left_out, *unjudged]),
    }


def _lead_target(row: Row, cutter: _Cutter) -> float:
    return cutter.group(row).policy.lead_target.total_seconds()


def _off_hours(row: Row, key: str, cutter: _Cutter) -> bool:
    """Whether both ends fell outside hours; a contact before the wished time is one within the promise."""
    start, policy = instant(row["opened_at"]), cutter.group(row).policy
    end = start + timedelta(seconds=row[key]["wall"])
    if end == start:
        return False
    return bool(hours.off_hours(start, end, cutter.group(row).calendar, policy.no_calendar_horizon))


def period(rows: Iterable[Row], key: str, since: datetime, until: datetime) -> list[Row]:
    """The rows whose moment lies in the period."""
    return [row for row in rows if since <= instant(row[key]) < until]
