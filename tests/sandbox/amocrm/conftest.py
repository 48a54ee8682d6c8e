"""A fresh pretend amoCRM for each test, without limits unless a test sets them, and its administrator's client."""

import contextlib

import httpx
import pytest

from sandbox.amocrm import AmoServer
from tests.sandbox.receiver import Receiver


class Client(httpx.AsyncClient):
    """Speaks JSON with the token of the administrator."""

    async def ask(self, method, path, body=None, status=200):
        answer = await self.request(method, path, **({} if body is None else {"json": body}))
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else answer.text

    async def read(self, path, status=200):
        return await self.ask("GET", path, status=status)

    async def items(self, path):
        answer = await self.get(path)
        if answer.status_code == 204:
            return []
        assert answer.status_code == 200, answer.text
        (items,) = answer.json()["_embedded"].values()
        return items

    async def made(self, path, *items):
        (made,) = (await self.ask("POST", path, list(items)))["_embedded"].values()
        return made[0]["id"]

    async def refusals(self, method, path, body):
        told = await self.ask(method, path, body, 400)
        return [(one["code"], one["path"]) for item in told["validation-errors"] for one in item["errors"]]

    async def control(self, name, /, **asked):
        return await self.ask("POST", f"/_ctl/{name}", asked)

    async def ask_at(self, subdomain, name, **asked):
        """The control plane of another account."""
        return (await self.post(f"/_ctl/{name}", json=asked, headers={"Host": f"{subdomain}.amocrm.ru"})).json()

    async def touch(self, entity, id, action, **more):
        return await self.control("touch", entity=entity, id=id, action=action, **more)


@pytest.fixture
async def amo():
    async with AmoServer(rps=None) as server:
        yield server


@pytest.fixture
async def api(amo):
    async with client_of(amo) as client:
        yield client


def client_of(server, token=None):
    bearer = token or server.credentials["access_token"]
    return Client(base_url=server.base_url, headers={"Authorization": f"Bearer {bearer}"}, verify=False)


@contextlib.asynccontextmanager
async def running(**options):
    async with AmoServer(**options) as server, client_of(server) as client:
        yield server, client


def phone(number, **more):
    return [{"field_code": "PHONE", "values": [{"value": number, **more}]}]


@pytest.fixture
async def receiver():
    async with Receiver() as one:
        yield one
