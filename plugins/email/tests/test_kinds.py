"""Is every composed mail told for what it is? `pytest -s` prints the table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from plugins.email.tests.composed import ROWS, seen, verdict

MACHINES = ("auto", "suspected", "hard", "failed", "soft", "receipt", "complaint", "bot", "mailing", "returned")
EXAMPLES = {
    "15.1 Client writes (koi8-r, base64)": ["client"],
    "15.2 Manager answers (Sent folder)": ["out"],
    "15.3 HTML reply from Gmail, text twin": ["client"],
    "15.4 Out of office (Exchange)": ["auto"],
    "15.5 DSN (Postfix form)": ["hard"],
    "15.6 Bounce as plain text (Mail.ru / Exim form)": ["hard"],
    "15.7 Receipt (MDN), complaint (ARF)": ["receipt", "complaint"],
    "15.8 Site form by mail (a client request in robot's clothes)": ["form"],
    "15.11 Invitation": ["auto"],
}


def test_every_composed_mail_is_what_it_is():
    found = [(row, verdict(seen(row.content, row.role))) for row in ROWS]
    print(f"\n{'expected':10} {'found':10} mail")
    for row, said in found:
        print(f"{row.expected:10} {said:10} {row.name}")
    wrong = [f"{row.name}: {said} instead of {row.expected}" for row, said in found if said != row.expected]
    of_machines = [said in MACHINES for row, said in found if row.expected in MACHINES]
    called_machines = [
        row.name for row, said in found if row.expected in ("client", "form", "out") and said in MACHINES
    ]
    print(
        f"{len(found)} mails; of {len(of_machines)} by machines {sum(of_machines)} recognised; {Counter(dict(found).values())}"
    )
    assert wrong == []
    assert called_machines == []
    assert len(ROWS) >= 200
    assert len({row.name for row in ROWS}) == len(ROWS), "each row can be told from the others"


def test_the_examples_of_the_contract_are_what_they_are_said_to_be():
    texts = (Path(__file__).parent / "examples.txt").read_text(encoding="utf-8").split("===== ")[1:]
    found: dict[str, list[str]] = {}
    for name, _, content in (text.partition("\n") for text in texts):
        found.setdefault(name, []).append(verdict(seen(content.replace("\n", "\r\n").encode())))
    assert found == EXAMPLES
