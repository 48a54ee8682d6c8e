"""Which warnings go out now: the steps of a case whose moment has come, each once, and corrections of wrong ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from hub.core.cases import Case
from hub.core.effects import AmendNotice, Notify
from hub.core.ladder import Step


def plan(row_id: int, case: Case, taken: Collection[str], now: datetime) -> tuple[Notify, ...]:
    """The notices of a stored case that are due and were not sent.

    taken: names `step/recipient` of steps already taken, by this row or by one that became part of it. A step that was
    taken for somebody who would no longer be told is not repeated for the one who now would: each step fires once.
    Step 0 is a silent list and sends nothing.
    """
    due = [step for step in case.steps if step.step > 0 and step.state == "planned" and step.at <= now]
    return tuple(
        Notify(
            key=f"{row_id}/{step.name}",
            case=case.key,
            kind=case.kind,
            step=str(step.step),
            to=step.to,
            contact=_contact(case),
            line_group=case.line_group,
            at=step.at,
            due_at=case.due_at,
        )
        for step in due
        if step.name not in taken and not _told_others(step, case.steps, taken)
    )


def _told_others(step: Step, steps: Iterable[Step], taken: Collection[str]) -> bool:
    current = {other.name for other in steps if other.step == step.step}
    return any(name.partition("/")[0] == str(step.step) and name not in current for name in taken)


def taken_by(notices: Iterable[Notify]) -> frozenset[str]:
    """The names of the steps that these notices take."""
    return frozenset(f"{notice.step}/{notice.to}" for notice in notices)


def standing(case: Case) -> str:
    """What a message about the case says besides how long it lasts: when this changes, it is amended."""
    if case.state != "open":
        return f"closed:{case.resolution}"
    return f"taken:{case.taken_by}" if case.taken_by else OPEN


OPEN = "open"
"""How a case stands when somebody is first told of it."""


def amend(
    row_id: int, key: str, contact: str, taken: Iterable[str], because: str, before: int, now: datetime
) -> Iterator[AmendNotice]:
    """What everybody is told who was told of a case that stands otherwise now.

    before: how many amendments were planned for it. In the end all of his messages are amended, until then the last.
    """
    wrong = because in ("void", "merged")
    word = "void" if wrong and not before else f"amend:{before}"
    final = wrong or because.startswith("closed")
    steps: dict[str, list[str]] = {}
    for name in sorted(taken):
        step, _, to = name.partition("/")
        steps.setdefault(to, []).append(step)
    for to, told in sorted(steps.items()):
        notice = AmendNotice(key=f"{row_id}/{word}/{to}", case=key, to=to, contact=contact, because=because, at=now)
        yield notice
        for step in told[:-1] if final else ():
            yield replace(notice, key=f"{notice.key}/{step}", because=EARLIER, step=step)


MENU = "menu"
"""Why a message is amended whose reader pressed a button that asks."""
EARLIER = "earlier"
"""Why a message is amended that is not the last one its reader got of the case."""


def _contact(case: Case) -> str:
    return case.contact_name or next(iter(case.contact_handles), "")
