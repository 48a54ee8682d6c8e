"""The pages, the webhooks and the read API."""
