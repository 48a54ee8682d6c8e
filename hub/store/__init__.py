"""Where the hub keeps what it knows: synchronous functions that take a connection, on SQLite and PostgreSQL alike."""
