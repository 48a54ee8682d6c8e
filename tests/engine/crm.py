"""A small CRM in process with a connector of its own: what it holds, what it was asked, how it fails."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from hub.errors import NothingToDo
from hub.sdk import (
    AddNote,
    AmendTask,
    CloseTask,
    Connector,
    CreateLead,
    CreateTask,
    LogCall,
    Push,
    Sent,
    Stored,
    from_json,
)


class Settings(BaseModel):
    """Everything is off until somebody switches it on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: bool = False
    log_calls: bool = False
    leads: bool = False
    notes: bool = False


ALL_ON = 'plugin = "crm"\ntasks = true\nlog_calls = true\nleads = true\nnotes = true'


@dataclass
class Crm:
    """Tasks by id, entries and leads by key. before: called before each write, may raise; after: likewise."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, LogCall] = field(default_factory=dict)
    leads: dict[str, CreateLead] = field(default_factory=dict)
    notes: dict[str, AddNote] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    before: Callable[[Any], None] = lambda _effect: None
    after: Callable[[Any], None] = lambda _effect: None
    knows_callers: bool = True

    @property
    def open_tasks(self) -> list[dict[str, Any]]:
        return [task for task in self.tasks.values() if not task["done"]]

    async def send(self, _client: Any, effect: Any) -> Sent:
        self.asked.append(effect)
        self.before(effect)
        sent: Sent = getattr(self, f"_{type(effect).__name__}")(effect)
        self.after(effect)
        return sent

    def _CreateTask(self, effect: CreateTask) -> Sent:  # noqa: N802 - named after the effect
        for number, task in self.tasks.items():
            if task["key"] == effect.key:
                return Sent(id=number)
        number = str(7000 + len(self.tasks))
        self.tasks[number] = {"key": effect.key, **_shown(effect), "done": False}
        return Sent(id=number, url=f"http://crm/tasks/{number}")

    def _AmendTask(self, effect: AmendTask) -> Sent:  # noqa: N802
        self._task(effect).update(_shown(effect), done=False)
        return Sent(id=effect.replaces)

    def _CloseTask(self, effect: CloseTask) -> Sent:  # noqa: N802
        self._task(effect).update(done=True, result=effect.text)
        return Sent(id=effect.replaces)

    def _task(self, effect: Any) -> dict[str, Any]:
        if effect.replaces not in self.tasks:
            raise NothingToDo("somebody deleted the task")
        return self.tasks[effect.replaces]

    def _LogCall(self, effect: LogCall) -> Sent:  # noqa: N802
        if not self.knows_callers and effect.card is None:
            raise NothingToDo("the CRM knows nobody by this number")
        assert self.calls.setdefault(effect.key, effect) == effect
        return Sent(id=f"note-{len(self.calls)}")

    def _CreateLead(self, effect: CreateLead) -> Sent:  # noqa: N802
        self.leads.setdefault(effect.key, effect)
        number = 51000 + list(self.leads).index(effect.key)
        return Sent(id=f"u{number}", card=f"c{number}", deal=f"d{number}")

    def _AddNote(self, effect: AddNote) -> Sent:  # noqa: N802
        self.notes[effect.key] = effect
        return Sent(id="note")

    def connector(self) -> Connector:
        @asynccontextmanager
        async def opened(_settings: Any, _host: Any) -> Any:
            yield None

        def pushes(settings: Settings) -> list[Push]:
            task = {"on": settings.tasks, "switch": "tasks = true"}
            return [
                *(Push(effect, self.send, **task) for effect in (CreateTask, AmendTask, CloseTask)),
                Push(LogCall, self.send, on=settings.log_calls, switch="log_calls = true"),
                Push(CreateLead, self.send, on=settings.leads, switch="leads = true"),
                Push(AddNote, self.send, on=settings.notes, switch="notes = true"),
            ]

        def parse(items: list[Stored], _settings: Any, context: Any) -> Any:
            return [from_json(item.payload, context.country) for item in items]

        return Connector("crm", Settings, open=opened, push=pushes, parse={"record": parse})


def _shown(effect: CreateTask | AmendTask) -> dict[str, Any]:
    return {
        "text": effect.text,
        "due_at": effect.due_at,
        "owner": effect.owner,
        "card": effect.card,
        "deal": effect.deal,
    }
