"""What the check cannot find and an officer answers for: texts that cross with the classifier's tokens in place."""

from typing import Any, Final, Protocol

import psycopg

_SWITCHED_ON: Final = """
SELECT t.id, c.class_key, c.since::date FROM classified_text c JOIN tenant t ON t.key = c.tenant_key ORDER BY 1, 2
"""


class Databases(Protocol):
    """The part of the rig that is used here."""

    def private_database(self) -> psycopg.Connection[Any]: ...


def residual_risks(running: Databases) -> list[str]:
    """A line for each shop and class whose classified texts cross; none by default."""
    with running.private_database() as connection:
        rows = connection.execute(_SWITCHED_ON).fetchall()
    return [
        f"classified texts of class {class_key} cross for {tenant} since {since}, with what the classifier missed"
        for tenant, class_key, since in rows
    ]
