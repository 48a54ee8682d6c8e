"""How is a person addressed: canonical handles, and telephone numbers read the way carriers write them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType
from urllib.parse import unquote

import phonenumbers

Handle = NewType("Handle", str)
"""One text `kind:value`, canonical (model.md 1): `phone:+79211234567`, `ext:pbx/101`, `email:ivan@example.ru`."""

_KIND = re.compile(r"[a-z][a-z0-9_]*")
_E164 = re.compile(r"\+[1-9]\d{6,14}(;ext=\d{1,8})?")
_NOISE = re.compile(r"[\s\u00a0().\u2010-\u2015-]")
_EXTENSION = re.compile(r"\s*(?:,|;ext=|x|доб\.?|ext\.?)\s*(\d{1,8})\s*$", re.IGNORECASE)
_NOT_A_NUMBER = frozenset({"", "anonymous", "unknown", "<unknown>", "unavailable", "restricted", "private", "withheld"})
_RU_AREA = re.compile(r"[3489]\d{9}")
_RU_OR_KZ_AREA = re.compile(r"[34789]\d{9}")


@dataclass(frozen=True, slots=True)
class Number:
    """What a carrier's text turned out to be.

    handle: `phone:+…`, None when it cannot be called back. reason: why there is no handle
    (`withheld`, `short`, `local`, `not_a_number`), else None. assumed: the country was guessed.
    """

    handle: Handle | None
    reason: str | None = None
    assumed: bool = False


def kind_of(handle: str) -> str:
    """The part before the colon: `phone`, `email`, `ext` …"""
    return handle.partition(":")[0]


def value_of(handle: str) -> str:
    """The part behind the first colon."""
    return handle.partition(":")[2]


@lru_cache(maxsize=4096)
def shown(number: str) -> str:
    """An E.164 number in international form, `+7 921 604-18-33`, an extension behind; another text as it is."""
    base, _, extension = number.partition(";ext=")
    try:
        parsed = phonenumbers.parse(base)
    except phonenumbers.NumberParseException:
        return number
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return f"{text}, {extension}" if extension else text


def problem(text: str) -> str | None:
    """Why `text` is not a canonical handle, None when it is one."""
    kind, colon, value = text.partition(":")
    if not colon or not _KIND.fullmatch(kind) or not value or value != value.strip():
        return f"{text!r} is not a handle; write kind:value, for example phone:+79211234567"
    if kind == "phone" and not _E164.fullmatch(value):
        return f"{text!r} is not an E.164 number; write for example phone:+79211234567"
    if kind == "email" and (value != value.lower() or "@" not in value):
        return f"{text!r} is not a canonical address; write it in lower case, for example email:ivan@example.ru"
    return None


def canonical(text: str, country: str = "RU") -> Handle:
    """The canonical form of a handle somebody typed.

    Phones are read by `country` (ISO 3166), addresses get lower case and an IDNA domain.
    Raises ValueError, with a right example, when no canonical form exists.
    """
    kind, _, value = text.partition(":")
    if kind == "phone":
        base, semicolon, extension = value.partition(";ext=")
        number = read_number(base, country)
        if number.handle is None:
            raise ValueError(f"{text!r} is not a telephone number; write for example phone:+79211234567")
        text = number.handle if ";ext=" in number.handle else number.handle + semicolon + extension
    elif kind == "email":
        text = f"email:{_address(value)}"
    wrong = problem(text)
    if wrong:
        raise ValueError(wrong)
    return Handle(text)


def _address(value: str) -> str:
    local, at, domain = value.strip().rpartition("@")
    if not domain.isascii():  # of others IDNA changes nothing
        with suppress(UnicodeError):
            domain = domain.encode("idna").decode("ascii")
    return f"{local}{at}{domain}".lower()


@lru_cache(maxsize=65_536)
def read_number(raw: str, country: str = "RU") -> Number:
    """Read a number as carriers, PBXs and people write it (contracts/telephony.md 8).

    `country` is the country of the line, used where the number names none.
    """
    text = unquote(raw.strip()) if "%" in raw else raw.strip()
    for scheme in ("sip:", "sips:", "tel:"):
        if text.lower().startswith(scheme):
            text = text[len(scheme) :]
    text, extension = _split_extension(text.partition("@")[0])
    text = _NOISE.sub("", text.partition(";")[0])
    if text.lower() in _NOT_A_NUMBER or not text.strip("0"):
        return Number(None, "withheld")
    plus, digits = text.startswith("+"), text.lstrip("+")
    if not digits.isascii() or not digits.isdigit():
        return Number(None, "not_a_number")
    number = _international(digits) if plus else _national(digits, country)
    if number.handle is None or not extension:
        return number
    return Number(Handle(f"{number.handle};ext={extension}"), None, number.assumed)


def _split_extension(text: str) -> tuple[str, str]:
    found = _EXTENSION.search(text)
    if not found or not any(sign.isdigit() for sign in text[: found.start()]):
        return text, ""
    return text[: found.start()], found.group(1)


def _international(digits: str) -> Number:
    if len(digits) == 11 and digits.startswith("8"):  # a trunk's mistake: +8 921 … for 8 921 …
        digits = "7" + digits[1:]
    if 8 <= len(digits) <= 15 and not digits.startswith("0"):
        return Number(Handle(f"phone:+{digits}"))
    return Number(None, "not_a_number" if len(digits) > 15 else "short")


def _national(digits: str, country: str) -> Number:
    return _russian(digits) if country == "RU" else _of_country(digits, country)


def _russian(digits: str) -> Number:
    length = len(digits)
    if digits.startswith("810") and length >= 11:
        return Number(Handle(f"phone:+{digits[3:]}"))
    if length == 11 and digits[0] in "78" and _RU_OR_KZ_AREA.fullmatch(digits[1:]):
        return Number(Handle(f"phone:+7{digits[1:]}"))
    if length == 10 and _RU_AREA.fullmatch(digits):
        return Number(Handle(f"phone:+7{digits}"))
    return _without_country(digits)


def _of_country(digits: str, country: str) -> Number:
    if not digits.startswith("00"):
        try:
            parsed = phonenumbers.parse(digits, country)
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is not None and phonenumbers.is_valid_number(parsed):
            return Number(Handle("phone:" + phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)))
    return _without_country(digits)


def _without_country(digits: str) -> Number:
    if digits.startswith("00") and 8 <= len(digits) - 2 <= 15:
        return Number(Handle(f"phone:+{digits[2:]}"))
    if 12 <= len(digits) <= 15:
        return Number(Handle(f"phone:+{digits}"), assumed=True)
    if len(digits) <= 6:
        return Number(None, "short")
    return Number(None, "local" if len(digits) <= 11 else "not_a_number")


def same_line(name: str, country: str = "RU") -> str:
    """The form in which names of our own lines are compared: E.164 where it is a number, else lower case.

    DIDs arrive in as many forms as callers' numbers do (contracts/telephony.md 8).
    """
    number = read_number(name, country)
    return number.handle.removeprefix("phone:") if number.handle else name.strip().lower()
