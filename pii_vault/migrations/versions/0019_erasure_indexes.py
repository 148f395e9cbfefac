"""an erasure finds a person's orders and hints through indexes: it read all orders of the vault

Expands only. Writes to these tables wait while the indexes are made.
"""

from alembic import op

from pii_vault.migrations.steps import create

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDEXES = """
CREATE INDEX gateway_object_contact ON gateway_object (contact) WHERE contact IS NOT NULL;
CREATE INDEX gateway_object_recipient ON gateway_object (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX duplicate_hint_other ON duplicate_hint (other);
"""


def upgrade() -> None:
    create(INDEXES)


def downgrade() -> None:
    op.execute("DROP INDEX gateway_object_contact, gateway_object_recipient, duplicate_hint_other")
