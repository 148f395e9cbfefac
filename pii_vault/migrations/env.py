"""Alembic environment of the vault database. Run with the owner's address in `-x url=…`."""

from alembic import context
from sqlalchemy import create_engine, pool, text

LOCK_TIMEOUT = "5s"  # a migration that waits longer for a lock would block the service behind it


def run() -> None:
    url = context.get_x_argument(as_dictionary=True).get("url") or context.config.attributes.get("url")
    if not url:
        message = "no database address: pass the owner's URL with -x url=…"
        raise SystemExit(message)
    engine = create_engine(str(url).replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        context.configure(connection=connection, transaction_per_migration=False)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
