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
DOMAIN = "web"

_UNITS = r"мин|ч|с|д|₽|%|дн|дня|дней|раза|раз|из|min|h|s|d|of"
_GLUE = re.compile(rf"(?<=\d) (?=\d{{3}}\b)|(?<=\d) (?=(?:{_UNITS})\b|[₽%])|(?<=\bч) (?=\d)|(?<=\bh) (?=\d)|(?<=№) (?=\d)")


def N_(text: str) -> str:  # noqa: N802 - the name that collectors of texts know
    """Marks a text for translation where it is shown later."""
    return text


def glued(text: str) -> str:
    """Numbers never part from their units or from their thousands: a no-break space between them."""
    return type(text)(_GLUE.sub("\u00a0", text))


class Texts:
    """The texts of one language. `_("waits {n}", n=…)`-style calls escape their values; the texts themselves may hold markup."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def say(self, text: str, /, **values: Any) -> Markup:
        """The text in this language with `%(name)s` filled in, values escaped."""
        return self._filled(self._translations.gettext(text), values)

    def count(self, one: str, many: str, n: int, /, **values: Any) -> Markup:
        """The form that goes with `n` in this language; `%(n)s` is the number itself."""
        shown = values.pop("shown", self.number(n))
        return self._filled(self._translations.ngettext(one, many, n), {"n": shown, **values})

    def number(self, n: int) -> str:
        """The number with its thousands apart."""
        return f"{n:,}".replace(",", "\u00a0" if self.language == "ru" else ",")

    @staticmethod
    def _filled(text: str, values: Mapping[str, Any]) -> Markup:
        filled = Markup(text) % {name: escape(value) for name, value in values.items()}  # noqa: S704 - ours, not input
        return Markup(glued(str(filled)))  # noqa: S704 - values were escaped


@cache
def texts(language: str) -> Texts:
    """The texts of a language; texts without a translation stay English."""
    return Texts(language, Translations.load(FOLDER, [language], DOMAIN))
