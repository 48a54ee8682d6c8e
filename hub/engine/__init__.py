"""How work is run: receive and pull fill the inbox, absorb understands, derive judges, deliver acts."""
