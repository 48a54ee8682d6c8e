"""What if there were a Telegram with one bot? Written from the vendor's contract; README.md says how tests drive it."""

from sandbox.telegram.command import serve
from sandbox.telegram.server import TelegramServer

__all__ = ["TelegramServer", "serve"]
