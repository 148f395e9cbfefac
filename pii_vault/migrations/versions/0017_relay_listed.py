"""the newest dispatches of a shop and state are read through an index: the console lists them

Expands only.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX relay_dispatch_listed ON relay_dispatch (tenant_key, state, created)")


def downgrade() -> None:
    op.execute("DROP INDEX relay_dispatch_listed")
