"""Which vendors can be pretended without an account? One module each."""
