"""Does `crmhub report` tell a month by its name, and what a figure has beside it?"""

from __future__ import annotations

from tests.cli.conftest import TUESDAY, Desk, missed


def test_a_month_is_asked_for_by_its_name(desk: Desk) -> None:
    assert desk.run("import", desk.file([missed("m1", TUESDAY)])).code == 0
    answer = desk.ask("report", "missed", "--month", "2026-03")
    assert (answer["from"], answer["to"]) == ("2026-02-28T21:00:00Z", "2026-03-31T21:00:00Z")
    assert (answer["published_at"], answer["restatements"]) == (None, [])
    assert next(row for row in answer["rows"] if row["missed"]["value"])["missed"]["value"] == 1
    assert desk.run("report", "missed", "--month", "March").code == 2
