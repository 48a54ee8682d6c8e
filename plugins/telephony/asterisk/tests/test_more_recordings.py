"""Do other installations give their calls too: Asterisk 22 with systemname, 16 with chan_sip, Local channels everywhere?

The recordings were made with two live PBXs and telephones driven by script: transfers by keypad, parking, nested menus,
queues that nobody is in, mobiles that must confirm, an answered survey, calls that the PBX itself places. Extensions
are 301–306, the trunk is `mtt`, DIDs have eleven digits, managers dial 9 to get out, the zone is Yekaterinburg.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from truth import calls_of, check_folder, fold, outcome, site

from plugins.telephony.asterisk.files import read

RECORDINGS = Path(__file__).parent / "recordings"
ALL = sorted(f"{folder.parent.name}/{folder.name}" for folder in RECORDINGS.glob("*/*"))
TOLD_LATER = {
    "asterisk-16/park-lost",
    "asterisk-22/park-lost",
    "asterisk-16/park-retrieve",
    "asterisk-22/park-retrieve",
}
"""The phone that parks hears the slot read out before it hangs up; the client is parked when that begins."""


@pytest.mark.parametrize("name", [one for one in ALL if not one.endswith("pbx-killed")])
@pytest.mark.parametrize("source", ["folder", "ami.jsonl.gz"])
def test_other_installations_tell_what_the_phones_saw(name: str, source: str) -> None:
    folder = RECORDINGS / name
    calls = calls_of(folder if source == "folder" else folder / source, folder)
    told = {item["linkedid"] for item in json.loads((folder / "expected.json").read_text())["calls"]}
    calls = {key: call for key, call in calls.items() if key in told or call.direction == "inbound"}
    skip = frozenset({"transfer at"}) if name in TOLD_LATER else frozenset()
    assert check_folder(calls, folder, skip=skip) == []


@pytest.mark.parametrize(
    ("scenario", "became"),
    [
        ("nested-menu-timeout", "abandoned_ivr"),
        ("queue-empty", "no_staff"),
        ("queue-leaveempty", "no_staff"),
        ("mobile-not-confirmed", "abandoned_wait"),
        ("group-timeout", "no_answer"),
        ("group-busy", "busy_declined"),
    ],
)
@pytest.mark.parametrize("version", ["asterisk-22", "asterisk-16"])
def test_why_a_call_was_not_answered(version: str, scenario: str, became: str) -> None:
    folder = RECORDINGS / version / scenario
    (call,) = calls_of(folder, folder).values()
    assert outcome(call) == became


@pytest.mark.parametrize("version", ["asterisk-22", "asterisk-16"])
def test_calls_at_the_moment_a_pbx_dies_are_in_progress_until_it_is_back(version: str, tmp_path: Path) -> None:
    folder = RECORDINGS / version / "pbx-killed"
    expected = json.loads((folder / "expected.json").read_text())["calls"]
    before = calls_of(folder / "ami.jsonl.gz", folder)
    assert [before[item["linkedid"]].final for item in expected] == [False, False]
    lines = gzip.decompress((folder / "ami.jsonl.gz").read_bytes()).decode()
    back = json.loads(lines.splitlines()[-1])["recv"] + 60
    again = [
        {"recv": back, "fields": [["Response", "Success"], ["Message", "Authentication accepted"]]},
        {"recv": back, "fields": [["Event", "FullyBooted"], ["Uptime", "20"], ["Status", "Fully Booted"]]},
        {"recv": back, "fields": [["Event", "PeerStatus"], ["Timestamp", f"{back:.6f}"]]},
    ]
    (tmp_path / "ami.jsonl").write_text(lines + "".join(json.dumps(item) + "\n" for item in again))
    settings, context = site(folder)
    calls = fold(read(tmp_path / "ami.jsonl", "ami.jsonl", settings, context), settings, context)
    for item, became in zip(expected, ["answered", "no_answer"], strict=True):
        call = calls[item["linkedid"]]
        assert (call.final, call.hangup_by, call.completeness) == (True, "system", "partial")
        assert outcome(call) == became
        assert call.ended_at is not None
        assert abs(call.ended_at.timestamp() - item["ended_at"]) < 4  # nothing was said in the last three seconds
