"""Which warnings go out now: the steps of a case whose moment has come, each once, and corrections of wrong ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal

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


def amend(
    row_id: int, key: str, contact: str, taken: Iterable[str], because: Literal["void", "merged"], now: datetime
) -> tuple[AmendNotice, ...]:
    """Corrections for everybody who was told of a case that is believed no more, one a recipient."""
    told = sorted({name.partition("/")[2] for name in taken})
    return tuple(
        AmendNotice(key=f"{row_id}/void/{to}", case=key, to=to, contact=contact, because=because, at=now) for to in told
    )


def _contact(case: Case) -> str:
    return case.contact_name or next(iter(case.contact_handles), "")
