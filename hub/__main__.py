"""`python -m hub` is `crmhub`."""

from hub.cli import main

main()
