"""Whose was a card or deal at a moment, and was it open, as versions and a source's log tell together?"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.deals import open_spans
from hub.core.history import held_at
from hub.core.records import Card, Change, Deal
from hub.core.session import FOREVER
from hub.core.timeline import History
from tests.core.timelines import at


def change(
    when: str | datetime, after: str | None, before: str | None = None, field: Any = "owner", id: str = "e"
) -> Change:
    moment = at(when) if isinstance(when, str) else when
    return Change(id=f"{id}{moment:%H%M%S}", of="deal", on="1", at=moment, field=field, before=before, after=after)


def card(changed: str | None, owner: str | None, made: str | None = None) -> Card:
    return Card(id="1", owner=owner, changed_at=at(changed) if changed else None, created_at=at(made) if made else None)


def deal(
    changed: str, state: Any = "open", owner: str | None = "anna", made: str | None = None, closed: str | None = None
) -> Deal:
    return Deal(
        id="1",
        owner=owner,
        state=state,
        changed_at=at(changed),
        created_at=at(made) if made else None,
        closed_at=at(closed) if closed else None,
    )


def history(*versions: Any, log: tuple[Change, ...] = (), gone: str | None = None) -> History[Any]:
    return History("crm/deal/1", versions, at(gone) if gone else None, tuple(sorted(log, key=lambda c: (c.at, c.id))))


READ = card("18:00", "vera", made="09:00")
"""A card made at 9 and read for the first time at 18: all that a back-fill can know of it."""
LOG = (change("12:00", "boris", before="anna"), change("15:00", "vera", before="boris"))


@pytest.mark.parametrize(
    ("found", "when", "owner"),
    [
        (history(READ), "17:00", "nothing"),  # without a log nobody knows what it was
        (history(READ), "18:00", "vera"),
        (history(READ, log=LOG), "08:59", "nothing"),  # it was not there yet
        (history(READ, log=LOG), "09:00", "anna"),  # what the first change replaced
        (history(READ, log=LOG), "12:00", "boris"),
        (history(READ, log=LOG), "14:59", "boris"),
        (history(READ, log=LOG), "19:00", "vera"),
        (history(card("18:00", "vera"), log=LOG), "03:00", "anna"),  # nobody says when it was made
        (history(card("18:00", "gleb", made="09:00"), log=LOG), "18:00", "gleb"),  # the log lags behind
        (
            history(card("15:00", "boris", made="09:00"), log=LOG),
            "15:00",
            "vera",
        ),  # both in one second: the log is exact
        (history(card("10:00", "anna"), READ, log=LOG), "11:00", "anna"),
        (history(card("10:00", "anna"), READ, log=LOG), "12:30", "boris"),
        (history(card(None, "gleb"), log=LOG), "09:30", "anna"),  # a version without a moment is older than any log
        (history(READ, log=(change("12:00", None, before="anna"),)), "13:00", None),
        (history(READ, log=LOG, gone="16:00"), "15:30", "vera"),
        (history(READ, log=LOG, gone="16:00"), "16:00", "nothing"),
        (history(deal("18:00", made="09:00"), log=(change("12:00", "won", "open", "state"),)), "10:00", "anna"),
    ],
)
def test_the_owner_at_a_moment(found: History[Any], when: str, owner: str | None) -> None:
    held = held_at(found, at(when))
    assert (held.owner if held else "nothing") == owner


def spans(found: History[Deal]) -> list[str]:
    return [f"{begin:%H:%M}-{'' if end == FOREVER else f'{end:%H:%M}'}" for begin, end in open_spans(found)]


WON = change("12:00", "won", "open", "state")
BACK = change("14:00", "open", "won", "state")


@pytest.mark.parametrize(
    ("found", "open_then"),
    [
        (history(deal("18:00", "won", made="09:00"), log=(WON,)), ["06:00-09:00"]),
        (history(deal("18:00", made="09:00"), log=(WON, BACK)), ["06:00-09:00", "11:00-15:00", "15:00-"]),
        (history(deal("18:00", "won", made="09:00", closed="13:00")), ["06:00-10:00"]),
        (history(deal("18:00", "won", made="09:00", closed="13:00"), log=(WON,)), ["06:00-09:00"]),
        (
            history(deal("10:00", made="09:00"), deal("18:00", "lost", made="09:00"), log=()),
            ["06:00-07:00", "07:00-15:00"],
        ),
        (history(deal("18:00", made="09:00"), log=(change("12:00", "anna", "boris"),)), ["06:00-15:00", "15:00-"]),
        (history(deal("18:00", made="09:00"), log=(WON, BACK), gone="15:00"), ["06:00-09:00", "11:00-12:00"]),
    ],
)
def test_the_stretches_in_which_a_deal_was_open(found: History[Deal], open_then: list[str]) -> None:
    assert spans(found) == open_then  # in UTC


@given(st.data())
def test_a_whole_log_tells_the_owner_at_any_moment_whatever_else_was_read(data: st.DataObject) -> None:
    """A card that changed hands; versions read at any moments add nothing to a log that is whole."""
    hands = data.draw(st.lists(st.sampled_from(["anna", "boris", "vera", None]), min_size=1, max_size=6))
    hours = sorted(data.draw(st.lists(st.integers(9, 20), min_size=len(hands), max_size=len(hands), unique=True)))
    begins = [at(f"{hour:02d}:00") for hour in hours]

    def owner(moment: datetime) -> str | None:
        return [hand for hand, begin in zip(hands, begins, strict=True) if begin <= moment][-1]

    log = [
        change(begin, hands[number], before=hands[number - 1], id=str(number))
        for number, begin in enumerate(begins)
        if number
    ]
    reads = sorted(
        data.draw(st.sets(st.sampled_from([begin.replace(minute=m) for begin in begins for m in (0, 30)]), min_size=1))
    )
    versions = [Card(id="1", owner=owner(moment), changed_at=moment, created_at=begins[0]) for moment in reads]
    random.Random(len(log)).shuffle(log)
    found = history(*versions, log=tuple(log))
    for moment in [begin.replace(minute=m) for begin in begins for m in (0, 15, 45)]:
        if log or moment >= reads[0]:
            held = held_at(found, moment)
            assert held is not None
            assert held.owner == owner(moment)
