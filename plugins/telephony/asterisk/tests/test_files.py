"""What does a file tell that was not made for us, or that is broken?"""

from __future__ import annotations

import csv
import gzip
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from truth import FIXTURES, calls_of, fold, outcome, site

from hub.sdk import Context, Raw, Refused
from plugins.telephony.asterisk.columns import _CUSTOM
from plugins.telephony.asterisk.files import read
from plugins.telephony.asterisk.settings import Settings

FOLDER = FIXTURES / "mixed-stream"


def _refused(file: Path, **settings: str) -> list[Refused]:
    return [item for item in read(file, file.name, Settings(**settings), Context("pbx")) if isinstance(item, Refused)]


def _without_clock(folder: Path, into: Path) -> None:
    lines = (folder / "ami.raw").read_bytes().split(b"\r\n")
    (into / "ami.raw").write_bytes(b"\r\n".join(line for line in lines if not line.startswith(b"Timestamp: ")))


def test_call_records_alone_tell_direction_client_line_and_answer() -> None:
    calls = calls_of(FOLDER / "cdr.csv", FOLDER)
    exact = calls_of(FOLDER, FOLDER)
    for key, call in calls.items():
        if key not in exact or exact[key].direction == "internal":
            continue
        assert (call.direction, call.client, call.line) == (exact[key].direction, exact[key].client, exact[key].line)
        assert (outcome(call) == "answered") == (outcome(exact[key]) == "answered")
        assert abs((call.started_at - exact[key].started_at).total_seconds()) < 2
        assert call.completeness == "repaired"
        assert call.final


def test_columns_are_found_by_a_header_in_any_order(tmp_path: Path) -> None:
    rows = list(csv.reader((FOLDER / "cdr.csv").open(encoding="utf-8")))
    names = list(_CUSTOM)
    order = [
        names.index(name)
        for name in (
            "linkedid",
            "disposition",
            "start",
            "channel",
            "dstchannel",
            "src",
            "dst",
            "answer",
            "end",
            "lastapp",
            "lastdata",
            "duration",
            "billsec",
            "uniqueid",
            "did",
            "sequence",
        )
    ]
    with (tmp_path / "export.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow([{"start": "calldate"}.get(names[index], names[index]) for index in order])
        writer.writerows([row[index] for index in order] for row in rows)
    assert calls_of(tmp_path / "export.csv", FOLDER).keys() == calls_of(FOLDER / "cdr.csv", FOLDER).keys()


def test_the_stock_file_gives_calls_by_channel() -> None:
    calls = calls_of(FOLDER / "cdr_master.csv", FOLDER)
    exact = calls_of(FOLDER / "cdr.csv", FOLDER)
    shared = calls.keys() & exact.keys()
    assert len(shared) >= 0.9 * len(exact)
    assert all(calls[key].client == exact[key].client for key in shared)


def test_other_columns_are_refused_with_line_and_advice(tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text("Дата,Кто,Кому,Сколько\n2026-03-10 10:00:00,101,89211234567,12\n", encoding="utf-8")
    (refused,) = _refused(file)
    assert "report.csv line 1" in refused.where
    assert "first line with the names of its columns" in refused.why


def test_a_bad_row_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    lines = (FIXTURES / "ringgroup-answered" / "cdr.csv").read_text().splitlines()
    broken = lines[0].replace("2026-11-23", "yesterday")
    file = tmp_path / "cdr.csv"
    file.write_text("\n".join([lines[0], broken, *lines[1:]]) + "\n")
    found = list(read(file, "cdr.csv", *site(FIXTURES / "ringgroup-answered")))
    assert [item.where for item in found if isinstance(item, Refused)] == ["cdr.csv line 2"]
    assert any(isinstance(item, Raw) for item in found)


def test_a_wrong_zone_is_named() -> None:
    settings, context = site(FOLDER)
    wrong = settings.model_copy(update={"timezone": "Asia/Yekaterinburg"})
    (refused,) = [item for item in read(FOLDER / "cdr.csv", "cdr.csv", wrong, context) if isinstance(item, Refused)]
    assert "wrong zone" in refused.why
    assert "-2" in refused.why


def test_packets_without_any_clock_are_refused(tmp_path: Path) -> None:
    _without_clock(FIXTURES / "ringgroup-answered", tmp_path)
    (refused,) = _refused(tmp_path / "ami.raw")
    assert "timestampevents" in refused.why


def test_of_two_recordings_the_one_with_a_clock_is_read(tmp_path: Path) -> None:
    folder = FIXTURES / "ringgroup-answered"
    _without_clock(folder, tmp_path)
    (tmp_path / "ami.jsonl").write_bytes((folder / "ami.jsonl").read_bytes())
    assert _refused(tmp_path) == []
    (call,) = fold(read(tmp_path, "x", *site(folder)), *site(folder)).values()
    assert outcome(call) == "answered"


def test_a_damaged_gzip_is_used_up_to_the_damage(tmp_path: Path) -> None:
    whole = (FOLDER / "ami.raw.gz").read_bytes()
    (tmp_path / "ami.raw.gz").write_bytes(whole[: len(whole) // 2])
    settings, context = site(FOLDER)
    found = list(read(tmp_path / "ami.raw.gz", "ami.raw.gz", settings, context))
    assert any(isinstance(item, Refused) and "cut off" in item.why for item in found)
    assert len(fold(found, settings, context)) > 30


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", bytes(range(256)) * 50, "Привет, это не то\n".encode(), b"%PDF-1.7\n"]
)
def test_a_file_of_another_kind_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    refused = _refused(tmp_path / "file")
    assert refused
    assert "file" in refused[0].where


def test_an_empty_folder_says_what_should_be_in_it(tmp_path: Path) -> None:
    (refused,) = _refused(tmp_path)
    assert "ami.raw" in refused.why


def test_a_recording_with_bare_line_feeds_is_read(tmp_path: Path) -> None:
    folder = FIXTURES / "ringgroup-answered"
    (tmp_path / "ami.raw").write_bytes((folder / "ami.raw").read_bytes().replace(b"\r\n", b"\n"))
    (call,) = calls_of(tmp_path / "ami.raw", folder).values()
    assert call.final


def test_gzip_is_told_by_its_content_not_its_name(tmp_path: Path) -> None:
    folder = FIXTURES / "ringgroup-answered"
    (tmp_path / "recording").write_bytes(gzip.compress((folder / "ami.raw").read_bytes()))
    assert len(calls_of(tmp_path / "recording", folder)) == 1


def test_call_records_alone_tell_who_left_and_who_was_left() -> None:
    """Dial() and Queue() carry their own limit: ringing that ended before it was ended by the client."""
    calls, exact = calls_of(FOLDER / "cdr.csv", FOLDER), calls_of(FOLDER, FOLDER)
    compared = [
        key
        for key in calls
        if key in exact and exact[key].direction == "inbound" and outcome(exact[key]) != "voicemail"
    ]
    differ = [key for key in compared if outcome(calls[key]) != outcome(exact[key])]
    assert len(compared) >= 70
    assert len(differ) <= 3, differ  # behind a phone that could not be reached the rows leave it open


def test_queue_log_tells_when_a_member_answered(tmp_path: Path) -> None:
    folder = FIXTURES / "queue-answered"
    for name in ("cdr.csv", "queue_log"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (call,) = fold(read(tmp_path, "x", *site(folder)), *site(folder)).values()
    (leg,) = [leg for leg in call.legs if leg.answered_at is not None and leg.kind == "member"]
    assert round((leg.answered_at - leg.started_at).total_seconds()) == 6
    assert call.queue == "sales"
