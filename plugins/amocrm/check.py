"""What holds of the access to an account, and what has to be done about the rest?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from hub.sdk import Checked, HubError
from plugins.amocrm.client import Amo, Lacking, Row, embedded
from plugins.amocrm.feeds import EVENT_LOG
from plugins.amocrm.hooks import registered

_Look: TypeAlias = Callable[[Amo], Awaitable[Checked]]


async def check(client: Amo) -> Sequence[Checked]:
    """The token first, without which nothing else can be asked; then what is read, one line each, and the webhooks."""
    try:
        account = await client.account()
    except HubError as error:
        return [Checked(f"login at {client.settings.url}", ok=False, problem=str(error))]
    found = [Checked(f"login: account “{account.get('name')}”, number {account.get('id')}", ok=True)]
    for what, look in _LOOKS.items():
        try:
            found.append(await look(client))
        except HubError as error:
            found.append(Checked(what, ok=False, problem=str(error)))
    return found


async def _account(client: Amo) -> Checked:
    expected, account = client.settings.account_id, await client.account()
    if expected is None or expected == account.get("id"):
        return Checked("it is the account of this connection", ok=True)
    return Checked(
        "it is the account of this connection",
        ok=False,
        problem=f"account_id is {expected}; log in to that account, or make a connection of its own for this one",
    )


async def _user(client: Amo) -> Checked:
    number = (await client.account()).get("current_user_id")
    try:
        user = await client.get(f"/api/v4/users/{number}") or {}
    except Lacking:
        return Checked(
            "users: they cannot be read",
            ok=True,
            problem=f"managers have no names here. If user {number}, who allowed it, is no administrator, let one log in; "
            "an integration that was made by the button may not read them at all",
        )
    admin = bool((user.get("rights") or {}).get("is_admin"))
    return Checked(
        f"users: the token is of {user.get('name') or number}, {'an administrator' if admin else 'no administrator'}",
        admin,
        "" if admin else "what he may not see is not read; let an administrator log in",
    )


async def _filters(client: Amo) -> Checked:
    answer = await client.get("/api/v4/account", (("with", "is_api_filter_enabled"),)) or {}
    there = answer.get("is_api_filter_enabled") is not False
    note = "the tariff lacks them: history and the nightly comparison are read page by page, which takes longer"
    return Checked("filters of the API", ok=True, problem="" if there else note)


async def _pipelines(client: Amo) -> Checked:
    found = embedded(await client.get("/api/v4/leads/pipelines"))
    wanted = client.settings.pipeline
    names = ", ".join(f"{row.get('name')} ({row.get('id')})" for row in found)
    there = wanted is None or wanted in {row.get("id") for row in found}
    return Checked(f"pipelines: {names}", there, "" if there else f"pipeline = {wanted} is none of them")


async def _examples(client: Amo) -> Checked:
    """A few of the newest contacts: whoever sees them knows whether it is the account that he means."""
    newest = (("order[updated_at]", "desc"),)
    shown = [
        f"{row.get('name') or row.get('id')}{_phone(row)}" for row in await client.rows("/api/v4/contacts", newest, 3)
    ]
    return Checked(f"contacts, for example: {'; '.join(shown)}" if shown else "contacts: none yet", ok=True)


def _phone(row: Row) -> str:
    fields = [field for field in row.get("custom_fields_values") or () if field.get("field_code") == "PHONE"]
    return next((f" ({value['value']})" for field in fields for value in field.get("values") or ()), "")


async def _events(client: Amo) -> Checked:
    try:
        await client.rows(EVENT_LOG.path, EVENT_LOG.params, 1)
    except Lacking as error:
        return Checked("log of events", ok=True, problem=f"{error}; {EVENT_LOG.lacking}")
    return Checked("log of events", ok=True)


async def _hooks(client: Amo) -> Checked:
    url = client.host.hook_url
    if url is None:
        return Checked(
            "webhooks: none; changes are read once a minute (set public_url in [web] to hear of them at once)", ok=True
        )
    hooks = await registered(client, url)
    if any(hook.get("disabled") for hook in hooks):
        return Checked(
            "webhooks", ok=False, problem=f"amoCRM has switched them off, for it could not reach {url}; mend that"
        )
    if not hooks:
        return Checked("webhooks: not registered yet; the running hub does it", ok=True)
    return Checked("webhooks are registered", ok=True)


_LOOKS: dict[str, _Look] = {
    "account": _account,
    "users": _user,
    "filters": _filters,
    "pipelines": _pipelines,
    "contacts": _examples,
    "log of events": _events,
    "webhooks": _hooks,
}
