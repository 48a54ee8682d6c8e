"""What would other rules have done with the same facts: two plays compared case by case, and in totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from hub.core.play import Played

Row: TypeAlias = Mapping[str, Any]
COMPARED = (
    "kind",
    "line_group",
    "priority",
    "state",
    "resolution",
    "opened_at",
    "due_at",
    "breached",
    "late_by",
    "closed_at",
    "owner",
    "assignee",
    "silently_lost",
    "time_to_reach",
)
"""What of a case is compared; beside it the steps that went out."""


def totals(cases: Iterable[Played]) -> dict[str, Any]:
    """How many cases there were and how they ended, and how many notices went out, by step and by recipient."""
    played = list(cases)
    real = [item.case for item in played if item.void is None]
    states = Counter(case.state for case in real)
    steps = [event for item in played for event in item.events if event.what == "step"]
    return {
        "cases": len(real),
        "breached": sum(case.breached is True for case in real),
        **{state: states[state] for state in ("open", "recovered", "closed", "lost")},
        "silently_lost": sum(case.silently_lost for case in real),
        "void": len(played) - len(real),
        "notices": len(steps),
        "notices_by_step": dict(sorted(Counter(str(event.step) for event in steps).items())),
        "notices_to": dict(sorted(Counter(event.to or "" for event in steps).items())),
    }


def compare(before: Sequence[Played], after: Sequence[Played]) -> dict[str, list[Any]]:
    """`added` and `removed`: keys of cases that only one of the plays has; `changed`: {key, was, changes}.

    Cases are the same where they share evidence and are of one kind; void ones are no cases.
    """
    rest = {number: item for number, item in enumerate(after) if item.void is None}
    by_evidence: dict[tuple[str, str], list[int]] = {}
    for number, item in rest.items():
        for ref in item.case.evidence:
            by_evidence.setdefault((item.case.kind, ref), []).append(number)
    removed: list[str] = []
    changed: list[dict[str, Any]] = []
    for item in (item for item in before if item.void is None):
        same = (number for ref in item.case.evidence for number in by_evidence.get((item.case.kind, ref), ()))
        found = next((number for number in same if number in rest), None)
        if found is None:
            removed.append(item.case.key)
            continue
        other = rest.pop(found)
        changes = _changes(_compared(item), _compared(other))
        if changes:
            changed.append({"key": other.case.key, "was": item.case.key, "changes": changes})
    return {"added": [item.case.key for item in rest.values()], "removed": removed, "changed": changed}


def _compared(item: Played) -> Row:
    row = item.row()
    steps = [[event.step, event.to, event.row()["at"]] for event in item.events if event.what == "step"]
    return {name: row[name] for name in COMPARED} | {"steps": steps}


def _changes(before: Row, after: Row) -> dict[str, list[Any]]:
    """Field → [as it was, as it would have been]."""
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}
