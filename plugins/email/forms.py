"""Is this mail a form that a client filled in on a site, and what did he write into it? (contract 9.1, 15.8)"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from plugins.email import addresses
from plugins.email.addresses import Ours
from plugins.email.mail import Mail

_LABELS: Mapping[str, str] = {
    "name": r"(?:ваше\s)?имя|фио|ф\.и\.о\.?|как (?:к вам|вас) .{0,20}|контактное лицо|клиент|автор|отправитель|(?:your |full |first )?name|ім'я",
    "phone": r"(?:ваш |контактный |номер )?(?:телефон|тел\.?|моб\.?)(?:а|\sклиента|\sавтора)?|номер телефона|мобильный(?: телефон)?|(?:your )?phone(?: number)?|mobile|tel",
    "email": r"(?:ваш |your )?(?:e-?mail|е-?mail|почта|электронная почта|эл\.? ?почта|адрес почты|mail)(?: клиента| автора| отправителя)?",
    "page": r"страница|страница отправки|url|ссылка|page(?: url)?|источник|source|referer|адрес страницы",
    "text": r"(?:ваше? )?(?:сообщение|комментарий|вопрос|текст|текст сообщения|message|comment|comments|question|пожелания|описание)",
    "form": r"форма|название формы|form(?: name)?|тема формы",
}
_LINE = re.compile(
    r"^[\s*•>\-|]{0,6}(?P<label>[^:：=\n|\t]{1,40}?)\s*\*{0,2}\s*(?:[:：=|\t]|\s[-–—]\s)\s*\*{0,2}\s*(?P<value>.{0,1000})$",
    re.IGNORECASE,
)
_ABOUT_FORMS = re.compile(
    r"заявк|форм[аыу]\b|обратн\w+ (?:связ|звон)|заказ|звонок с сайта|с сайта|сообщение с|запрос с|новый лид|лид\b|регистрац|расч[её]т|консультац|"
    r"\blead\b|\bform\b|request|callback|contact us|enquiry|inquiry|new order|submission",
    re.IGNORECASE,
)
_TO_US = re.compile(r"\W*(?:ваш|your)", re.IGNORECASE)
"""How a machine begins that answers something that we ordered."""
_PHONE = re.compile(r"\+?\d[\d\s().-]{5,20}\d")


@dataclass(frozen=True, slots=True)
class Form:
    """What the client wrote: each value as he wrote it. source: `utm_…` parameters and the page's address."""

    name: str | None = None
    phone: str | None = None
    email: str | None = None
    text: str | None = None
    form: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)


def read(mail: Mail, ours: Ours, declared: Iterable[str]) -> Form | None:
    """The form in a mail, None where it is none. declared: addresses from which forms come, as the operator says."""
    sender = mail.sender
    if sender is None or not mail.text:
        return None
    known = {addresses.same(one) for one in declared}
    is_declared = addresses.same(sender.value) in known or any(
        one.startswith("@") and one[1:] == sender.domain for one in declared
    )
    fields = _fields(mail.text)
    found = Form(
        name=fields.get("name"),
        phone=fields.get("phone") if _PHONE.search(fields.get("phone", "")) else None,
        email=_email(fields.get("email", "")) or _writer(mail, ours),
        text=fields.get("text"),
        form=fields.get("form") or mail.bare_subject or None,
        source=_source(fields.get("page", "")),
    )
    if found.phone is None and found.email is None:
        return None
    if is_declared:
        return found
    labelled = sum(name in fields for name in ("name", "phone", "email", "text"))
    asks = "name" in fields or "text" in fields  # a shop's footer, too, names a telephone and an address
    about = _ABOUT_FORMS.search(mail.subject) is not None and not _TO_US.match(mail.subject)
    return found if labelled >= 2 and asks and about and _is_robot(mail, ours) else None


def _is_robot(mail: Mail, ours: Ours) -> bool:
    """Whether a site sent it rather than a person: from us to us, or from an address that nobody reads."""
    sender = mail.sender
    if sender is None or "list-unsubscribe" in mail.header or mail.references:
        return False
    nobody = re.search(
        r"no-?reply|robot|forms?\b|notif|wordpress|site|www|mailer|bitrix|tilda|info-?noreply|order|zakaz|lead",
        sender.local,
    )
    return sender in ours or nobody is not None or "x-php-originating-script" in mail.header


def _fields(text: str) -> dict[str, str]:
    """The first value of each label; one that stands alone belongs to the line below it."""
    found: dict[str, str] = {}
    lines = [line.strip() for line in text.split("\n")[:200]]
    for number, line in enumerate(lines):
        parts = _LINE.match(line)
        if parts is None:
            continue
        name = next(
            (name for name, words in _LABELS.items() if re.fullmatch(words, parts["label"].strip(), re.IGNORECASE)),
            None,
        )
        value = parts["value"].strip(" *") or next((one for one in lines[number + 1 : number + 3] if one), "")
        if name and value:
            found.setdefault(name, value)
    return found


def _email(text: str) -> str | None:
    found = addresses.read(text.encode())
    return found[0].value if found else None


def _writer(mail: Mail, ours: Ours) -> str | None:
    return next((one.value for one in mail.reply_to if one not in ours and one != mail.sender), None)


def _source(page: str) -> dict[str, str]:
    found = re.search(r"https?://\S+", page)
    if found is None:
        return {}
    url = found[0].strip("<>()\"'")
    try:
        query = parse_qsl(urlsplit(url).query)
    except ValueError:
        return {}
    marks = {name: value for name, value in query if name.startswith("utm_") or name in ("yclid", "gclid", "fbclid")}
    return {"page": url[:500], **marks}
