"""What happens to a request, from the first byte to the last? Misfortune, limits and tokens come before the handlers."""

from __future__ import annotations

import asyncio
import re
import secrets
from email.utils import formatdate
from itertools import chain
from typing import Any

from sandbox import loopback
from sandbox.amocrm import (
    calls,
    cards,
    compound,
    consent,
    control,
    customers,
    customfields,
    directory,
    events,
    legacy,
    notes,
    page,
    pipelines,
    relations,
    sources,
    tags,
    talks,
    tasks,
    unsorted,
    webhooks,
)
from sandbox.amocrm.http import Answer, Call, Refused, Routes, html, problem
from sandbox.amocrm.world import World
from sandbox.faults import Fault

_MODULES = (
    directory, pipelines, customfields, compound, unsorted, tags, relations, notes, calls, events, tasks, webhooks, sources, talks,
    customers, cards,
)  # fmt: skip


class App:
    """The ASGI application."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._routes = Routes(chain.from_iterable(module.ROUTES for module in _MODULES))

    async def __call__(self, scope: Any, receive: loopback.Receive, send: loopback.Send) -> None:
        call = await _call(scope, receive)
        if call.path.startswith("/_ctl"):
            await _send(send, await self._control(call))
            return
        struck = self.world.faults.meet(call.method, call.path)
        wait = self.world.latency + sum(fault.seconds for fault in struck if fault.kind == "latency")
        if wait:
            await asyncio.sleep(wait)
        fault = next((fault for fault in struck if fault.kind != "latency"), None)
        answer = await self._answer(call, fault)
        self.world.requests.append(
            (call.method, f"{call.path}?{call.query}" if call.query else call.path, answer.status)
        )
        if fault and fault.kind in {"lost", "half"}:
            await _break(scope, send, answer, fault)
        else:
            await _send(send, answer)

    async def _answer(self, call: Call, fault: Fault | None) -> Answer:
        if fault and fault.kind == "status":
            return html(fault.status)
        if fault and fault.kind == "expired":
            return consent.unauthorized()
        account = self.world.account(call.headers.get("host", ""))
        if account is None:
            return problem(404, "Account not found")
        call.account = account
        call.origin = self.world.public_url or _origin(call)
        try:
            return await self._dispatch(call)
        except Refused as refused:
            return refused.answer
        finally:
            account.hooks.close_request(account)

    async def _dispatch(self, call: Call) -> Answer:
        path, world = call.path.rstrip("/"), self.world
        if path == "/oauth":
            return await consent.page(world, call)
        if path == "/oauth2/access_token":
            return consent.token(world, call) if call.method == "POST" else problem(405, "Method Not Allowed")
        if path in {"/oauth2/account/current/subdomain", "/oauth2/account/subdomain"}:
            return consent.subdomain(world, call)
        if path == "/oauth2/exchange_api_key":
            return await consent.exchange_api_key(world, call)
        if path.startswith("/private/api"):
            return legacy.answer(world, call)
        if path.startswith("/ajax/") and path.endswith("/multiple/delete"):
            return legacy.delete(world, call)
        return self._api(call)

    def _api(self, call: Call) -> Answer:
        world, bearer = self.world, call.headers.get("authorization", "").removeprefix("Bearer ").strip()
        known = world.authority.access.get(bearer)
        call.client_id = known.client_id if known else ""
        if (over := world.limits.judge(call.account.id, call.client_id)) is not None:
            return over
        grant = world.authority.holder(call.account, bearer)
        if grant is None:
            return consent.unauthorized()
        call.user_id = grant.user_id
        if (context := call.headers.get("x-context-user-id")) and not _act_as(call, context):
            return consent.unauthorized()
        if not call.account.settings["is_paid"]:
            return problem(402, "Аккаунт не оплачен")
        return self._routes.find(call.method, call.path)(call)

    async def _control(self, call: Call) -> Answer:
        call.account = self.world.account(call.headers.get("host", "")) or self.world.default
        call.origin = self.world.public_url or _origin(call)
        try:
            if call.method == "GET" and call.path.rstrip("/") == "/_ctl":
                return page.show(call)
            return await control.answer(self.world, call)
        except Refused as refused:
            return refused.answer
        finally:
            call.account.hooks.close_request(call.account)


def _act_as(call: Call, context: str) -> bool:
    """An administrator's call with another user's rights; False where that cannot be."""
    user = call.account.users.get(int(context) if context.isdigit() else 0)
    admin = call.account.users.get(call.user_id)
    if user is None or user["rights"]["is_free"] or not (admin and admin["rights"]["is_admin"]):
        return False
    call.user_id = user["id"]
    return True


def _origin(call: Call) -> str:
    scheme = call.headers.get("x-forwarded-proto", "http").partition(",")[0].strip()
    return f"{scheme}://{call.headers.get('host', 'localhost')}"


async def _call(scope: Any, receive: loopback.Receive) -> Call:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    body = await loopback.read_body(receive)
    path = re.sub("/{2,}", "/", scope["path"])  # as nginx does: some clients join a host and a path with two slashes
    return Call(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)


def _headers(answer: Answer) -> loopback.Headers:
    headers = [(b"date", formatdate(usegmt=True).encode()), (b"x-request-id", secrets.token_hex(16).encode())]
    if answer.body or answer.status != 204:
        headers += [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(answer.body)).encode()),
        ]
    return headers + [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers]


async def _send(send: loopback.Send, answer: Answer) -> None:
    await loopback.reply(send, answer.status, _headers(answer), answer.body)


async def _break(scope: Any, send: loopback.Send, answer: Answer, fault: Fault) -> None:
    """The work is done, but the client does not hear of it, or only half."""
    if fault.kind == "half" and len(answer.body) > 1:
        await loopback.reply_half(scope, send, answer.status, _headers(answer), answer.body)
    else:
        loopback.break_off(scope)
