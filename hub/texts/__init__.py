"""In which language are the texts, and how is a translated sentence put together?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Any

from babel.support import Translations
from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "locales"
LANGUAGES: Mapping[str, str] = {"ru": "Русский", "en": "English"}
DOMAIN = "hub"

_UNITS = r"мин|ч|с|д|₽|%|дн|дня|дней|раза|раз|из|min|h|s|d|of"
_GLUE = re.compile(
    rf"(?<=\d) (?=\d{{3}}\b)|(?<=\d) (?=(?:{_UNITS})\b|[₽%])|(?<=\bч) (?=\d)|(?<=\bh) (?=\d)|(?<=№) (?=\d)"
)


def N_(text: str) -> str:  # noqa: N802 - the name that collectors of texts know
    """Marks a text for translation where it is shown later."""
    return text


def glued(text: str) -> str:
    """Numbers never part from their units or from their thousands: a no-break space between them."""
    return _GLUE.sub("\u00a0", text)


class Texts:
    """The texts of one language. A text without values may hold any sign; one with values writes `%` as `%%`."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def say(self, text: str, /, **values: Any) -> str:
        """The text in this language with `%(name)s` filled in, as plain text."""
        said = self._translations.gettext(text) if text else ""  # the empty text is gettext's header
        return glued(said % values if values else said)

    def count(self, one: str, many: str, n: int, /, **values: Any) -> str:
        """The form that goes with `n` in this language, as plain text; `%(n)s` is the number itself."""
        return glued(self._translations.ngettext(one, many, n) % {"n": self.number(n), **values})

    def markup(self, text: str, /, **values: Any) -> Markup:
        """As `say`, for templates: the text, which is ours, may hold markup; values are escaped."""
        return Markup(self.say(text, **_escaped(values)))  # noqa: S704

    def markup_count(self, one: str, many: str, n: int, /, **values: Any) -> Markup:
        """As `count`, for templates."""
        return Markup(self.count(one, many, n, **_escaped(values)))  # noqa: S704

    def number(self, n: int) -> str:
        """The number with its thousands apart."""
        return f"{n:,}".replace(",", "\u00a0" if self.language == "ru" else ",")


def _escaped(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: escape(value) for name, value in values.items()}


def of_connector(words: Mapping[str, str], text: str) -> str:
    """A connector's own text in the language of its words; `%s` in one of them stands for whatever is there."""
    if text in words:
        return words[text]
    for pattern, said in words.items():
        if "%s" in pattern and (found := re.fullmatch(re.escape(pattern).replace("%s", "(.+)"), text, re.DOTALL)):
            return said % found.groups()
    return text


@cache
def texts(language: str) -> Texts:
    """The texts of a language; texts without a translation stay English."""
    return Texts(language, Translations.load(FOLDER, [language], DOMAIN))
