"""Letters to our own people: reports as HTML that mail programs bear, and as plain text."""
