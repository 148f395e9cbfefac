"""Schema of the vault database: `upgrade(url)` brings it to the newest version."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(owner_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = owner_url
    return config


def upgrade(owner_url: str, revision: str = "head") -> None:
    """Apply migrations up to `revision` as the owner role. Idempotent."""
    command.upgrade(alembic_config(owner_url), revision)


def downgrade(owner_url: str, revision: str) -> None:
    command.downgrade(alembic_config(owner_url), revision)
