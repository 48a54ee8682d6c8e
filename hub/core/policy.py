"""What has been promised: settings, line groups and the team, in versions that are valid from a date on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from hub.core import handles
from hub.core.hours import Absence, Calendar

DEFINITION_VERSION = 1
"""Version of the code's definitions; raised when the same facts and settings would give another figure."""

OWNER_ORDER = ("deal_owner", "card_owner", "line_owner", "last_talk", "duty", "head")


def _s(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Every setting of metrics.md under its name, with its default. Each may be set for one line group.

    A `timedelta` of zero switches a limit off where the definition says so; None means "no target".
    """

    # 2 the call session
    stitch_gap: timedelta = _s(8)
    settle: timedelta = _s(20)
    lookback: timedelta = timedelta(hours=24)
    answer_min_talk: timedelta = _s(1)
    voicemail_min: timedelta = _s(3)
    short_abandon: timedelta = _s(5)
    redial_window: timedelta = timedelta(minutes=30)
    count_ivr_abandon: bool = True
    ivr_min: timedelta = _s(10)
    offer_min_ring: timedelta = _s(5)
    ringall_blame: Literal["team", "each", "split"] = "team"
    transfer_lost: timedelta = _s(20)
    service_level_target: timedelta = _s(20)
    repair_patience: timedelta = timedelta(minutes=15)
    # 3 the missed-call case
    callback_target: timedelta = timedelta(minutes=15)
    urgent_attempts: int = 3
    urgent_window: timedelta = timedelta(minutes=15)
    unhappy_window: timedelta = timedelta(minutes=30)
    attempt_min_ring: timedelta = _s(15)
    attempt_gap: timedelta = timedelta(minutes=10)
    contact_min_talk: timedelta = _s(10)
    exhausted_attempts: int = 3
    exhausted_days: int = 2
    case_ttl: timedelta = timedelta(days=7)
    soft_close_on_message: bool = False
    org_level_resolution: bool = False
    # 4 waits
    episode_gap_chat: timedelta = timedelta(hours=24)
    episode_gap_email: timedelta = timedelta(hours=72)
    bot_grace: timedelta = timedelta(minutes=30)
    cross_channel_stop: bool = True
    wait_ttl: timedelta = timedelta(days=14)
    first_response_target: timedelta | None = timedelta(minutes=15)
    next_response_target: timedelta | None = None
    # 6 working time
    no_calendar_horizon: timedelta = timedelta(days=60)
    # 7 attribution
    owner_memory: timedelta = timedelta(days=30)
    # 8 leads
    lead_target: timedelta = timedelta(minutes=15)
    lead_ttl: timedelta = timedelta(days=7)
    touch_gap: timedelta = timedelta(minutes=10)
    touch_goal: int = 7
    first_day_calls: int = 2
    first_day_messages: int = 1
    # 9 workday
    grace: timedelta = timedelta(minutes=5)
    missing_after: timedelta = timedelta(minutes=30)
    silent_stretch: timedelta = timedelta(minutes=60)
    shift_around: timedelta = timedelta(hours=6)
    # 10 late facts
    clock_tolerance: timedelta = _s(60)
    freeze_after: int = 10
    # 11 alerts
    taken_pause: timedelta = timedelta(minutes=15)
    batch_alerts: int = 3
    batch_window: timedelta = timedelta(minutes=2)
    digest_at: str = "19:00"

    def target(self, kind: str, wait: str | None = None) -> timedelta | None:
        """How soon a case of that kind is to be answered, in working time. wait: which wait for a reply it is."""
        if kind == "awaiting_reply":
            return self.first_response_target if wait == "first" else self.next_response_target
        return self.lead_target if kind == "new_lead" else self.callback_target


@dataclass(frozen=True, slots=True, kw_only=True)
class LineGroup:
    """Lines that share a promise. `lines` are as the sources name them; `owners` maps a line to a team key."""

    name: str
    calendar: Calendar | None = None
    lines: tuple[str, ...] = ()
    head: str | None = None
    duty: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)
    owner_order: tuple[str, ...] = OWNER_ORDER
    critical: bool = False
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class TeamHandle:
    """A handle of one of us, valid from `from_` (a day of the hub's zone) on; None means always."""

    handle: str
    from_: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """One of us: `key` is the key of `[team]`."""

    key: str
    name: str
    handles: tuple[TeamHandle, ...] = ()
    calendar: Calendar | None = None
    absences: tuple[Absence, ...] = ()
    deputy: str | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Team:
    """All of us. Handles are dated but not versioned: adding one applies to all time (design.md 7)."""

    members: Mapping[str, TeamMember] = field(default_factory=dict)
    timezone: str = "UTC"

    @cached_property
    def _owners(self) -> dict[str, list[tuple[date, str]]]:
        owners: dict[str, list[tuple[date, str]]] = {}
        for member in self.members.values():
            for item in member.handles:
                owners.setdefault(item.handle, []).append((item.from_ or date.min, member.key))
        for dated in owners.values():
            dated.sort()
        return owners

    def key_of(self, ref: str | None, at: datetime) -> str | None:
        """The `[team]` key that `ref` (a handle or a key) means at `at`, None when it is nobody's."""
        if ref is None or ref in self.members:
            return ref
        dated = self._owners.get(ref)
        if dated is None:
            return None
        if len(dated) == 1 and dated[0][0] == date.min:
            return dated[0][1]
        day = at.astimezone(self._zone).date()
        number = bisect_right(dated, day, key=lambda item: item[0])
        return dated[number - 1][1] if number else None

    def named(self, ref: str | None, at: datetime) -> str | None:
        """The `[team]` key where there is one, otherwise the handle itself (model.md 4)."""
        return self.key_of(ref, at) or ref

    def with_accounts(self, linked: Mapping[str, str], names: Mapping[str, str]) -> Team:
        """The team with all by which its people are known: accounts that they linked, and where they are told.

        linked: handle → key; they come before written channels. names: connection → the kind of handles there.
        """
        members = dict(self.members)
        for handle, key in linked.items():
            if key in members:
                notify = tuple(dict.fromkeys((handle, *members[key].notify)))
                members[key] = replace(members[key], notify=notify)
        told: dict[str, set[str]] = {}
        for member in members.values():
            for channel in member.notify:
                kind, _, value = channel.partition(":")
                told.setdefault(f"{names.get(kind, kind)}:{value}", set()).add(member.key)
        for handle, keys in told.items():
            if len(keys) == 1 and not self.owns(handle):  # what several are told by is nobody's own
                (key,) = keys
                members[key] = replace(members[key], handles=(*members[key].handles, TeamHandle(handle)))
        return replace(self, members=members)

    def account(self, ref: str | None, connection: str, at: datetime) -> str | None:
        """The account that one of us (a key or a handle) has in a connected system, None where he has none."""
        prefix = f"user:{connection}/"
        if ref is not None and ref.startswith(prefix):
            return ref.removeprefix(prefix)
        member = self.members.get(ref or "")
        own = (item.handle for item in (member.handles if member else ()) if item.handle.startswith(prefix))
        return next((handle.removeprefix(prefix) for handle in own if self.key_of(handle, at) == ref), None)

    def owns(self, handle: str) -> bool:
        """Whether the handle belongs to one of us at any time: such a handle is never a client."""
        return handle in self._owners

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One accepted version of `[policy]`, `[lines]` and `[calendars]`."""

    version: int = 1
    active_from: datetime = datetime.min.replace(tzinfo=UTC)
    country: str = "RU"
    groups: Mapping[str, LineGroup] = field(default_factory=dict)

    @cached_property
    def _by_line(self) -> dict[str, LineGroup]:
        return {handles.same_line(line, self.country): group for group in self.groups.values() for line in group.lines}

    @cached_property
    def default(self) -> LineGroup:
        """The group of unknown lines: always there (design.md 11)."""
        return self.groups.get("default") or LineGroup(name="default")

    def group_of(self, line: str | None) -> LineGroup:
        """The line group that a line, as its source names it, belongs to."""
        if line is None:
            return self.default
        return self._by_line.get(handles.same_line(line, self.country), self.default)

    @cached_property
    def _line_owners(self) -> dict[str, str]:
        return {
            handles.same_line(line, self.country): owner
            for group in self.groups.values()
            for line, owner in group.owners.items()
        }

    def line_owner(self, line: str | None) -> str | None:
        """The `[team]` key of who owns a line, however its source writes it; None when nobody does."""
        return None if line is None else self._line_owners.get(handles.same_line(line, self.country))

    def group(self, name: str) -> LineGroup:
        """The group of that name; the default group when this version has none of it."""
        return self.groups.get(name, self.default)


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """Everything that a judgement depends on besides the facts: versions of rules, the team, the hub's lists.

    `versions` are in order of `active_from`; the first reaches back for ever. An object is judged by the version in
    force at its start (design.md 7).
    """

    versions: tuple[Rules, ...]
    team: Team = Team()
    country: str = "RU"
    blocked: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    head_of_sales: str | None = None

    def at(self, moment: datetime) -> Rules:
        """The rules in force at `moment`."""
        number = bisect_right(self.versions, moment, key=lambda rules: rules.active_from)
        return self.versions[max(number - 1, 0)]
