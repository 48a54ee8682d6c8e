"""The plugins that ship with the hub, one folder a vendor."""
