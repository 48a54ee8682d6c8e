"""Do queues and agents tell who of us came and went?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.sdk import Context, Malformed, Presence, Stored
from plugins.telephony.asterisk.groups import Groups
from plugins.telephony.asterisk.live import Listener
from plugins.telephony.asterisk.presence import parse
from plugins.telephony.asterisk.settings import Settings

AT = 1_773_126_000_000


def told(*events: tuple[str, dict[str, str]], dynamic: tuple[tuple[str, str], ...] = ()) -> list[tuple[str, str]]:
    """(who, state) of each presence that the events give; dynamic: (interface, queue) when we began to listen."""
    listener = Listener("1773126000000", Groups(), 0)
    for interface, queue in dynamic:
        listener.logins.known(
            {"event": "QueueMember", "stateinterface": interface, "queue": queue, "membership": "dynamic"}
        )
    raws = [
        raw for number, (event, fields) in enumerate(events) for raw in listener.raw(event, fields, AT + number, number)
    ]
    found = [
        parse([Stored(raw.kind, raw.id, raw.payload, datetime.now(UTC))], Settings(), Context("pbx", "RU"))
        for raw in raws
    ]
    return [(item.member, item.state) for items in found for item in items]


def member(event: str, queue: str, interface: str = "PJSIP/101", **fields: str) -> tuple[str, dict[str, str]]:
    return event, {"queue": queue, "interface": interface, "membership": "dynamic", **fields}


def test_who_joins_his_first_queue_came_and_who_leaves_the_last_went():
    assert told(
        member("QueueMemberAdded", "sales"),
        member("QueueMemberAdded", "support"),
        member("QueueMemberRemoved", "sales"),
        member("QueueMemberRemoved", "support"),
    ) == [("ext:101", "in"), ("ext:101", "out")]


def test_queues_of_before_are_known():
    before = (("PJSIP/101", "sales"), ("PJSIP/101", "support"))
    assert told(member("QueueMemberRemoved", "sales"), dynamic=before) == []
    gone = [member("QueueMemberRemoved", "sales"), member("QueueMemberRemoved", "support")]
    assert told(*gone, dynamic=before) == [("ext:101", "out")]


@pytest.mark.parametrize("interface", ["PJSIP/101", "SIP/101", "Local/101@from-queue/n", "Agent/101"])
def test_the_device_is_the_extension(interface):
    assert told(member("QueueMemberAdded", "sales", interface)) == [("ext:101", "in")]


def test_the_state_interface_goes_before_the_way_there():
    joined = member("QueueMemberAdded", "sales", "Local/101@from-queue/n", stateinterface="PJSIP/7101")
    assert told(joined) == [("ext:7101", "in")]


def test_a_pause_is_away_until_it_ends():
    pauses = [member("QueueMemberPause", "sales", paused="1"), member("QueueMemberPause", "sales", paused="0")]
    assert told(*pauses) == [("ext:101", "away"), ("ext:101", "free")]


def test_agents_log_in_and_off():
    assert told(("AgentLogin", {"agent": "1001"}), ("AgentLogoff", {"agent": "1001"})) == [
        ("ext:1001", "in"),
        ("ext:1001", "out"),
    ]


def test_the_moment_is_that_of_the_pbx():
    (found,) = parse(
        [Stored("presence", "s/1", {"at": AT, "who": "101", "state": "in"}, datetime.now(UTC))],
        Settings(),
        Context("pbx", "RU"),
    )
    assert found == Presence(
        id="s/1", member="ext:101", at=datetime.fromtimestamp(AT / 1000, UTC), state="in", source="pbx"
    )


def test_nonsense_is_malformed():
    with pytest.raises(Malformed):
        list(parse([Stored("presence", "s/1", {"at": "now"}, datetime.now(UTC))], Settings(), Context("pbx", "RU")))
