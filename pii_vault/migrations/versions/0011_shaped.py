"""shaped tokens for outside systems, and where classified text may cross"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE shaped_token (
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    shape text NOT NULL CHECK (length(shape) BETWEEN 10 AND 64),
    token uuid UNIQUE,
    subject uuid,
    created timestamptz NOT NULL DEFAULT now(),
    retired timestamptz,
    PRIMARY KEY (tenant_key, class_key, shape),
    CHECK ((token IS NULL) = (retired IS NOT NULL)),
    CHECK ((token IS NULL) = (subject IS NULL))
);
CREATE INDEX shaped_token_subject ON shaped_token (subject) WHERE subject IS NOT NULL;
CREATE TABLE classified_text (
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    officer text NOT NULL CHECK (officer <> ''),
    PRIMARY KEY (tenant_key, class_key)
);
"""

COMMENTS = {
    "shaped_token.shape": "what an outside system holds: of a range that is never issued, so it is nobody's value",
    "shaped_token.token": "the value it stands for; null once retired: a shape is never given to another value",
    "shaped_token.subject": "whose value it is, so that erasing the subject retires the shape",
    "classified_text.class_key": "the class of text whose classified form may cross to the public contour: a residual "
    "risk, as the classifier finds most of the persons in a text, not all",
    "classified_text.officer": "who switched it on",
}

GRANTS = {"shaped_token": "SELECT, INSERT, UPDATE", "classified_text": "SELECT, INSERT, DELETE"}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
