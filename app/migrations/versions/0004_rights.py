"""subjects erased in the vault: whose tokens were dropped here and are not taken again"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RUNTIME = "larets_app"

STATEMENTS = (
    """
    CREATE TABLE erased_subject (
        tenant_id text NOT NULL REFERENCES tenant (id),
        subject text NOT NULL CHECK (subject ~ '^sub_[0-9a-hjkmnp-tv-z]{28}$'),
        kept text[] NOT NULL,
        dropped integer NOT NULL,
        erased_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, subject)
    )
    """,
    (
        "COMMENT ON COLUMN erased_subject.kept IS "
        "'tokens of what the law makes the shop keep, blocked in the vault; no other token of theirs is taken again'"
    ),
    "ALTER TABLE contact ADD COLUMN erased_at timestamptz",
    "COMMENT ON COLUMN contact.erased_at IS 'the vault erased this person then; their tokens are gone'",
    "ALTER TABLE erased_subject ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE erased_subject FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY own_tenant ON erased_subject USING (tenant_id = current_setting('larets.tenant', true)) "
        "WITH CHECK (tenant_id = current_setting('larets.tenant', true))"
    ),
    f"GRANT SELECT, INSERT, UPDATE ON erased_subject TO {RUNTIME}",
    # Of history rows are only ever added; a text about an erased person is the one thing that leaves a row.
    f"GRANT UPDATE (token) ON timeline_event TO {RUNTIME}",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE contact DROP COLUMN erased_at")
    op.execute("DROP TABLE erased_subject")
    op.execute(f"REVOKE UPDATE (token) ON timeline_event FROM {RUNTIME}")
