"""What is known of the great mail providers: hosts, how one gets in, and what their users have to switch on first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Name: TypeAlias = Literal["auto", "yandex", "mailru", "google", "microsoft", "other"]


@dataclass(frozen=True, slots=True)
class Consent:
    """Where a person allows access, and where tokens come from (OAuth 2.0). extra: of the consent page."""

    page: str
    token: str
    scope: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. advice: what helps when he refuses a login. files_sent: what is sent through him is in Sent by itself.

    Ports say how a connection is encrypted: 993 and 465 from the first byte, 143 and 587 by STARTTLS.
    """

    title: str
    imap: tuple[str, int]
    smtp: tuple[str, int]
    advice: str
    consent: Consent | None = None
    passwords: bool = True
    files_sent: bool = False


PROVIDERS: dict[str, Provider] = {
    "yandex": Provider(
        "Yandex",
        ("imap.yandex.ru", 993),
        ("smtp.yandex.ru", 465),
        "in the mailbox's settings, Mail clients: allow access from imap.yandex.ru; then make an app password of type Mail at "
        "id.yandex.ru, Security, and enter that one",
        Consent("https://oauth.yandex.ru/authorize", "https://oauth.yandex.ru/token", "mail:imap_full mail:smtp"),
    ),
    "mailru": Provider(
        "Mail.ru",
        ("imap.mail.ru", 993),
        ("smtp.mail.ru", 465),
        "make a password for external applications at account.mail.ru, Security, with full access to mail, and enter that "
        "one; the password of the account itself is refused",
        Consent("https://oauth.mail.ru/login", "https://oauth.mail.ru/token", "userinfo mail.imap"),
    ),
    "google": Provider(
        "Gmail, Google Workspace",
        ("imap.gmail.com", 993),
        ("smtp.gmail.com", 465),
        "switch on 2-step verification, make an app password at myaccount.google.com/apppasswords and enter its 16 letters, "
        "or leave the password out and log in with client_id and client_secret",
        Consent(
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            "https://mail.google.com/",
            (("access_type", "offline"), ("prompt", "consent")),
        ),
        files_sent=True,
    ),
    "microsoft": Provider(
        "Microsoft 365, Outlook.com",
        ("outlook.office365.com", 993),
        ("smtp.office365.com", 587),
        "Microsoft takes no passwords for mail: register an application at entra.microsoft.com, enter client_id and "
        "client_secret, and log in; IMAP and authenticated SMTP must be allowed for the mailbox",
        Consent(
            "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access",
        ),
        passwords=False,
        files_sent=True,
    ),
}
OTHER = Provider(
    "other", ("", 993), ("", 465), "see that the address, the login and the password are those of the mail server"
)

_DOMAINS = {
    "yandex": ("yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "narod.ru"),
    "mailru": ("mail.ru", "bk.ru", "list.ru", "inbox.ru", "internet.ru", "xmail.ru"),
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.ru"),
}


def of(name: str, address: str) -> Provider:
    """The provider by its name; `auto`: by the domain of the address, where that tells it."""
    domain = address.rpartition("@")[2].lower()
    found = next((key for key, domains in _DOMAINS.items() if domain in domains), "other") if name == "auto" else name
    return PROVIDERS.get(found, OTHER)
