"""What if there were an amoCRM account? Written from the vendor's contract; README.md says how tests drive it."""

from sandbox.amocrm.command import serve
from sandbox.amocrm.server import AmoServer

__all__ = ["AmoServer", "serve"]
