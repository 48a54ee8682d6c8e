"""When may a vendor's account be asked next? One row an account, shared by every lane, worker and connection.

The row holds the moment at which the next request would be due if all came evenly (GCRA's theoretical arrival time).
Whoever asks moves it by one step in the same statement that tells him his slot, so that no two get the same one. Moments
and steps are microseconds, since a rate of 7 a second has no whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Connection, bindparam, case, select, update

from hub.store.bulk import insert_new
from hub.store.schema import budgets

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SLOWER = 10
"""Each strike makes the step longer by this part of it …"""
_MOST_STRIKES = 10
"""… up to so many, which is half the rate."""
_LONGEST = 64.0
"""Seconds that a rest grows to where the vendor names no time."""
_CALM = timedelta(hours=1)
"""So long after its last rest an account's strikes are forgotten."""
_FARTHEST = timedelta(minutes=1)
"""No row is so far ahead by its requests alone: the clock was set back."""


_NOT_BEFORE = bindparam("not_before", type_=BigInteger)
_MOVE = (  # written once: every request of every lane needs it
    update(budgets)
    .where(budgets.c.account == bindparam("of"))
    .values(
        tat=case((budgets.c.tat > _NOT_BEFORE, budgets.c.tat), else_=_NOT_BEFORE)
        + bindparam("step", type_=BigInteger)
        + budgets.c.strikes * bindparam("more", type_=BigInteger)
    )
    .returning(budgets.c.tat, budgets.c.strikes, budgets.c.rests_until)
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How an account may be asked: once every `step` microseconds, up to `burst` times at once."""

    account: str
    step: int
    burst: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """What one account's row became by a reservation: the slot, and how the row looks while nobody came after."""

    account: str
    at: int
    tat: int
    step: int
    rests_until: datetime | None


@dataclass(frozen=True, slots=True)
class Slot:
    """When to ask: `at`, in every account of `places`."""

    at: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Full:
    """No slot was early enough; the next one is `at`. rests: because the vendor was asked too often."""

    at: int
    rests: bool


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def reserve(connection: Connection, paces: Sequence[Pace], now: int, latest: int) -> Slot | Full:
    """The first slot from `now` on that all accounts have free, unless it is after `latest`: then nothing is taken."""
    at = now
    while True:
        places = tuple(_move(connection, pace, at) for pace in sorted(paces, key=_narrowest_first))
        at = max(place.at for place in places)
        if at <= latest and all(place.at == at for place in places):
            return Slot(at, places)
        give_back(connection, Slot(at, places))
        if at > latest:
            return Full(at, any(place.rests_until and micros(place.rests_until) > now for place in places))


def _narrowest_first(pace: Pace) -> tuple[int, str]:
    """The narrowest decides nearly always; and everybody locks in the same order."""
    return -pace.step, pace.account


def _move(connection: Connection, pace: Pace, now: int) -> Place:
    """Move an account's row by one step, beginning not before `now`."""
    given = {"of": pace.account, "not_before": now, "step": pace.step, "more": pace.step // _SLOWER}
    row = connection.execute(_MOVE, given).first()
    if row is None:
        insert_new(connection, budgets, [{"account": pace.account}], on=("account",))
        row = connection.execute(_MOVE, given).one()
    step = pace.step + row.strikes * (pace.step // _SLOWER)
    return Place(pace.account, max(now, row.tat - pace.burst * step), row.tat, step, row.rests_until)


def give_back(connection: Connection, slot: Slot) -> None:
    """The slot was not used: it is free again in each account where nobody came after."""
    for place in slot.places:
        connection.execute(
            update(budgets)
            .where(budgets.c.account == place.account, budgets.c.tat == place.tat)
            .values(tat=place.tat - place.step)
        )


def strike(connection: Connection, slot: Slot, now: datetime, seconds: float | None, spread: float) -> datetime | None:
    """The vendor found it too much: nobody asks these accounts until the moment that is returned.

    seconds: as the vendor wishes; None: one second, twice as long with each strike. spread: 0 to 1, by which part the
    rest is longer than that, so that not everybody comes back at once. A request that was already on its way when a rest
    began tells nothing new and is no further strike: None.
    """
    accounts = sorted(place.account for place in slot.places)
    rows = connection.execute(
        select(budgets).where(budgets.c.account.in_(accounts)).order_by(budgets.c.account).with_for_update()
    ).all()
    ends: list[datetime] = []
    for row in rows:
        known = row.rests_until is not None and micros(row.rests_until) > slot.at
        strikes = row.strikes if known else min(row.strikes + 1, _MOST_STRIKES)
        rest = seconds if seconds is not None else min(2.0 ** (strikes - 1), _LONGEST)
        until = now + timedelta(seconds=rest * (1 + spread))
        if known and (seconds is None or until <= row.rests_until):
            continue
        connection.execute(
            update(budgets)
            .where(budgets.c.account == row.account)
            .values(
                strikes=strikes,
                rests_until=until,
                tat=case((budgets.c.tat > micros(until), budgets.c.tat), else_=micros(until)),
            )
        )
        ends.append(until)
    return max(ends, default=None)


def calm_down(connection: Connection, now: datetime) -> None:
    """Forget strikes that are long ago, and what a clock that was set back has left behind."""
    connection.execute(
        update(budgets).where(budgets.c.strikes > 0, budgets.c.rests_until < now - _CALM).values(strikes=0)
    )
    resting = budgets.c.rests_until.is_not(None) & (budgets.c.rests_until > now)
    connection.execute(update(budgets).where(budgets.c.tat > micros(now + _FARTHEST), ~resting).values(tat=micros(now)))


def resting(connection: Connection, accounts: Iterable[str], now: datetime) -> datetime | None:
    """Until when the longest of these accounts' rests lasts, None when none rests."""
    until = select(budgets.c.rests_until).where(budgets.c.account.in_(list(accounts)), budgets.c.rests_until > now)
    return max(connection.scalars(until), default=None)
