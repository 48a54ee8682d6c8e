"""Is what servers say taken apart as they say it, and are names, numbers and moments read both ways?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk import Malformed
from plugins.email import wire
from plugins.email.wire import Line

NAMES = {
    "Отправленные": b"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-",
    "Черновики": b"&BCcENQRABD0EPgQyBDgEOgQ4-",
    "Корзина": b"&BBoEPgRABDcEOAQ9BDA-",
    "Спам": b"&BCEEPwQwBDw-",
    "Рассылки": b"&BCAEMARBBEEESwQ7BDoEOA-",
    "A & B": b"A &- B",
}


@pytest.mark.parametrize(("name", "raw"), NAMES.items(), ids=list(NAMES))
def test_names_are_read_and_written_in_modified_utf7(name: str, raw: bytes) -> None:
    assert (wire.decoded(raw), wire.encoded(name)) == (name, raw)


@settings(max_examples=50)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_every_name_comes_back(name: str) -> None:
    assert wire.decoded(wire.encoded(name)) == name


def test_runs_that_touch_are_tolerated_and_nonsense_is_shown_as_it_is() -> None:
    assert wire.decoded(b"&BCEEPwQwBDw-&BCEEPwQwBDw-") == "СпамСпам"
    assert wire.decoded(b"&!!-") == "&!!-"


@settings(max_examples=50)
@given(st.sets(st.integers(1, 2_000)))
def test_sets_of_numbers_come_back(numbers: set[int]) -> None:
    text = wire.uid_set(numbers)
    assert list(wire.uids(text)) == sorted(numbers)
    assert text.count(",") <= max(len(numbers) - 1, 0)


def test_a_set_may_count_downwards_and_hold_nonsense() -> None:
    assert list(wire.uids(b"7:5,x,2,*")) == [5, 6, 7, 2]


def test_a_fetch_is_read_in_whatever_way_texts_are_written() -> None:
    line = Line((rb'* 5 FETCH (UID 3 FLAGS (\Seen "x\"y") BODY[HEADER.FIELDS (TO)] {4}', b"a) b", rb" ENVELOPE NIL)"))
    found = wire.data(line)
    assert (found.name, found.number) == ("FETCH", 5)
    assert found.items == {
        "UID": b"3",
        "FLAGS": [b"\\Seen", b'x"y'],
        "BODY[HEADER.FIELDS (TO)]": b"a) b",
        "ENVELOPE": None,
    }


@pytest.mark.parametrize("text", [b"* 1 FETCH ((", b"* 1 FETCH )", b'* 1 FETCH "x', b"*", b"* (", b"* " + b"(" * 100])
def test_what_does_not_end_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        wire.data(Line((text,)))


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_no_line_is_a_bug(text: bytes) -> None:
    line = Line((b"* " + text.replace(b"\n", b""),))
    if wire.status(line) is None:
        try:
            wire.data(line)
        except Malformed:
            return


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"* OK [UIDVALIDITY 7] valid", ("OK", ("UIDVALIDITY", "7"), "valid")),
        (b"h1 NO [authenticationfailed] no", ("NO", ("AUTHENTICATIONFAILED",), "no")),
        (b"* BYE Autologout", ("BYE", (), "Autologout")),
        (b"h1 OK", ("OK", (), "")),
    ],
)
def test_a_status_has_a_code(text: bytes, found: Any) -> None:
    said = wire.status(Line((text,)))
    assert said is not None
    assert (said.name, said.code, said.text) == found


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"16-Nov-2026 12:00:07 +0300", datetime(2026, 11, 16, 9, 0, 7, tzinfo=UTC)),
        (b" 6-Nov-2026 12:00:07 -0130", datetime(2026, 11, 6, 13, 30, 7, tzinfo=UTC)),
        (b"31-Feb-2026 12:00:07 +0000", None),
        (b"yesterday", None),
        (None, None),
    ],
)
def test_moments_are_read_or_none(text: Any, at: datetime | None) -> None:
    assert wire.moment(text) == at


def test_days_are_english() -> None:
    assert wire.day(datetime(2026, 11, 6, tzinfo=UTC)) == "6-Nov-2026"
