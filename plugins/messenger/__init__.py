"""Connectors of messengers."""
