"""How do the packets, CEL rows, CDR rows and queue lines of one group become calls? Pure (contracts/telephony.md 1.4)."""

from plugins.telephony.asterisk.fold.parse import parse

__all__ = ["parse"]
