"""What a plugin author gets for free: the contract that every connector passes, and a host to open it with."""

from hub.sdk.testing.contract import Contract, Sample
from hub.sdk.testing.host import Bench

__all__ = ["Bench", "Contract", "Sample"]
