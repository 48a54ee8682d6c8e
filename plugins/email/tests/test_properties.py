"""Can any bytes stop a mailbox? Mails cut, turned and stirred are read as something, or as nothing, and never fail."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.sdk import Message, Returned, Submission, from_json, to_json
from plugins.email import item, mime
from plugins.email.tests.composed import ROWS, seen

WHOLE = [row.content for row in ROWS if len(row.content) < 20_000]
STRUCTURES = st.recursive(
    st.none()
    | st.integers(-9, 9)
    | st.sampled_from([b"text", b"plain", b"html", b"mixed", b"message", b"rfc822", b"attachment", b""]),
    lambda inner: st.lists(inner, max_size=12),
    max_leaves=40,
)


def sound(found: list[Message | Submission | Returned]) -> None:
    """Whatever came out is a record as the hub takes it from anybody."""
    for one in found:
        if not isinstance(one, Returned):
            assert from_json(to_json(one)) == one


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(WHOLE), st.integers(0, 2**32))
def test_damaged_mails_are_read(content, seed):
    stirred, chance = bytearray(content), random.Random(seed)
    for _ in range(chance.randint(1, 30)):
        at = chance.randrange(len(stirred) or 1)
        match chance.randrange(4):
            case 0:
                stirred[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del stirred[at : at + chance.randint(1, 40)]
            case 2:
                stirred[at:at] = stirred[at : at + chance.randint(1, 40)]
            case _:
                stirred[at:at] = chance.choice([b"\r\n", b"\n", b"\0", b"=?", b"?=", b"<", b'"', b";", b"--b1", b":"])
    sound(seen(bytes(stirred)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=600), st.binary(max_size=600))
def test_any_bytes_are_read(head, text):
    sound(seen(b"From: a@b.test\r\n" + head + b"\r\n\r\n" + text))


@settings(max_examples=200, deadline=None)
@given(STRUCTURES)
def test_any_answer_of_a_server_is_a_structure_or_none(structure):
    parts = mime.leaves(structure)
    assert all(part.number and "/" in part.type for part in parts)
    assert parts or item.wanted(structure) == (item.Section("TEXT", item.WHOLE_BYTES),)
