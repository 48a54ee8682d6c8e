"""Who is told of changes, when, and what if he does not listen?"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from sandbox.amocrm import bodies, php
from sandbox.amocrm.types import Json

if TYPE_CHECKING:
    from sandbox.amocrm.account import Account

PATIENCE = 2.0
"""Seconds within which a receiver must answer."""

PAUSES = (300, 900, 900, 3600)
"""Seconds before the second to the fifth attempt; the last two only after a 499 or 5xx."""

_AGENT = {
    "User-Agent": "amoCRM-WebHook-client/2.0",
    "Connection": "close",
    "Content-Type": "application/x-www-form-urlencoded",
}


@dataclass
class Weather:
    """What happens to webhooks on their way; chances are from 0 to 1, seconds are real ones."""

    loss: float = 0
    double: float = 0
    delay: float = 0
    shuffle: float = 0
    """Each is late by up to so many seconds more, so that they overtake each other."""
    scale: float = 1
    """By what the pauses before repeats are multiplied."""
    hold: bool = False
    """Nothing is sent before `/_ctl/hooks/flush`."""


@dataclass
class Delivery:
    """One body on its way to one receiver."""

    destination: str
    form: str
    queued_at: float
    due: float
    attempts: list[Json] = field(default_factory=list)
    state: str = "queued"
    """queued, done, lost or given up."""


class Hooks:
    """Subscriptions of an account and what is on its way to them."""

    def __init__(self, dice: random.Random) -> None:
        self.subscriptions: dict[str, Json] = {}
        """By destination."""
        self.weather = Weather()
        self.deliveries: deque[Delivery] = deque(maxlen=5000)
        """The latest, whatever became of them."""
        self._dice = dice
        self._heard: list[tuple[str, str, str, Json]] = []
        self._queue: list[Delivery] = []
        self._kick = asyncio.Event()
        self._invalid: dict[str, deque[float]] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def __getstate__(self) -> Json:
        """What outlives a restart: everything but what is on its way just now."""
        return self.__dict__ | {"_kick": None, "_sending": set()}

    def __setstate__(self, state: Json) -> None:
        self.__dict__.update(state, _kick=asyncio.Event())

    def tell(self, account: Account, setting: str, kind: str, action: str, row: Json, more: Json | None = None) -> None:
        """Remember a change until the request that made it is done."""
        if self._is_wanted(setting):
            self._heard.append(
                (setting, bodies.GROUPS[kind], action, bodies.body(account, kind, action, row, more or {}))
            )

    def say(self, setting: str, group: str, action: str, body: Json) -> None:
        """As `tell`, of what is neither card nor task."""
        if self._is_wanted(setting):
            self._heard.append((setting, group, action, body))

    def _is_wanted(self, setting: str) -> bool:
        return any(setting in one["settings"] and not one["disabled"] for one in self.subscriptions.values())

    def close_request(self, account: Account) -> None:
        """Everything that one request changed goes into one body for each receiver."""
        if not self._heard:
            return
        for subscription in self.subscriptions.values():
            blocks: Json = {}
            for setting, group, action, body in self._heard:
                if setting in subscription["settings"]:
                    blocks.setdefault(group, {}).setdefault(action, []).append(body)
            if blocks and not subscription["disabled"]:
                blocks["account"] = bodies.account_block(account)
                self._send(subscription["destination"], php.build(blocks))
        self._heard.clear()

    def _send(self, destination: str, form: str) -> None:
        weather, now = self.weather, time.time()
        is_lost = self._dice.random() < weather.loss
        copies = 2 if self._dice.random() < weather.double else 1
        for _ in range(copies):
            due = now + weather.delay + self._dice.random() * weather.shuffle
            delivery = Delivery(destination, form, now, due, state="lost" if is_lost else "queued")
            self.deliveries.append(delivery)
            if not is_lost:
                self._queue.append(delivery)
        self._kick.set()

    async def run(self) -> None:
        """Deliver for as long as the sandbox lives."""
        while not self._queue:
            self._kick.clear()
            await self._kick.wait()
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
            while True:
                self._kick.clear()
                for delivery in self._due(time.time()):
                    task = asyncio.create_task(self._attempt(client, delivery), name="deliver a webhook")
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
                try:
                    await asyncio.wait_for(self._kick.wait(), self._pause(time.time()))
                except TimeoutError:
                    continue

    async def flush(self, patience: float = 10) -> None:
        """Send everything queued now, repeats too, and wait until it was."""
        for delivery in self._queue:
            delivery.due = 0
        held, self.weather.hold = self.weather.hold, False
        self._kick.set()
        end = time.time() + patience
        while time.time() < end and (self._sending or any(one.due == 0 for one in self._queue)):
            await asyncio.sleep(0.005)
        self.weather.hold = held

    def kick(self) -> None:
        """Look at the queue again: the weather changed."""
        self._kick.set()

    @property
    def is_idle(self) -> bool:
        return not self._queue and not self._sending

    def told(self) -> list[Json]:
        return [asdict(one) for one in self.deliveries]

    def _due(self, now: float) -> list[Delivery]:
        if self.weather.hold:
            return []
        due = sorted((one for one in self._queue if one.due <= now), key=lambda one: one.due)
        self._queue = [one for one in self._queue if one.due > now]
        return due

    def _pause(self, now: float) -> float | None:
        return None if self.weather.hold or not self._queue else max(0.0, min(one.due for one in self._queue) - now)

    async def _attempt(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        status = await _post(client, delivery)
        delivery.attempts.append({"at": time.time(), "status": status})
        if status is not None and 100 <= status <= 299:
            delivery.state = "done"
            return
        self._count_invalid(delivery.destination)
        number = len(delivery.attempts)
        subscription = self.subscriptions.get(delivery.destination)
        is_over = subscription is None or subscription["disabled"]
        if is_over or number > len(PAUSES) or (number > 2 and not _is_worth_more(status)):
            delivery.state = "given up"
            return
        delivery.due = time.time() + PAUSES[number - 1] * self.weather.scale
        self._queue.append(delivery)
        self._kick.set()

    def _count_invalid(self, destination: str) -> None:
        """More than a hundred invalid answers in two hours, the latest one of them, and nobody is told any more."""
        answers = self._invalid.setdefault(destination, deque(maxlen=101))
        answers.append(time.time())
        subscription = self.subscriptions.get(destination)
        if subscription and len(answers) > 100 and answers[-1] - answers[0] <= 7200:
            subscription["disabled"] = True
            answers.clear()
            self._forget(destination)

    def _forget(self, destination: str) -> None:
        """Who is not told any more does not hear of the past either."""
        for delivery in self._queue:
            if delivery.destination == destination:
                delivery.state = "given up"
        self._queue = [one for one in self._queue if one.destination != destination]


async def _post(client: httpx.AsyncClient, delivery: Delivery) -> int | None:
    """The status, None when nothing was answered in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await client.post(delivery.destination, content=delivery.form.encode(), headers=_AGENT)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError):
        return None
    return answer.status_code


def _is_worth_more(status: Any) -> bool:
    return status is not None and (status == 499 or status >= 500)
