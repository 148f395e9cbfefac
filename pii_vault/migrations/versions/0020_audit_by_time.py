"""a period of the audit log is found by its pages' times: a day's counts read the whole log

Expands only. Records wait while the index is made: it reads the log once.
"""

from alembic import op

from pii_vault.migrations.steps import create

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Block ranges: records come in the order of time, so a few bytes a page tell where a period lies, at no cost a record.
INDEX = "CREATE INDEX audit_detail_at ON audit_detail USING brin (at) WITH (autosummarize = on, pages_per_range = 32)"


def upgrade() -> None:
    create(INDEX)


def downgrade() -> None:
    op.execute("DROP INDEX audit_detail_at")
