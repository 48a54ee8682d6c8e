"""What holds of the access to a mailbox, and what has to be done about the rest?"""

from __future__ import annotations

from collections.abc import Sequence

from hub.sdk import Checked, HubError
from plugins.email import folders, post
from plugins.email.account import Account
from plugins.email.folders import INBOX, Folder
from plugins.email.session import Session


async def check(client: Account) -> Sequence[Checked]:
    """Login, the folders with how much is in them, whether what was sent can be seen, and what the server can."""
    found: list[Checked] = []
    if client.settings.read:
        found += await _reading(client)
    if client.settings.send and all(line.ok for line in found[:1]):  # a refused password is not tried once more
        found.append(await _sending(client))
    return found


async def _reading(client: Account) -> list[Checked]:
    settings = client.settings
    try:
        async with client.session() as session:
            found = [Checked(f"login as {settings.login_name} at {settings.imap_host}", ok=True)]
            found += [Checked("the provider says", ok=True, problem=alert) for alert in session.alerts]
            found += await _folders(client, session)
            found.append(_doorbell(session))
            return found
    except HubError as error:
        return [Checked(f"login as {settings.login_name} at {settings.imap_host}", ok=False, problem=str(error))]


async def _sending(client: Account) -> Checked:
    what = f"notices are sent as {client.settings.address} by {client.settings.smtp_host}"
    try:
        tells = await post.greeted(client)
    except HubError as error:
        return Checked(what, ok=False, problem=str(error))
    untold = "the server does not promise to tell when a mail cannot be delivered"
    return Checked(what, ok=True, problem="" if tells else untold)


async def _folders(client: Account, session: Session) -> list[Checked]:
    settings, there = client.settings, await folders.folders(session)
    lines = [Checked(f"inbox: {await _count(session, INBOX)} mails", ok=True)]
    outgoing = await folders.sent(session, there, settings.sent)
    if outgoing is not None:
        lines.append(Checked(f"sent mail: {outgoing.name}, {await _count(session, outgoing)} mails", ok=True))
    else:
        names = ", ".join(folder.name for folder in there if folder.holds_mail)
        lines.append(
            Checked(
                "sent mail",
                ok=False,
                problem=f"no such folder is found, so that answers cannot be seen; name one of these in sent: {names}",
            )
        )
    for name in settings.folders:
        folder = folders.named(there, name)
        lines.append(
            Checked(f"folder {name}: {await _count(session, folder)} mails", ok=True)
            if folder
            else Checked(f"folder {name}", ok=False, problem="there is no such folder")
        )
    return lines


async def _count(session: Session, folder: Folder) -> int:
    answer = await session.command(f"EXAMINE {folder.quoted}")
    return next((line.number or 0 for line in answer.of("EXISTS")), 0)


def _doorbell(session: Session) -> Checked:
    if session.has("IDLE"):
        return Checked("new mail: heard of at once (IDLE)", ok=True)
    return Checked("new mail: looked for once a minute, the server cannot tell of it", ok=True)
