"""One JSON line an event, with personal data masked and secrets struck out."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PHONE = re.compile(r"(?<![\w.])\+?\d{10,15}(?![\w.])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_SECRET_KEY = re.compile(r"secret|token|password|authorization|api_key", re.IGNORECASE)
_PLAIN_KEYS = frozenset({"event", "level", "timestamp", "logger", "connection", "stream", "lane"})


def mask(text: str) -> str:
    """Telephone numbers and addresses with all but their ends starred out: `+7921*****67`, `i***@example.ru`."""
    text = _PHONE.sub(lambda found: found[0][:5] + "*" * (len(found[0]) - 7) + found[0][-2:], text)
    return _EMAIL.sub(lambda found: found[0][0] + "***" + found[0][found[0].index("@") :], text)


def _masked(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = "***"
        elif isinstance(value, str) and key not in _PLAIN_KEYS - {"event"}:
            event[key] = mask(value)
        elif isinstance(value, BaseException):
            event[key] = mask(f"{type(value).__name__}: {value}")
    return event


def configure(*, level: str = "info", human: bool = False) -> None:
    """Write events to standard error: a JSON line each, or readable ones for a person at a terminal."""
    renderer: Any = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer(ensure_ascii=False)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _masked,
    ]
    _adopt_libraries(shared, renderer)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def _adopt_libraries(processors: list[Any], renderer: Any) -> None:
    """What libraries log (the web server, the database) looks like our own lines and is masked alike."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *processors],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def get(name: str) -> Any:
    """A logger whose events say where they come from."""
    return structlog.get_logger().bind(logger=name)
