"""Does each effect leave once, in spite of vendors, crashes and mistakes of ours?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from hub.core.effects import AmendNotice, Notify
from hub.engine import deliver
from hub.engine.hub import Hub
from hub.errors import AuthFailed, Rejected, Temporary, Unanswered, Uncertain
from hub.sdk.connector import Connector, Push, Sent
from hub.store import connections, outbox, repairs
from hub.store.outbox import Planned
from hub.store.schema import cases
from tests.engine.conftest import Workshop, rows


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class Bot:
    """A vendor in process: what it got, and what it answers. `opened` fails when the connection is opened."""

    got: list[Any] = field(default_factory=list)
    answer: Callable[[Any], Awaitable[Sent]] | None = None
    opened: Exception | None = None

    async def send(self, _client: Any, effect: Any) -> Sent:
        self.got.append(effect)
        if self.answer is not None:
            return await self.answer(effect)
        return Sent(id=f"m{len(self.got)}")

    def connector(self, name: str = "bot", repeat: Any = "safe") -> Connector:
        @asynccontextmanager
        async def open_bot(_settings: Any, _host: Any) -> Any:
            if self.opened is not None:
                raise self.opened
            yield None

        pushes = (Push(Notify, self.send, repeat), Push(AmendNotice, self.send, repeat))
        return Connector(name, Settings, open=open_bot, push=lambda _settings: pushes)


def raising(error: Exception) -> Callable[[Any], Awaitable[Sent]]:
    async def answer(_effect: Any) -> Sent:
        raise error

    return answer


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def hub(workshop: Workshop, bot: Bot) -> Hub:
    return workshop.hub(bot.connector(), connections={"src": 'plugin = "bot"'})


def notice(key: str = "1/1/anna", to: str = "anna", hub: Hub | None = None) -> Notify:
    from tests.engine.conftest import Clock

    return Notify(
        key=key,
        case="missed_call:src/call/1",
        kind="missed_call",
        step="1",
        to=to,
        contact="Ivan",
        line_group="sales",
        at=hub.now() if hub else Clock().time,
    )


def case(hub: Hub, state: str = "open") -> int:
    now = hub.now()
    with hub.db.begin() as connection:
        number: int = connection.execute(
            cases.insert(),
            {
                "contact_id": 1,
                "kind": "missed_call",
                "line_group": "sales",
                "key": "k",
                "state": state,
                "started_at": now,
                "opened_at": now,
                "evidence": [],
                "taken": [],
                "row": {},
            },
        ).inserted_primary_key[0]
    return number


def plan(hub: Hub, *effects: Any, of: int | None = None) -> None:
    with hub.db.begin() as connection:
        outbox.plan(connection, [Planned(effect, of, 1, hub.now()) for effect in effects])


def listed(hub: Hub) -> list[tuple[str, str, str | None]]:
    return [(row["key"], row["state"], row["error"]) for row in rows(hub, outbox.listing)]


def asked(hub: Hub) -> set[str]:
    return {row["key"] for row in rows(hub, repairs.listing)}


async def work(hub: Hub, name: str = "src") -> None:
    """Everything that is due now."""
    while await deliver.step(hub, hub.links[name]) or await deliver.undeliverable(hub):
        pass


async def test_a_notice_is_delivered_once_and_settled_with_the_vendors_id(hub: Hub, bot: Bot) -> None:
    plan(hub, notice())
    await work(hub)
    await work(hub)
    assert [effect.key for effect in bot.got] == ["1/1/anna"]
    (row,) = rows(hub, outbox.listing)
    assert (row["state"], row["connection"], row["attempts"]) == ("sent", "src", 1)


async def test_what_may_have_gone_out_waits_for_a_person(hub: Hub, bot: Bot) -> None:
    bot.answer = raising(Uncertain("it hung up after the last byte"))
    plan(hub, notice())
    await work(hub)
    assert listed(hub) == [("1/1/anna", "unknown", "it hung up after the last byte")]
    assert asked(hub) == {"unknown_effect:src"}
    bot.answer = None
    with hub.db.begin() as connection:
        assert outbox.retry(connection, ["1/1/anna"], hub.now()) == 1
        repairs.clear_finished(connection)
    await work(hub)
    assert [state for _, state, _ in listed(hub)] == ["sent"]
    assert asked(hub) == set()


async def test_a_busy_vendor_is_asked_again_later_and_later(hub: Hub, bot: Bot, workshop: Workshop) -> None:
    bot.answer = raising(Temporary("busy"))
    plan(hub, notice())
    await work(hub)
    assert listed(hub) == [("1/1/anna", "planned", "busy")]
    first = rows(hub, outbox.listing)[0]["due_at"] - hub.now()
    workshop.clock.move(hours=1)
    await work(hub)
    assert rows(hub, outbox.listing)[0]["due_at"] - hub.now() > first >= timedelta(seconds=5)
    workshop.clock.move(hours=1)
    bot.answer = None
    await work(hub)
    assert [row[1] for row in listed(hub)] == ["sent"]


async def test_the_moment_that_the_vendor_names_holds_for_everything_that_waits(hub: Hub, bot: Bot) -> None:
    bot.answer = raising(Temporary("too many", retry_after=90))
    plan(hub, *(notice(str(number)) for number in range(5)))
    await work(hub)
    assert len(bot.got) == 1
    assert {row["due_at"] - hub.now() for row in rows(hub, outbox.listing)} == {timedelta(seconds=90)}


async def test_what_the_vendor_refuses_for_good_is_a_dead_letter_with_a_repair(hub: Hub, bot: Bot) -> None:
    bot.answer = raising(Rejected("no such chat"))
    plan(hub, notice("a"), notice("b"))
    await work(hub)
    assert listed(hub) == [("a", "dead", "no such chat"), ("b", "dead", "no such chat")]
    assert asked(hub) == {"dead_effect:src"}
    bot.answer = None
    await hub.db.run(outbox.retry, ["a", "b"], hub.now())
    await work(hub)
    await hub.db.run(repairs.clear_finished)
    assert asked(hub) == set()


async def test_a_bug_in_a_push_is_a_dead_letter_with_its_traceback(hub: Hub, bot: Bot) -> None:
    bot.answer = raising(KeyError("a bug"))
    plan(hub, notice())
    await work(hub)
    assert listed(hub)[0][1] == "dead"
    assert "KeyError: 'a bug'" in str(listed(hub)[0][2])


@pytest.mark.parametrize("where", ["send", "open"])
async def test_refused_access_pauses_the_connection_and_loses_nothing(hub: Hub, bot: Bot, where: str) -> None:
    if where == "send":
        bot.answer = raising(AuthFailed("the token is old"))
    else:
        bot.opened = AuthFailed("the token is old")
    plan(hub, notice("a"), notice("b"))
    await work(hub)
    assert [row[1] for row in listed(hub)] == ["planned", "planned"]
    assert len(bot.got) == (1 if where == "send" else 0)
    assert asked(hub) == {"access:src"}
    await work(hub)
    assert len(bot.got) == (1 if where == "send" else 0), "a paused connection is left alone"
    bot.answer = bot.opened = None
    await hub.db.run(connections.resume, "src")
    await work(hub)
    assert [row[1] for row in listed(hub)] == ["sent", "sent"]
    assert asked(hub) == set()


async def test_a_vendor_that_cannot_be_reached_when_opened_is_tried_later(
    hub: Hub, bot: Bot, workshop: Workshop
) -> None:
    bot.opened = Temporary("no route")
    plan(hub, notice())
    await work(hub)
    assert listed(hub) == [("1/1/anna", "planned", "no route")]
    bot.opened = None
    workshop.clock.move(minutes=1)
    await work(hub)
    assert [row[1] for row in listed(hub)] == ["sent"]


async def test_a_client_who_no_longer_waits_is_not_told_about(hub: Hub, bot: Bot) -> None:
    plan(hub, notice(), of=case(hub, "recovered"))
    await work(hub)
    assert bot.got == []
    assert listed(hub) == [("1/1/anna", "dropped", "the client no longer waits")]


async def test_a_recipient_without_a_channel_is_a_repair(hub: Hub, bot: Bot) -> None:
    plan(hub, notice("a", "mute"), notice("b", "nobody"))
    await work(hub)
    assert bot.got == []
    assert [row[1] for row in listed(hub)] == ["dropped", "dropped"]
    assert asked(hub) == {"channel:mute", "channel:nobody"}


async def test_the_first_channel_that_some_connection_serves_is_taken(hub: Hub, bot: Bot) -> None:
    plan(hub, notice("a", "boris"))  # notify = ["nowhere:1", "src:boris"]
    await work(hub)
    assert [effect.to for effect in bot.got] == ["boris"]


# A crash between claim and settle


async def crashed(hub: Hub, *effects: Any, attempts: int = 1) -> None:
    plan(hub, *effects)
    with hub.db.begin() as connection:
        for row in outbox.due(connection, hub.now(), 10):
            outbox.claim(connection, row.id, "src")
            connection.execute(outbox.outbox.update().values(attempts=attempts))
    await deliver.recover(hub)


async def test_what_may_be_repeated_is_sent_again_with_the_same_key(hub: Hub, bot: Bot) -> None:
    await crashed(hub, notice())
    await work(hub)
    assert [effect.key for effect in bot.got] == ["1/1/anna"]
    assert listed(hub)[0][1] == "sent"


@pytest.mark.parametrize(("attempts", "state"), [(1, "sent"), (2, "unknown")])
async def test_a_notice_that_nobody_can_look_for_is_repeated_once(
    workshop: Workshop, bot: Bot, attempts: int, state: str
) -> None:
    hub = workshop.hub(bot.connector(repeat="never"), connections={"src": 'plugin = "bot"'})
    await crashed(hub, notice(), attempts=attempts)
    await work(hub)
    assert listed(hub)[0][1] == state
    assert len(bot.got) == (1 if state == "sent" else 0)


@pytest.mark.parametrize(
    ("trouble", "sends", "state"),
    [
        (Unanswered("no answer came"), 2, "unknown"),
        (TimeoutError(), 2, "unknown"),
        (Temporary("not there"), 4, "planned"),
    ],
)
async def test_a_notice_without_an_answer_is_repeated_once_and_one_that_never_left_until_it_does(
    workshop: Workshop, bot: Bot, trouble: Exception, sends: int, state: str
) -> None:
    hub = workshop.hub(bot.connector(repeat="never"), connections={"src": 'plugin = "bot"'})
    bot.answer = raising(trouble)
    plan(hub, notice())
    for _ in range(4):
        await work(hub)
        workshop.clock.move(hours=1)
    assert (len(bot.got), listed(hub)[0][1]) == (sends, state)


async def test_what_a_vanished_connection_had_claimed_is_unknown(workshop: Workshop, bot: Bot, hub: Hub) -> None:
    plan(hub, notice())
    with hub.db.begin() as connection:
        outbox.claim(connection, outbox.due(connection, hub.now(), 1)[0].id, "src")
    without = workshop.hub(connections={"other": 'plugin = "records"'})
    await deliver.recover(without)
    assert listed(without)[0][1] == "unknown"


# Corrections


async def test_a_correction_names_the_message_that_it_amends(hub: Hub, bot: Bot) -> None:
    number = case(hub)
    plan(hub, notice(), of=number)
    await work(hub)
    plan(
        hub,
        AmendNotice(key="1/void/anna", case="k", to="anna", contact="Ivan", because="void", at=hub.now()),
        of=number,
    )
    await work(hub)
    assert bot.got[1].replaces == "m1"
    assert bot.got[1].at == hub.now()


async def test_nothing_is_corrected_where_nothing_was_said(hub: Hub, bot: Bot) -> None:
    plan(
        hub,
        AmendNotice(key="1/void/anna", case="k", to="anna", contact="Ivan", because="void", at=hub.now()),
        of=case(hub),
    )
    await work(hub)
    assert bot.got == []
    assert listed(hub)[0][1] == "dropped"


# Lanes


async def test_a_vendor_that_hangs_holds_up_nobody_else(workshop: Workshop) -> None:
    never, hung, quick = asyncio.Event(), Bot(), Bot()

    async def hang(_effect: Any) -> Sent:
        await never.wait()
        return Sent()

    hung.answer = hang
    hub = workshop.hub(
        hung.connector("hung"),
        quick.connector("quick"),
        connections={"nowhere": 'plugin = "hung"', "src": 'plugin = "quick"'},
    )
    plan(hub, notice("a", "boris"), notice("b", "anna"))
    stuck = asyncio.create_task(deliver.step(hub, hub.links["nowhere"]))
    await deliver.step(hub, hub.links["src"])
    assert [effect.key for effect in quick.got] == ["b"]
    assert not stuck.done()
    never.set()
    await stuck
    assert [effect.key for effect in hung.got] == ["a"]
