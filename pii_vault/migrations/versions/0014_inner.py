"""what texts only mention, and the tokens inside an order's note where classified texts may cross"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

# Beside the values, not a column of theirs: few values are mentions, and every row of every batch would carry it.
TABLES = """
CREATE TABLE mention (
    token uuid PRIMARY KEY REFERENCES pii_value ON DELETE CASCADE,
    tenant_key integer NOT NULL
);
"""

COMMENTS = {
    "mention.token": "a value that only stands in a text of its subject: in no index, and never taken for the "
    "subject's own phone, name or address",
    "gateway_object.note_inner": "the note's token, then `start end token` for each token inside it: places and "
    "tokens, never a word of the note; of no use for another note",
}

GRANTS = {"mention": "SELECT, INSERT, DELETE"}


def upgrade() -> None:
    create(TABLES)
    op.execute("ALTER TABLE gateway_object ADD COLUMN note_inner text[]")
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    op.execute("ALTER TABLE gateway_object DROP COLUMN note_inner")
    op.execute("DROP TABLE mention")
