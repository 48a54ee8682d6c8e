"""Do bytes in any pieces become the packets that were sent?"""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.telephony.asterisk.wire import Decoder, NotAmi, event_of, packet, read_fields

_KEY = st.from_regex(r"[A-Z][A-Za-z0-9_-]{0,12}", fullmatch=True)
_VALUE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20).map(str.strip)


@given(st.lists(st.dictionaries(_KEY, _VALUE, min_size=1, max_size=5), min_size=1, max_size=6), st.data())
def test_packets_survive_any_cutting_of_the_stream(sent: list[dict[str, str]], data: st.DataObject) -> None:
    stream = b"Asterisk Call Manager/11.0.0\r\n" + b"".join(packet(list(fields.items())) for fields in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder, got = Decoder(), []
    for since, to in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += [read_fields(block) for _, block in decoder.feed(stream[since:to])]
    expected = []
    for fields in sent:
        lowered: dict[str, str] = {}
        for key, value in fields.items():
            lowered.setdefault(key.lower(), value)
        expected.append(lowered)
    assert got == expected
    assert decoder.rest == b""


def test_offsets_are_places_in_the_stream() -> None:
    stream = b"Asterisk Call Manager/5.0.4\r\nEvent: A\r\n\r\nEvent: B\r\n\r\n"
    decoder = Decoder()
    places = [(offset, event_of(block)) for part in (stream[:35], stream[35:]) for offset, block in decoder.feed(part)]
    assert places == [(stream.index(b"Event: A"), "A"), (stream.index(b"Event: B"), "B")]


def test_values_keep_colons_and_blanks_and_the_first_of_repeated_keys_counts() -> None:
    fields = read_fields(
        b"Event: VarSet\r\nValue: sip:101@10.0.0.7:5060 \r\nExten: \r\nUniqueID: 1.2\r\nVariable: a\r\nVariable: b"
    )
    assert fields == {
        "event": "VarSet",
        "value": "sip:101@10.0.0.7:5060 ",
        "exten": "",
        "uniqueid": "1.2",
        "variable": "a",
    }


@pytest.mark.parametrize("noise", [os.urandom(2_000_000), b"x" * 2_000_000])
def test_noise_is_not_the_manager_interface(noise: bytes) -> None:
    decoder = Decoder()
    pieces = [noise[start : start + 65_536] for start in range(0, len(noise), 65_536)]
    with pytest.raises(NotAmi):
        [list(decoder.feed(piece)) for piece in pieces]


def test_an_action_cannot_carry_a_line_end_into_another() -> None:
    assert packet([("Action", "Login"), ("Secret", "a\r\nAction: Command")]).count(b"\r\n") == 3
