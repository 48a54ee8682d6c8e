"""What has the operator configured? `load` reads `config.toml` into checked values, or lists everything wrong with it."""

from hub.settings.asking import Question, answers, questions, text_of, value_of
from hub.settings.mistakes import Wrong, from_model
from hub.settings.reading import load, parse
from hub.settings.secrets import Secret, Vault
from hub.settings.template import Answers, Draft, Entry, Person, draft, template
from hub.settings.values import Connection, Settings, Web
from hub.settings.versions import rules_from_json, rules_json
from hub.settings.writing import with_connection, write

__all__ = [
    "Answers",
    "Connection",
    "Draft",
    "Entry",
    "Person",
    "Question",
    "Secret",
    "Settings",
    "Vault",
    "Web",
    "Wrong",
    "answers",
    "draft",
    "from_model",
    "load",
    "parse",
    "questions",
    "rules_from_json",
    "rules_json",
    "template",
    "text_of",
    "value_of",
    "with_connection",
    "write",
]
