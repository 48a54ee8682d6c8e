"""What has the operator configured? `load` reads `config.toml` into checked values, or lists everything wrong with it."""

from hub.settings.mistakes import Wrong, from_model
from hub.settings.reading import load, parse
from hub.settings.secrets import Secret, Vault
from hub.settings.template import Answers, Draft, Entry, Person, draft, template
from hub.settings.values import Connection, Settings, Web
from hub.settings.versions import rules_from_json, rules_json

__all__ = [
    "Answers",
    "Connection",
    "Draft",
    "Entry",
    "Person",
    "Secret",
    "Settings",
    "Vault",
    "Web",
    "Wrong",
    "draft",
    "from_model",
    "load",
    "parse",
    "rules_from_json",
    "rules_json",
    "template",
]
