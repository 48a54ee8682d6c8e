"""Which rules find waiting clients: ours, in the same shape as anybody's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.core import awaiting, leads, missed, transfer
from hub.core.cases import Case
from hub.core.context import Context


@dataclass(frozen=True, slots=True)
class CaseRule:
    """A rule that finds the cases of one kind on a timeline.

    name: the kind of its cases. find: pure; everything it may look at is in the context. It is asked about clients with a
    call, a message, a form or a meeting; cards and deals alone are never judged.
    """

    name: str
    find: Callable[[Context], Sequence[Case]]


MISSED_CALL = CaseRule(missed.KIND, missed.find)
LOST_IN_TRANSFER = CaseRule(transfer.KIND, transfer.find)
AWAITING_REPLY = CaseRule(awaiting.KIND, awaiting.find)
NEW_LEAD = CaseRule(leads.KIND, leads.find)
RULES = (MISSED_CALL, LOST_IN_TRANSFER, AWAITING_REPLY, NEW_LEAD)
