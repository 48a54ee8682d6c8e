"""What has the operator configured? `load` reads `config.toml` into checked values, or lists everything wrong with it."""

from hub.settings.mistakes import Wrong, from_model
from hub.settings.reading import load, parse
from hub.settings.secrets import Secret, Vault
from hub.settings.values import Connection, Settings, Web
from hub.settings.versions import rules_from_json, rules_json

__all__ = [
    "Connection",
    "Secret",
    "Settings",
    "Vault",
    "Web",
    "Wrong",
    "from_model",
    "load",
    "parse",
    "rules_from_json",
    "rules_json",
]
