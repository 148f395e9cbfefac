"""What was given up is counted by an index: /metrics asks every half minute, and most dispatches went out

Expands only.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX relay_dispatch_given_up ON relay_dispatch (finished) WHERE state IN ('dead', 'unknown')")


def downgrade() -> None:
    op.execute("DROP INDEX relay_dispatch_given_up")
