"""The schemas are built by the real migrations, forwards and back."""

import psycopg

import app.migrations
import pii_vault.migrations
from tests.support.postgres import Database


def test_vault_schema_goes_down_and_up_again(vault_database: Database) -> None:
    pii_vault.migrations.downgrade(vault_database.owner_url, "base")
    pii_vault.migrations.upgrade(vault_database.owner_url)
    with psycopg.connect(vault_database.owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()


def test_app_schema_goes_down_and_up_again(app_database: Database) -> None:
    app.migrations.downgrade(app_database.owner_url, "base")
    app.migrations.upgrade(app_database.owner_url)
    with psycopg.connect(app_database.owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone()
