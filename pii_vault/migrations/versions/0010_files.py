"""files and recordings: which sealed bytes of the store belong to which token

The row of `pii_value` under the same token holds the file's label, so that a file is decided about, masked, blocked
and erased like any value. The bytes stand in a folder or a bucket under a random name.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE pii_file (
    token uuid PRIMARY KEY,
    subject uuid NOT NULL,
    tenant_key integer NOT NULL,
    retention smallint NOT NULL,
    name text NOT NULL UNIQUE CHECK (name ~ '^[0-9a-f]{32}$'),
    sealed bytea NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX pii_file_subject ON pii_file (subject);
CREATE TABLE file_removal (
    name text PRIMARY KEY,
    erasure text NOT NULL,
    ordered timestamptz NOT NULL DEFAULT now()
)
"""

COMMENTS = {
    "pii_file.name": "of the sealed bytes in the store of files; random, says nothing",
    "pii_file.sealed": "the file's own key and its size, under the DEK of (subject, retention); without it the bytes "
    "in the store open no more",
    "file_removal.name": "bytes in the store that must go; their key is destroyed already",
}


def upgrade() -> None:
    for statement in TABLES.split(";\n"):
        op.execute(statement)
    for column, comment in COMMENTS.items():
        quoted = comment.replace("'", "''")
        op.execute(f"COMMENT ON COLUMN {column} IS '{quoted}'")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON pii_file, file_removal TO {RUNTIME}")


def downgrade() -> None:
    op.execute("DROP TABLE file_removal, pii_file")
