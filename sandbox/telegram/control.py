"""How do tests bend the vendor and play its people? `POST /_ctl/…` with a JSON object; README.md lists them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sandbox import faults
from sandbox.telegram import page
from sandbox.telegram.answers import JSON, Answer
from sandbox.telegram.arguments import Request
from sandbox.telegram.happening import happen
from sandbox.telegram.people import touch
from sandbox.telegram.types import Json
from sandbox.telegram.world import World


async def answer(world: World, request: Request) -> Answer:
    """Any 2xx means it was done."""
    name = request.path.removeprefix("/_ctl").strip("/")
    if not name:
        return page.show(world)
    if name == "chats":
        return page.show_chats(world)
    act = _ACTS.get(name)
    if act is None:
        return _told(404, {"error": f"/_ctl/{name} is not known; there are {', '.join(sorted(_ACTS))}"})
    is_form = request.body.lstrip()[:1] not in {b"", b"{", b"["}
    try:
        done = act(world, _asked(request.body, is_form=is_form))
        told = await done if asyncio.iscoroutine(done) else done
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _told(400, {"error": f"/_ctl/{name}: {error!r}"})
    return Answer(303, b"", headers=(("Location", "/_ctl/"),)) if is_form else _told(200, told)


def _asked(body: bytes, *, is_form: bool) -> Json:
    """An object, whatever the content type says; the page without its script sends forms. Raises ValueError."""
    asked = dict(parse_qsl(body.decode())) if is_form else orjson.loads(body or b"{}")
    if not isinstance(asked, dict):
        raise ValueError("an object is expected")
    return asked


def _told(status: int, told: Any) -> Answer:
    return Answer(status, orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS), JSON)


def _update(world: World, asked: Json) -> Json:
    """`/_ctl/update`: a raw update."""
    number = asked.get("update_id")
    if number is not None and not isinstance(number, int):
        raise ValueError("update_id is a number")
    id, is_told = happen(world, asked, number)
    return {"update_id": id, "is_told": is_told}


def _set(world: World, asked: Json) -> Json:
    """`/_ctl/set`: every key is independent of the others."""
    if odd := set(asked) - set(_SETTERS):
        raise ValueError(f"no setting {', '.join(sorted(odd))}; there are {', '.join(sorted(_SETTERS))}")
    for key, value in asked.items():
        _SETTERS[key](world, value)
    return {"set": sorted(asked)}


def _limit(name: str) -> Callable[[World, Any], None]:
    return lambda world, value: setattr(world.limits, name, value or None)


def _rps(world: World, value: Any) -> None:
    world.limits.only(value)


def _faults(world: World, value: Any) -> None:
    world.faults = faults.Faults(faults.read(value or ()), world.seed)


def _latency(world: World, value: Any) -> None:
    world.latency = (value or 0) / 1000


def _shift(world: World, value: Any) -> None:
    world.shift = float(value or 0)


def _press_seconds(world: World, value: Any) -> None:
    world.press_seconds = float(value)


def _webhook(world: World, value: Json) -> None:
    if odd := set(value) - {"scale", "double", "hold"}:
        raise ValueError(f"a webhook knows no {', '.join(sorted(odd))}")
    for name, one in value.items():
        setattr(world.webhook, name, one)
    world.webhook.kick()


def _deactivate(world: World, value: Any) -> None:
    """The person gave up the account, and is nobody's any more."""
    world.chats[int(value)].closed = "Forbidden: user is deactivated"


def _delete_group(world: World, value: Any) -> None:
    world.chats[int(value)].closed = "Forbidden: the group chat was deleted"


_SETTERS: dict[str, Callable[[World, Any], None]] = {
    "rps": _rps, "chat_burst": _limit("chat_burst"), "group_minute": _limit("group_minute"),
    "hook_burst": _limit("hook_burst"), "faults": _faults, "latency_ms": _latency, "clock_shift": _shift,
    "press_seconds": _press_seconds, "webhook": _webhook, "deactivate": _deactivate, "delete_group": _delete_group,
}  # fmt: skip


def _state(world: World, asked: Json) -> Json:
    """`/_ctl/state`: everything that tests ask about; `only` names parts of it."""
    parts: dict[str, Callable[[], Any]] = {
        "chats": lambda: [_chat(chat) for chat in world.chats.values()],
        "connections": lambda: [{**one.about, "chats": [_chat(chat) for chat in one.chats.values()]} for one in world.connections.values()],
        "sent": lambda: [call for call in world.calls if call["method"].startswith(("send", "edit", "forward", "copy"))],
        "calls": lambda: list(world.calls),
        "presses": lambda: {id: {"by": one.by, "answer": one.answer} for id, one in world.presses.items()},
        "pending": lambda: [one.update for one in world.updates.pending],
        "webhook": lambda: {"url": world.webhook.url, "attempts": list(world.webhook.attempts)},
        "counts": lambda: {"refused": world.limits.refused, "faults": world.faults.struck, "calls": len(world.calls)},
    }  # fmt: skip
    names = asked.get("only") or list(parts)
    return {name: parts[name]() for name in ([names] if isinstance(names, str) else names)}


def _chat(chat: Any) -> Json:
    messages = sorted([*chat.received.values(), *chat.sent.values()], key=lambda one: one["message_id"])
    return {
        "chat": chat.about,
        "closed": chat.closed,
        "moved_to": chat.moved_to,
        "status": chat.status,
        "messages": messages,
        "reactions": chat.reactions,
    }


async def _flush(world: World, asked: Json) -> Json:
    """`/_ctl/webhook/flush`: no repeat waits any longer."""
    world.webhook.hurry()
    return {"pending": len(world.updates.pending)}


_ACTS: dict[str, Callable[[World, Json], Json | Awaitable[Json]]] = {
    "update": _update, "touch": touch, "set": _set, "state": _state, "webhook/flush": _flush,
}  # fmt: skip
