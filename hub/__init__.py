"""crmhub: one timeline per client, and no client waits unnoticed."""

__version__ = "0.1.0"
