"""How are the texts collected from code and templates, and compiled: `python -m hub.texts.catalog`.

Write English texts in code and templates, run this, translate what is new in `locales/ru/LC_MESSAGES/hub.po`, run it again.
"""

from __future__ import annotations

import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from hub.texts import DOMAIN, FOLDER, LANGUAGES

PLACES = tuple(FOLDER.parents[1] / name for name in ("texts", "letters", "web"))
"""Whatever speaks to people."""
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2"), ("templates/**.txt", "jinja2")]
OPTIONS = {"extensions": "jinja2.ext.do", "trimmed": "true"}
KEYWORDS = {"_": None, "N_": None, "say": None, "count": (1, 2), "ngettext": (1, 2)}


def collected() -> Catalog:
    """Every text that pages and letters may say."""
    catalog = Catalog(domain=DOMAIN, project="crmhub", charset="utf-8")
    options = {"**.html": OPTIONS, "**.txt": OPTIONS}
    for place in PLACES:
        for _, _, message, _, _ in extract_from_dir(str(place), METHODS, options_map=options, keywords=KEYWORDS):
            catalog.add(message)
    return catalog


def path_of(language: str, suffix: str) -> Path:
    """Where the texts of a language lie."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.{suffix}"


def written(language: str) -> Catalog:
    """The texts of a language as they are translated."""
    with path_of(language, "po").open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def updated(language: str) -> Catalog:
    """The translations with new texts added, and without those that nobody says any more."""
    path = path_of(language, "po")
    catalog = written(language) if path.exists() else Catalog(locale=language, domain=DOMAIN, project="crmhub")
    catalog.update(collected(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    for message in list(catalog):
        message.flags.discard("python-format")  # `%(name)s` alone: a text may hold other signs of percent
        message.locations.clear()
    return catalog


def compiled(catalog: Catalog) -> bytes:
    """The catalog as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def missing(catalog: Catalog) -> list[str]:
    """Texts that are not translated, or not in all their forms."""
    return [
        str(message.id)
        for message in catalog
        if message.id and not (all(message.string) if isinstance(message.string, tuple | list) else message.string)
    ]


def main() -> None:
    """Update and compile every language."""
    for language in LANGUAGES:
        catalog = updated(language)
        path_of(language, "po").parent.mkdir(parents=True, exist_ok=True)
        with path_of(language, "po").open("wb") as file:
            write_po(file, catalog, sort_output=True, width=0, omit_header=False, no_location=True)
        path_of(language, "mo").write_bytes(compiled(catalog))
        print(f"{language}: {len(catalog)} texts, {len(missing(catalog))} not translated")  # noqa: T201


if __name__ == "__main__":
    main()
