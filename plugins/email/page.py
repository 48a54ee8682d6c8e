"""How does a mail's HTML read as text? Lines as a reader sees them, what is quoted behind `>`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

_GONE = frozenset(("head", "style", "script", "title", "noscript", "template", "object", "svg", "-comment", "!doctype"))
_BLOCKS = frozenset(
    "address article aside blockquote center div dl dt dd fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav "
    "ol p pre section table tbody thead tr ul body html".split()
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|font-size\s*:\s*0(?![.\d])|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE
)
_OUTLOOK = re.compile(r"border(?:-top)?\s*:[^;]*solid\s+#(?:e1e1e1|b5c4df)", re.IGNORECASE)
_REST_IS_QUOTED = frozenset(("divrplyfwdmsg", "appendonsend", "mail-editor-reference-message-container"))
_QUOTES = frozenset(
    (
        "gmail_attr",
        "moz-cite-prefix",
        "moz-forward-container",
        "yahoo_quoted",
        "js-readmsg-msg",
        "zmail_extra",
        "protonmail_quote",
    )
)
_KEPT_LINKS = ("tel:", "mailto:", "https://wa.me/", "https://t.me/")
MOST = 50_000
"""Nodes that are gone through."""


def text(html: str) -> str:
    """The text of a page, in lines."""
    body = LexborHTMLParser(html).root
    return _Lines().of(body) if body is not None else ""


class _Lines:
    """A page gone through once, node by node, without recursion: depth is the sender's choice."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quoted = 0
        self.rest_is_quoted = False

    def of(self, root: LexborNode) -> str:
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        for _ in range(MOST):
            if not stack:
                break
            node, leaving = stack.pop()
            if leaving:
                self._leave(node)
                continue
            if node.tag == "-text":
                self.line.append(node.text_content or "")
            elif self._enter(node):
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(_children(node))))
        self._break()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip()

    def _enter(self, node: LexborNode) -> bool:
        """Begin an element; whether what is in it is read."""
        tag, attributes = node.tag or "", node.attributes
        style = attributes.get("style") or ""
        if tag in _GONE or "hidden" in attributes or _HIDDEN.search(style):
            return False
        if tag == "br":
            self._break()
        elif tag in _BLOCKS:
            self._break()
            if tag == "p":
                self._blank()
        elif tag in ("td", "th"):
            self.line.append(" ")
        if (attributes.get("id") or "").lower() in _REST_IS_QUOTED or (tag == "div" and _OUTLOOK.search(style)):
            self.rest_is_quoted = True
        self.quoted += _is_quote(node)
        return True

    def _leave(self, node: LexborNode) -> None:
        link = (node.attributes.get("href") or "") if node.tag == "a" else ""
        if link.lower().startswith(_KEPT_LINKS) and link.partition(":")[2] not in "".join(self.line):
            self.line.append(f" <{link}>")
        if node.tag in _BLOCKS:
            self._break()
        self.quoted -= _is_quote(node)

    def _break(self) -> None:
        content = re.sub(r"[\s\u00a0\u200b\u200c\ufeff\u00ad\u034f]+", " ", "".join(self.line)).strip()
        self.line = []
        if content:
            self.lines.append(f"> {content}" if self.quoted or self.rest_is_quoted else content)

    def _blank(self) -> None:
        if self.lines and self.lines[-1]:
            self.lines.append("")


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.child
    while child is not None:
        yield child
        child = child.next


def _is_quote(node: LexborNode) -> bool:
    if node.tag == "blockquote":
        return True
    classes = (node.attributes.get("class") or "").lower().split() if node.tag else []
    return any(name in _QUOTES for name in classes)
