"""How does a webhook get from the socket into the inbox: read within bounds, verified, committed, answered."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from hub import log, meters
from hub.engine.hub import OWN, Hub
from hub.engine.receive import Receiver
from hub.errors import Forged, Malformed, Temporary
from hub.registry import Link
from hub.sdk.connector import Received, WebhookRequest
from hub.store import repairs
from hub.store.database import Priority
from hub.web.guard import plain
from hub.web.remote import Network, headers_of

PREFIX = "/hooks/"
LARGEST = 10 * 1024 * 1024
"""Bytes of a body; more is refused."""
PATIENCE = 64 * 1024 * 1024
"""Bytes of a refused body that are read and thrown away, so that its sender hears why; beyond, the line is cut."""
SLOWEST = 60
"""Seconds that a sender has for its body."""
RETRY_AFTER = 30
"""Seconds after which a sender may try again where nobody knows better."""

_log = log.get("webhooks")


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    """The sender hung up before its body was complete."""


class Webhooks:
    """Everything below `/hooks/`. No framework in between: the hub is asked this most often."""

    def __init__(self, hub: Hub, receiver: Receiver, network: Network) -> None:
        self._hub = hub
        self._receiver = receiver
        self._network = network
        self._told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, rest = scope["path"][len(PREFIX) :].partition("/")
        link = self._hub.links.get(name)
        if link is None or name == OWN:
            await plain(send, 404, f"There is no connection {name!r}.\n")
        elif link.connector.webhook is None:
            await plain(send, 404, f"{name} takes no webhooks: its plugin {link.connector.name} has none.\n")
        elif link.problem is not None:
            await self._unready(send, link)
        else:
            await self._accept(scope, receive, send, link, rest)

    async def _accept(self, scope: Scope, receive: Receive, send: Send, link: Link, rest: str) -> None:
        headers = headers_of(scope)
        try:
            async with asyncio.timeout(SLOWEST):
                body = await _body(receive, headers)
        except _TooLarge:
            meters.REFUSED.labels(link.name, "too_large").inc()
            text = f"The body is larger than {LARGEST} bytes; send fewer records at a time.\n"
            await plain(send, 413, text, ((b"connection", b"close"),))
            return
        except TimeoutError:
            meters.REFUSED.labels(link.name, "slow").inc()
            await plain(send, 408, f"The body did not come within {SLOWEST} s.\n", ((b"connection", b"close"),))
            return
        except _Gone:
            meters.REFUSED.labels(link.name, "cut_off").inc()
            return
        try:
            received = await self._receiver.webhook(link, self._request(scope, headers, body, rest))
        except Forged as error:
            meters.REFUSED.labels(link.name, "forged").inc()
            await plain(send, 401, f"{error}\n")
        except Malformed as error:
            meters.REFUSED.labels(link.name, "malformed").inc()
            await plain(send, 400, f"{error}\n")
        except Temporary as error:
            meters.REFUSED.labels(link.name, "store").inc()
            _log.error("not kept, the sender is asked to repeat", connection=link.name, why=str(error))
            wait = int(error.retry_after or RETRY_AFTER)
            await plain(send, 503, "Nothing was kept, send it again.\n", ((b"retry-after", b"%d" % wait),))
        except Exception:  # noqa: BLE001 - a bug in a plugin must reach the log and its sender, and nobody else
            meters.REFUSED.labels(link.name, "bug").inc()
            _log.exception("webhook failed", connection=link.name)
            await plain(send, 500, "Nothing was kept: the hub could not read this. See its log.\n")
        else:
            await _reply(send, received)

    def _request(self, scope: Scope, headers: dict[str, str], body: bytes, rest: str) -> WebhookRequest:
        remote = self._network.remote(scope, headers)
        query = scope["query_string"].decode("latin-1")
        url = f"{remote.scheme}://{remote.host}{scope['path']}" + (f"?{query}" if query else "")
        return WebhookRequest(
            method=scope["method"],
            path=rest,
            url=url,
            headers=headers,
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            body=body,
            remote=remote.address,
            received_at=self._hub.now(),
        )

    async def _unready(self, send: Send, link: Link) -> None:
        """A secret cannot be found, so nothing can be verified: the sender is asked to repeat, a person to repair."""
        meters.REFUSED.labels(link.name, "unready").inc()
        await plain(send, 503, f"{link.name} is not ready: see its repair.\n", ((b"retry-after", b"300"),))
        if link.name in self._told:
            return
        self._told.add(link.name)
        await self._hub.db.write(
            Priority.SETTLE,
            repairs.note,
            f"access:{link.name}",
            kind="access_refused",
            connection_name=link.name,
            now=self._hub.now(),
            title=f"{link.name}: {link.problem}",
            advice=f"give the secret and start the hub again; `crmhub check {link.name}`",
        )


async def _body(receive: Receive, headers: dict[str, str]) -> bytes:
    """The whole body, never more than LARGEST bytes of it in memory, whatever Content-Length says."""
    declared = headers.get("content-length", "")
    length = int(declared) if declared.isascii() and declared.isdecimal() else 0
    if length > LARGEST and (length > PATIENCE or "expect" in headers):
        raise _TooLarge
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body") and len(message["body"]) <= LARGEST:
        return bytes(message["body"])
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise _Gone
        size += len(message.get("body", b""))
        if size <= LARGEST:
            parts.append(message.get("body", b""))
        else:
            parts.clear()
        if size > PATIENCE:
            raise _TooLarge
        if not message.get("more_body"):
            break
        message = await receive()
    if size > LARGEST:
        raise _TooLarge
    return b"".join(parts)


async def _reply(send: Send, received: Received) -> None:
    reply = received.reply
    await send(
        {
            "type": "http.response.start",
            "status": reply.status,
            "headers": [
                (b"content-type", reply.content_type.encode("latin-1")),
                (b"content-length", b"%d" % len(reply.body)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
