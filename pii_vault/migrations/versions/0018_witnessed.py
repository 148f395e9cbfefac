"""the statement of a new origin keeps the cosigned checkpoint that it names, for a witness that has forgotten it

Expands only: rows of before hold none, and older code writes none.
"""

from alembic import op

from pii_vault.migrations.steps import comment

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COMMENTS = {
    "audit_origin.witnessed": "the checkpoint that the statement names, with the log's and the witness's signature: "
    "shown to a witness that was restored to before it",
}


def upgrade() -> None:
    op.execute("ALTER TABLE audit_origin ADD COLUMN witnessed text")
    comment(COMMENTS)


def downgrade() -> None:
    op.execute("ALTER TABLE audit_origin DROP COLUMN witnessed")
