"""Sessions of a source that has no conversation id (metrics 2.1)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.core.calls import judge
from hub.core.stitch import stitch
from hub.core.timeline import Fact
from tests.core.timelines import at, rulebook, timeline

HUNT = """
    10:00:00 in a 10s by system
    10:00:18 in b 10s by system | 102 0-10
    10:00:30 in c 60s | 103 0-60 +5
"""


def ids(text: str) -> list[str]:
    return [call.id for call in stitch(fact.record for fact in timeline(text).calls)]


def test_legs_close_together_are_one_session():
    (call,) = stitch(fact.record for fact in timeline(HUNT).calls)
    verdict = judge(Fact("src/call/a", call), rulebook(), at("12:00"))
    assert (verdict.id, verdict.outcome, verdict.answered_by, verdict.client_wait) == ("a", "answered", "vera", 35)
    assert len(verdict.rings) == 3


def test_a_pause_of_more_than_eight_seconds_parts_them():
    assert ids("10:00:00 in a 10s by system\n10:00:18 in b 10s") == ["a"]
    assert ids("10:00:00 in a 10s by system\n10:00:19 in b 10s") == ["a", "b"]


def test_a_client_who_hung_up_dials_anew():
    assert ids("10:00:00 in a 10s by client\n10:00:12 in b 10s") == ["a", "b"]


def test_other_clients_lines_and_directions_are_other_sessions():
    assert ids("10:00:00 in a 10s by system\n10:00:12 in b 10s line 74950010200") == ["a", "b"]
    assert ids("10:00:00 in a 10s by system\n10:00:12 in b 10s caller phone:+79215554433") == ["a", "b"]
    assert ids("10:00:00 in a 10s by system\n10:00:12 out b 10s") == ["a", "b"]


def test_withheld_numbers_may_be_anybodys():
    text = "10:00:00 in a 10s by system caller withheld\n10:00:12 in b 10s caller withheld"
    assert ids(text) == ["a", "b"]


@given(st.randoms())
def test_order_does_not_matter(chance):
    calls = [fact.record for fact in timeline(HUNT).calls]
    chance.shuffle(calls)
    assert stitch(calls) == stitch(fact.record for fact in timeline(HUNT).calls)
