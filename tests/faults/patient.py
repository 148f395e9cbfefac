"""A vault whose protection is taken out: it waits for its key service for ever. The twin of `test_key_limit`."""

import sys

from pii_vault.keys import transit, transit_session
from pii_vault.main import main

FOR_EVER = 1_000_000.0

if __name__ == "__main__":
    transit_session.DEADLINE_SECONDS = FOR_EVER  # type: ignore[misc]
    transit_session.TIMEOUTS = (FOR_EVER, FOR_EVER)  # type: ignore[misc]
    transit.CALL_SECONDS = FOR_EVER  # type: ignore[misc]
    sys.exit(main())
