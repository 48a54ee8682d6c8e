"""Are the waits for mails the same whatever arrived first, and does what time decides reach back far enough?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.records import instant
from hub.engine import work
from hub.store import cases
from tests.engine.conftest import rows
from tests.engine.test_order import Company, company, sliced

__all__ = ["company"]

MONDAY = instant("2026-03-02T10:00:00+03:00")
END = MONDAY + timedelta(days=14)
ANNA = "email:anna@customer.test"
SUBJECTS = ("Счёт на кассу", "Re: Счёт на кассу", "Акт сверки", None)


def mail(number: int, hours: float, **more: Any) -> dict[str, Any]:
    at = (MONDAY + timedelta(hours=hours)).isoformat()
    row = {
        "record": "message",
        "id": f"m{number}",
        "message_id": f"m{number}@x",
        "at": at,
        "channel": "email",
        "client": ANNA,
    }
    return row | {"direction": "in", "author": "client"} | more


OURS = {"direction": "out", "author": "member", "member": "anna"}
BOUNCE = {"direction": "in", "author": "system", "automatic": True}


@st.composite
def correspondence(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Mails of a fortnight that answer each other, some never seen, some of them come back."""
    found = []
    for number in range(draw(st.integers(2, 7))):
        more: dict[str, Any] = dict(draw(st.sampled_from([{}, {}, OURS, OURS, BOUNCE])))
        subject = draw(st.sampled_from(SUBJECTS))
        more |= {"subject": subject} if subject else {}
        answered = draw(st.sets(st.integers(0, 8), max_size=2)) - {number}
        more["references"] = [f"m{one}@x" for one in sorted(answered)]
        if more.get("author") == "system":
            more["delivery"] = draw(st.sampled_from(["bounced_hard", "bounced_soft", "failed", "delivered"]))
            more |= {"concerns": f"m{min(answered)}"} if answered else {}
        found.append(mail(number, draw(st.integers(0, 200)) + number / 60, **more))
    return found


@given(mails=correspondence(), data=st.data())
@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    deadline=None,
)
async def test_any_order_gives_the_same_waits(
    company: Company, mails: list[dict[str, Any]], data: st.DataObject
) -> None:
    company.empty()
    await company.take(mails, END)
    once = company.picture()
    order = data.draw(st.permutations(mails))
    company.empty()
    for part in sliced(order, data.draw(st.sets(st.integers(1, len(order)), max_size=4))):
        await company.take(part, END)
    assert company.picture() == once


async def states(company: Company) -> list[str]:
    return [case["state"] for case in rows(company.hub, cases.listing)]


async def test_a_soft_bounce_undoes_the_answer_when_its_day_is_over(company: Company) -> None:
    written = [mail(1, 0), mail(2, 0.1, **OURS, references=["m1@x"])]
    bounce = mail(3, 0.2, **BOUNCE, delivery="bounced_soft", references=["m2@x"], concerns="m2")
    await company.take([*written, bounce], MONDAY + timedelta(hours=1))
    assert await states(company) == ["recovered"]
    await work.catch_up(company.hub, MONDAY + timedelta(hours=24.1))
    assert await states(company) == ["recovered"]
    await work.catch_up(company.hub, MONDAY + timedelta(hours=24.3))
    assert await states(company) == ["open"]


async def test_a_bounce_that_names_no_mail_reopens_what_was_answered(company: Company) -> None:
    await company.take([mail(1, 0), mail(2, 0.1, **OURS, references=["m1@x"])], MONDAY + timedelta(hours=1))
    assert await states(company) == ["recovered"]
    await company.take([mail(3, 30, **BOUNCE, delivery="bounced_hard")], MONDAY + timedelta(hours=31))
    assert await states(company) == ["open"]
