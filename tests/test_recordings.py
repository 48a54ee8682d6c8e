"""Does `crmhub import` of what a real PBX recorded print the calls that the phones saw?"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import truth

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "plugins" / "telephony" / "asterisk" / "fixtures"
SCENARIOS = sorted(folder.name for folder in FIXTURES.iterdir() if folder.is_dir())
MEMBERS = {extension: f"member{extension}" for extension in ("101", "102", "103", "104", "105", "106")}

# The truth of two calls of mixed-stream was written from one side: a consultation whose answer its author left out, and
# a click-to-call that was handed over, whose end is the first manager's.
ONE_SIDED = {
    "1795429432.220": ("answered_at",),
    "hub-79990100139-9701685": ("ended_at", "transfers"),
}

pytestmark = pytest.mark.slow


def config(source, database=None):
    """The configuration that an administrator of the recorded PBX would write."""
    text = [
        '[hub]\ntimezone = "Europe/Moscow"\ncountry = "RU"\n' + (f'database = "{database}"\n' if database else ""),
        '[calendars.always]\n[[calendars.always.hours]]\nfrom = 2020-01-01\ndays = { mon-sun = "00:00-24:00" }\n',
        f'[lines.sales]\ncalendar = "always"\nlines = {json.dumps(source["dids"])}\n',
    ]
    for extension, member in MEMBERS.items():
        handles = [f"ext:pbx/{extension}", *(["phone:+79990000106"] if extension == "106" else [])]
        text.append(f'[team.{member}]\nname = "Member {extension}"\nhandles = {json.dumps(handles)}\n')
    queues = ", ".join(f"{name} = {json.dumps(members)}" for name, members in source["queues"].items())
    text.append(
        f'[connections.pbx]\nplugin = "asterisk"\ntimezone = "{source["timezone"]}"\nqueues = {{ {queues} }}\n'
        f'trunk_channels = {json.dumps(source["trunk_channels"])}\noutbound_prefix = "{source["outbound_prefix"]}"\n'
        f'company_number = "{source["company_number"]}"\n'
    )
    return "\n".join(text)


def crmhub(folder, *arguments):
    command = [sys.executable, "-m", "hub", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, f"{arguments[0]} ended with {done.returncode}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def imported(request, tmp_path_factory):
    """Rows of `crmhub calls`, by id, after one import of all recordings; once on each database."""
    folder = tmp_path_factory.mktemp("recordings")
    source = json.loads((FIXTURES / "mixed-stream" / "source.json").read_text(encoding="utf-8"))
    with contextlib.ExitStack() as stack:
        database = None
        if request.param == "postgresql":
            database = stack.enter_context(request.getfixturevalue("postgresql").database())
        (folder / "config.toml").write_text(config(source, database), encoding="utf-8")
        crmhub(folder, "import", "--connection", "pbx", *(FIXTURES / name for name in SCENARIOS))
        rows = json.loads(crmhub(folder, "calls", "--json"))
        yield {row["id"]: row for row in rows}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_call_is_told_as_the_phones_saw_it(imported, scenario):
    expected = json.loads((FIXTURES / scenario / "expected.json").read_text(encoding="utf-8"))["calls"]
    wrong = [
        f"{want['linkedid']}: {what}"
        for want in expected
        for what in (
            truth.differences(want, imported[want["linkedid"]], MEMBERS)
            if want["linkedid"] in imported
            else ["no such call"]
        )
        if not what.startswith(ONE_SIDED.get(want["linkedid"], "never"))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_call_is_invented(imported):
    documents = [json.loads((FIXTURES / name / "expected.json").read_text(encoding="utf-8")) for name in SCENARIOS]
    assert set(imported) == {call["linkedid"] for document in documents for call in document["calls"]}
