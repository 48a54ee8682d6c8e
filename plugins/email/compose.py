"""How does a notice or a report become a mail? Pure: an effect in, bytes out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from hub.sdk import AmendNotice, Buttons, Report, StaffEffect, effect_kind

MARK = "X-Hub-Message"
"""Header by which the hub knows its own mails again, whatever a provider makes of their Message-ID."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to be handed over. id: its Message-ID without brackets; content: the whole, lines ended by CRLF."""

    id: str
    sender: str
    recipient: str
    content: bytes


def message_id(key: str, sender: str) -> str:
    """The Message-ID of what the hub says under this key: the same for ever, so that it can be looked for."""
    digest = hashlib.blake2b(key.encode(), digest_size=16, person=b"crmhub mail").hexdigest()
    return f"{digest}.hub@{sender.rpartition('@')[2]}"


def letter(effect: StaffEffect, sender: str, name: str, at: datetime) -> Letter:
    """The mail that carries an effect, from `name` at the address `sender`. A correction answers the notice it corrects."""
    identity = message_id(effect.key, sender)
    mail = EmailMessage(SMTP)
    mail["From"] = str(Address(name, addr_spec=sender))
    mail["To"] = str(Address(addr_spec=effect.address))
    mail["Subject"] = " ".join(effect.title.split())
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{identity}>"
    mail[MARK] = f"{effect_kind(effect)}; id={identity}"  # type: ignore[arg-type]  # every StaffEffect is one
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    if isinstance(effect, AmendNotice) and effect.replaces:
        mail["In-Reply-To"] = mail["References"] = f"<{effect.replaces}>"
    _fill(mail, effect)
    return Letter(identity, sender, effect.address, bytes(mail))


def _fill(mail: EmailMessage, effect: StaffEffect) -> None:
    """Plain text and a page of the same; the pictures of a report beside its page."""
    links = [button for row in effect.buttons for button in row if button.url]
    text = "\n".join([effect.text, *([""] if links else []), *(f"{link.label}: {link.url}" for link in links)])
    mail.set_content(text.strip() + "\n", cte="base64")
    images: Mapping[str, bytes] = {}
    if isinstance(effect, Report):
        page, images = effect.html or _page(effect.title, effect.text, effect.buttons), effect.images
    else:
        page = _page(effect.title, effect.text, effect.buttons)
    mail.add_alternative(page, subtype="html", cte="base64")
    body = mail.get_body(("html",))
    assert body is not None, "the page was just added"
    for cid, png in images.items():
        body.add_related(png, "image", "png", cid=f"<{cid}>", disposition="inline", filename=f"{cid}.png")
    for part in mail.walk():
        if part is not mail:
            del part["MIME-Version"]  # the library gives it to each page, where it means nothing


def _page(title: str, text: str, buttons: Buttons) -> str:
    """A notice as a small page that every mail program shows alike."""
    lines = "<br>\n".join(escape(line) for line in text.splitlines())
    links = " &nbsp; ".join(
        f'<a href="{escape(button.url)}">{escape(button.label)}</a>' for row in buttons for button in row if button.url
    )
    below = f'<p style="margin:16px 0 0">{links}</p>\n' if links else ""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"></head>\n'
        "<body style=\"font:16px/1.45 system-ui,-apple-system,'Segoe UI',Arial,sans-serif;margin:16px;max-width:640px\">\n"
        f'<p style="font-weight:600;margin:0 0 8px">{escape(title)}</p>\n<p style="margin:0">{lines}</p>\n{below}'
        "</body></html>\n"
    )
