"""One real mail server for all tests of a folder; skipped, with the reason, where there is none."""

from collections.abc import Iterator

import pytest

from tests.live.mail.server import MailServer, NoMailServer, running


@pytest.fixture(scope="session")
def server() -> Iterator[MailServer]:
    """Dovecot and Postfix."""
    try:
        with running(smtp=True) as found:
            yield found
    except NoMailServer as reason:
        pytest.skip(f"no real mail server: {reason}")
