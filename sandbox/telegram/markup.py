"""What does a text say once its markup is read? Plain text and entities, whose offsets count UTF-16 units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

from sandbox.telegram.answers import bad
from sandbox.telegram.types import Json

_TAGS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_MARKS = {
    "*": "bold",
    "_": "italic",
    "__": "underline",
    "~": "strikethrough",
    "||": "spoiler",
    "`": "code",
    "```": "pre",
}
_NAMES = {
    "*": "Bold",
    "_": "Italic",
    "__": "Underline",
    "~": "Strikethrough",
    "||": "Spoiler",
    "`": "Code",
    "```": "Pre",
}
_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_FOUND = re.compile(
    r"(?P<url>https?://[^\s<>\"]*[^\s<>\".,!?)])|(?P<email>[\w.+-]+@[\w-]+\.[\w.-]*\w)|(?P<mention>(?<!\w)@[A-Za-z]\w{3,31})"
    r"|(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@\w+)?)|(?P<hashtag>(?<!\w)#\w*[^\W\d]\w*)"
)
_ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?""")


def units(text: str) -> int:
    """UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def read(text: str, mode: str) -> tuple[str, list[Json]]:
    """Raises Refused for markup that cannot be read."""
    reader = {"": _plain, "none": _plain, "html": _html, "markdownv2": _markdown, "markdown": _old_markdown}.get(
        mode.lower()
    )
    if reader is None:
        raise bad("unsupported parse_mode")
    return reader(text)


def trimmed(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Nobody sees blanks around a message; entities of addresses are found where none stand."""
    short = text.rstrip()
    ahead = units(short) - units(short.lstrip())
    short, end, kept = short.lstrip(), units(short), []
    for entity in entities:
        start = max(0, entity["offset"] - ahead)
        length = min(end - ahead, entity["offset"] + entity["length"] - ahead) - start
        if length > 0:
            kept.append({**entity, "offset": start, "length": length})
    taken = [
        (one["offset"], one["offset"] + one["length"]) for one in kept if one["type"] in {"code", "pre", "text_link"}
    ]
    for found in _FOUND.finditer(short):
        start = units(short[: found.start()])
        length = units(found[0])
        if not any(start < last and first < start + length for first, last in taken):
            kept.append({"offset": start, "length": length, "type": found.lastgroup})
    return short, sorted(kept, key=lambda one: (one["offset"], -one["length"]))


def _cannot(what: str) -> Exception:
    return bad(f"can't parse entities: {what}")


def _plain(text: str) -> tuple[str, list[Json]]:
    return text, []


@dataclass
class _Open:
    tag: str
    start: int
    attributes: dict[str, str]
    at: int


def _html(text: str) -> tuple[str, list[Json]]:
    out, entities, open_tags, place = "", [], list[_Open](), 0
    while place < len(text):
        if text[place] == "&" and (found := re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);").match(text, place)):
            out += unescape(found[0])
            place = found.end()
            continue
        if text[place] != "<":
            out += text[place]
            place += 1
            continue
        at = len(text[:place].encode())
        end = text.find(">", place)
        if end < 0:
            raise _cannot(f"Unclosed start tag at byte offset {at}")
        inside, place = text[place + 1 : end], end + 1
        if inside.startswith("/"):
            entities += _closed(open_tags, inside[1:].strip().lower(), units(out), at)
        else:
            open_tags.append(_opened(inside, units(out), at))
    if open_tags:
        raise _cannot(f'Can\'t find end tag corresponding to start tag "{open_tags[-1].tag}"')
    return out, entities


def _opened(inside: str, start: int, at: int) -> _Open:
    name = re.split(r"[\s/]", inside, maxsplit=1)[0].lower()
    if name not in _TAGS:
        raise _cannot(f'Unsupported start tag "{name}" at byte offset {at}')
    attributes = {
        found[1].lower(): unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(inside[len(name) :])
    }
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise _cannot(f'Tag "span" must have class "tg-spoiler" at byte offset {at}')
    return _Open(name, start, attributes, at)


