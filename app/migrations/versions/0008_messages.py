"""messages to persons: which approved template staff chose, and what became of it; no text, no address

Expands only.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RUNTIME = "larets_app"
STATES = "'new', 'queued', 'sending', 'sent', 'delivered', 'refused', 'bounced', 'dead', 'unknown'"

STATEMENTS = (
    f"""
    CREATE TABLE message (
        tenant_id text NOT NULL REFERENCES tenant (id),
        id text NOT NULL CHECK (id ~ '^msg_[0-9a-hjkmnp-tv-z]{{26}}$'),
        contact_id text NOT NULL,
        order_id text,
        template text NOT NULL,
        version integer NOT NULL,
        digest text NOT NULL,
        title text NOT NULL CHECK (length(title) <= 200),
        purpose text NOT NULL,
        channel text NOT NULL CHECK (channel IN ('email', 'sms', 'api')),
        parameters jsonb NOT NULL,
        actor_id text NOT NULL,
        actor_alias text NOT NULL,
        dispatch text,
        state text NOT NULL CHECK (state IN ({STATES})),
        failure text CHECK (failure ~ '^[a-z0-9_]{{1,60}}$'),
        change integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
        FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
    )
    """,
    "COMMENT ON COLUMN message.id IS 'also the key under which the vault sends it once'",
    "COMMENT ON COLUMN message.parameters IS 'facts, such as the number of an order; no personal data'",
    "COMMENT ON COLUMN message.state IS 'new: not handed to the vault yet; the rest as the vault tells it'",
    "COMMENT ON COLUMN message.change IS 'number of the last change that the vault told; lower ones are dropped'",
    "CREATE INDEX message_of_contact ON message (tenant_id, contact_id, created_at)",
    "CREATE INDEX message_of_order ON message (tenant_id, order_id, created_at) WHERE order_id IS NOT NULL",
    "CREATE INDEX message_not_handed_over ON message (tenant_id, created_at) WHERE state = 'new'",
    "ALTER TABLE message ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE message FORCE ROW LEVEL SECURITY",
    (
        "CREATE POLICY own_tenant ON message USING (tenant_id = current_setting('larets.tenant', true)) "
        "WITH CHECK (tenant_id = current_setting('larets.tenant', true))"
    ),
    f"GRANT SELECT, INSERT ON message TO {RUNTIME}",
    f"GRANT UPDATE (dispatch, state, failure, change, updated_at) ON message TO {RUNTIME}",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE message")
