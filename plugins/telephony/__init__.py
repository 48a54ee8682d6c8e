"""Telephone systems, one folder a vendor."""