def _closed(open_tags: list[_Open], name: str, end: int, at: int) -> list[Json]:
    if not open_tags:
        raise _cannot(f"Unexpected end tag at byte offset {at}")
    tag = open_tags.pop()
    if name not in {"", tag.tag}:
        raise _cannot(f'Unmatched end tag at byte offset {at}, expected "</{tag.tag}>", found "</{name}>"')
    if end == tag.start:
        return []
    entity: Json = {"offset": tag.start, "length": end - tag.start, "type": _TAGS[tag.tag]}
    if tag.tag == "a":
        if not (url := tag.attributes.get("href", "")):
            return []
        entity["url"] = url
    elif tag.tag == "tg-emoji":
        entity["custom_emoji_id"] = tag.attributes.get("emoji-id", "")
    elif tag.tag == "blockquote" and "expandable" in tag.attributes:
        entity["type"] = "expandable_blockquote"
    elif tag.tag == "code" and open_tags and open_tags[-1].tag == "pre":
        open_tags[-1].attributes["language"] = tag.attributes.get("class", "").removeprefix("language-")
        return []
    elif tag.tag == "pre" and tag.attributes.get("language"):
        entity["language"] = tag.attributes["language"]
    return [entity]


def _markdown(text: str) -> tuple[str, list[Json]]:
    """MarkdownV2: every reserved character that is no markup is escaped."""
    out, entities, open_marks, place = "", list[Json](), list[tuple[str, int, int]](), 0
    while place < len(text):
        letter, at = text[place], len(text[:place].encode())
        if letter == "\\" and place + 1 < len(text) and ord(text[place + 1]) < 127:
            out += text[place + 1]
            place += 2
            continue
        mark = next(
            (one for one in ("```", "__", "||", "`", "*", "_", "~", "[", "]") if text.startswith(one, place)), ""
        )
        in_code = bool(open_marks) and open_marks[-1][0] in {"`", "```"}
        if in_code and mark != open_marks[-1][0]:
            out += letter
            place += 1
        elif mark == "]" and open_marks and open_marks[-1][0] == "[":
            _, start, _ = open_marks.pop()
            found = re.compile(r"\]\(((?:\\.|[^)])*)\)").match(text, place)
            if found is None:
                raise _cannot(f"Can't find end of a URL at byte offset {at}")
            entities.append(
                {
                    "offset": start,
                    "length": units(out) - start,
                    "type": "text_link",
                    "url": re.sub(r"\\(.)", r"\1", found[1]),
                }
            )
            place = found.end()
        elif mark and mark != "]":
            place += len(mark)
            if open_marks and open_marks[-1][0] == mark:
                _, start, _ = open_marks.pop()
                if units(out) > start:
                    entities.append({"offset": start, "length": units(out) - start, "type": _MARKS[mark]})
            else:
                open_marks.append((mark, units(out), at))
        elif letter in _RESERVED and not (letter == ">" and (not out or out.endswith("\n"))):
            raise _cannot(f"Character '{letter}' is reserved and must be escaped with the preceding '\\'")
        else:
            out += letter
            place += 1
    if open_marks:
        mark, _, at = open_marks[-1]
        raise _cannot(f"Can't find end of {_NAMES.get(mark, 'TextUrl')} entity at byte offset {at}")
    return out, entities


def _old_markdown(text: str) -> tuple[str, list[Json]]:
    """The first Markdown: marks do not nest, and a lone one is an error."""
    out, entities, place = "", list[Json](), 0
    while place < len(text):
        letter = text[place]
        if letter == "\\" and place + 1 < len(text) and text[place + 1] in "_*`[":
            out += text[place + 1]
            place += 2
            continue
        if letter == "[" and (found := re.compile(r"\[([^\]]*)\]\(([^)]*)\)").match(text, place)):
            entities.append({"offset": units(out), "length": units(found[1]), "type": "text_link", "url": found[2]})
            out += found[1]
            place = found.end()
            continue
        mark = "```" if text.startswith("```", place) else letter if letter in "_*`" else ""
        if not mark:
            out += letter
            place += 1
            continue
        end = text.find(mark, place + len(mark))
        if end < 0:
            raise _cannot(f"Can't find end of the entity starting at byte offset {len(text[:place].encode())}")
        inside = text[place + len(mark) : end]
        if inside:
            entities.append({"offset": units(out), "length": units(inside), "type": _MARKS[mark]})
        out += inside
        place = end + len(mark)
    return out, entities
