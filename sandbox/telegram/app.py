"""What happens to a request, from the first byte to the last? Misfortune and the token come before the methods."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from sandbox import loopback
from sandbox.faults import Fault
from sandbox.telegram import asking, changing, control, files, sending
from sandbox.telegram.answers import Answer, Refused, Said, done, flood, refusal
from sandbox.telegram.arguments import Call, Request, read_call
from sandbox.telegram.types import Json
from sandbox.telegram.world import World

_METHODS: dict[str, Callable[[World, Call], Any]] = asking.METHODS | sending.METHODS | changing.METHODS
_BOT = re.compile(r"/bot([^/]*)/([^/]*)/?")
_FILE = re.compile(r"/file/bot([^/]*)/(.+)")
_TOKEN = re.compile(r"\d+:[\w-]+", re.ASCII)
_NOT_BY_HOOK = {"deletewebhook", "setwebhook", "close", "logout"}


class App:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.obey = self._obey

    async def __call__(self, scope: Any, receive: loopback.Receive, send: loopback.Send) -> None:
        request = await _request(scope, receive)
        if request.path.startswith("/_ctl"):
            await loopback.reply(send, *_parts(await control.answer(self.world, request)))
            return
        struck = self.world.faults.meet(request.verb, request.path)
        wait = self.world.latency + sum(fault.seconds for fault in struck if fault.kind == "latency")
        if wait:
            await asyncio.sleep(wait)
        fault = next((fault for fault in struck if fault.kind != "latency"), None)
        answer = await self._answer(request, fault)
        if fault and fault.kind == "lost":
            loopback.break_off(scope)
        elif fault and fault.kind == "half":
            await loopback.reply_half(scope, send, *_parts(answer))
        else:
            await loopback.reply(send, *_parts(answer))

    async def _answer(self, request: Request, fault: Fault | None) -> Answer:
        try:
            if fault and fault.kind in {"status", "expired"}:
                raise _struck(fault)
            if found := _FILE.fullmatch(request.path):
                self._must_be_ours(found[1])
                return self._download(found[2])
            call = await self._read(request)
        except Refused as refused:
            self.world.note(request.path.rpartition("/")[2].lower(), {}, error=refused.description)
            return refusal(refused)
        return await self._carry_out(call)

    async def _read(self, request: Request) -> Call:
        """Raises Refused."""
        found = _BOT.fullmatch(request.path)
        if found is None or request.verb not in {"GET", "POST"}:
            raise Refused(404, "Not Found")
        self._must_be_ours(found[1])
        method = found[2].lower()
        if method not in _METHODS:
            raise Refused(404, "Not Found")
        return await read_call(method, request.query, request.content_type, request.body)

    def _must_be_ours(self, token: str) -> None:
        """Raises Refused: what is no token at all is not found."""
        if token != self.world.token:
            raise Refused(401, "Unauthorized") if _TOKEN.fullmatch(token) else Refused(404, "Not Found")

    def _download(self, path: str) -> Answer:
        file = self.world.files.by_path(path)
        if file is None:
            raise Refused(404, "Not Found")
        return files.download(file)

    async def _carry_out(self, call: Call) -> Answer:
        told: Json = dict(call.arguments)
        told |= {name: {"file": one.name, "size": len(one.content)} for name, one in call.files.items()}
        try:
            result = _METHODS[call.method](self.world, call)
            if asyncio.iscoroutine(result):
                result = await result
        except Refused as refused:
            self.world.note(call.method, told, error=refused.description)
            return refusal(refused)
        if call.method != "getupdates":
            self.world.note(call.method, told, result=result.result if isinstance(result, Said) else result)
        return done(result)

    async def _obey(self, content_type: str, body: bytes) -> None:
        """Carry out the call that a webhook's receiver answered with; nobody hears of the result."""
        try:
            call = await read_call("", "", content_type, body)
        except Refused:
            return
        call.method = call.arguments.pop("method", "").lower()
        if call.method in _METHODS and call.method not in _NOT_BY_HOOK and not call.method.startswith("get"):
            await self._carry_out(call)


async def _request(scope: Any, receive: loopback.Receive) -> Request:
    head = {name: value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Request(
        scope["method"], scope["path"], query, head.get(b"content-type", ""), await loopback.read_body(receive)
    )


def _struck(fault: Fault) -> Refused:
    if fault.kind == "expired":
        return Refused(401, "Unauthorized")
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        return flood(int(fault.seconds) or 1)
    return Refused(fault.status, HTTPStatus(fault.status).phrase)


def _parts(answer: Answer) -> tuple[int, loopback.Headers, bytes]:
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(answer.body)).encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]
    return answer.status, headers, answer.body
