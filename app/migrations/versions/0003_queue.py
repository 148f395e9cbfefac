"""the queue: procrastinate's own tables, types and functions

The statements are those that the pinned release of procrastinate brings. When a later release changes them, a new
revision applies its migration, guarded so that it does nothing on a database that was made with that release.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RUNTIME = "larets_app"
TABLES = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers"


def upgrade() -> None:
    # Through the driver's own cursor: the text holds many statements, and signs that a layer above would read.
    cursor = op.get_bind().connection.cursor()
    cursor.execute(SchemaManager.get_schema())
    cursor.close()
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {TABLES} TO {RUNTIME}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {RUNTIME}")


def downgrade() -> None:
    op.execute(f"DROP TABLE {TABLES} CASCADE")
    op.execute(
        "DO $$ DECLARE name text; BEGIN FOR name IN SELECT oid::regprocedure::text FROM pg_proc "
        "WHERE proname LIKE 'procrastinate\\_%' LOOP EXECUTE 'DROP FUNCTION ' || name; END LOOP; END $$"
    )
    op.execute("DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_status, procrastinate_job_event_type")
