"""tenants, contacts, orders, timeline, staff sessions, idempotency keys, events taken in"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME = "larets_app"
RIGHT_FORM = "~ '^tok_[a-z]+(_[a-z]+)*_[0-9a-hjkmnp-tv-z]{28}$'"  # the form that models/columns.py checks

TABLES = """
CREATE TABLE tenant (
    id text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{2,39}$'),
    title text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE contact (
    tenant_id text NOT NULL REFERENCES tenant (id),
    id text NOT NULL,
    subject text NOT NULL CHECK (subject ~ '^sub_[0-9a-hjkmnp-tv-z]{28}$'),
    note_token text CHECK (note_token {right_form}),
    version integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, subject)
);
CREATE INDEX contact_newest ON contact (tenant_id, updated_at DESC, id DESC);

CREATE TABLE contact_token (
    tenant_id text NOT NULL,
    contact_id text NOT NULL,
    token text NOT NULL CHECK (token {right_form}),
    class_id text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('shop', 'staff')),
    position integer NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, token),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX contact_token_by_token ON contact_token (tenant_id, token);

CREATE TABLE orders (
    tenant_id text NOT NULL REFERENCES tenant (id),
    id text NOT NULL,
    connector text NOT NULL,
    connection_id text NOT NULL,
    external_id text NOT NULL,
    sequence bigint NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    shop_status text NOT NULL,
    currency text NOT NULL,
    total numeric NOT NULL,
    shipping_total numeric NOT NULL,
    discount_total numeric NOT NULL,
    source jsonb NOT NULL,
    payment_code text,
    payment_title text,
    delivery_code text,
    delivery_title text,
    city text,
    contact_id text,
    recipient_id text,
    note_token text CHECK (note_token {right_form}),
    rest_token text CHECK (rest_token {right_form}),
    version integer NOT NULL,
    placed_at timestamptz NOT NULL,
    shop_modified_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, connection_id, external_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    FOREIGN KEY (tenant_id, recipient_id) REFERENCES contact (tenant_id, id)
);
CREATE INDEX orders_newest ON orders (tenant_id, placed_at DESC, id DESC);
CREATE INDEX orders_by_status ON orders (tenant_id, status, placed_at DESC, id DESC);
CREATE INDEX orders_by_contact ON orders (tenant_id, contact_id);
CREATE INDEX orders_by_recipient ON orders (tenant_id, recipient_id) WHERE recipient_id IS NOT NULL;

CREATE TABLE order_item (
    tenant_id text NOT NULL,
    order_id text NOT NULL,
    position integer NOT NULL,
    external_id text NOT NULL,
    product_id text,
    sku text,
    title text,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    total numeric NOT NULL,
    PRIMARY KEY (tenant_id, order_id, position),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE order_token (
    tenant_id text NOT NULL,
    order_id text NOT NULL,
    party text NOT NULL CHECK (party IN ('contact', 'recipient')),
    token text NOT NULL CHECK (token {right_form}),
    class_id text NOT NULL,
    origin text NOT NULL CHECK (origin IN ('shop', 'staff')),
    position integer NOT NULL,
    PRIMARY KEY (tenant_id, order_id, party, token),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX order_token_by_token ON order_token (tenant_id, token);

CREATE TABLE timeline_event (
    tenant_id text NOT NULL REFERENCES tenant (id),
    id text NOT NULL,
    kind text NOT NULL,
    contact_id text,
    order_id text,
    actor_id text,
    actor_alias text,
    token text CHECK (token {right_form}),
    data jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, id)
);
CREATE INDEX timeline_of_contact ON timeline_event (tenant_id, contact_id, occurred_at DESC, id DESC);
CREATE INDEX timeline_of_order ON timeline_event (tenant_id, order_id, occurred_at DESC, id DESC);

CREATE TABLE staff_session (
    tenant_id text NOT NULL REFERENCES tenant (id),
    digest bytea NOT NULL,
    staff_id text NOT NULL,
    alias text NOT NULL,
    roles text[] NOT NULL,
    issuer_session text NOT NULL,
    refresh_sealed bytea NOT NULL,
    access_expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);
COMMENT ON COLUMN staff_session.digest IS 'SHA-256 of the cookie''s secret; the secret is stored nowhere';
COMMENT ON COLUMN staff_session.refresh_sealed IS 'AES-256-GCM under the cookie secret file, bound to digest';

CREATE TABLE idempotency_key (
    tenant_id text NOT NULL REFERENCES tenant (id),
    key_digest bytea NOT NULL,
    fingerprint bytea NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    etag text,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key_digest)
);
CREATE INDEX idempotency_key_expiry ON idempotency_key (tenant_id, expires_at);

CREATE TABLE intake_event (
    tenant_id text NOT NULL REFERENCES tenant (id),
    id text NOT NULL,
    order_id text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX intake_event_age ON intake_event (tenant_id, received_at);
"""

# Table → what the runtime role may do. Of history, rows are only ever added.
GRANTS = {
    "contact": "SELECT, INSERT, UPDATE, DELETE",
    "contact_token": "SELECT, INSERT, UPDATE, DELETE",
    "orders": "SELECT, INSERT, UPDATE, DELETE",
    "order_item": "SELECT, INSERT, UPDATE, DELETE",
    "order_token": "SELECT, INSERT, UPDATE, DELETE",
    "timeline_event": "SELECT, INSERT",
    "staff_session": "SELECT, INSERT, UPDATE, DELETE",
    "idempotency_key": "SELECT, INSERT, DELETE",
    "intake_event": "SELECT, INSERT, DELETE",
}


def upgrade() -> None:
    for statement in TABLES.replace("{right_form}", RIGHT_FORM).split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table, verbs in GRANTS.items():
        isolate(table, column="tenant_id", verbs=verbs)
    isolate("tenant", column="id", verbs="SELECT, INSERT")
    _list_of_tenants()


def isolate(table: str, *, column: str, verbs: str) -> None:
    """Show the table's rows to their own tenant only, even to the table's owner."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    rule = f"{column} = current_setting('larets.tenant', true)"
    op.execute(f"CREATE POLICY own_tenant ON {table} USING ({rule}) WITH CHECK ({rule})")
    op.execute(f"GRANT {verbs} ON {table} TO {RUNTIME}")


def _list_of_tenants() -> None:
    """The worker goes from tenant to tenant: it may learn their ids, and nothing else, without being one."""
    op.execute("CREATE POLICY owner_lists ON tenant FOR SELECT TO CURRENT_USER USING (true)")
    op.execute(
        "CREATE FUNCTION tenant_ids() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER "
        "SET search_path = pg_catalog, public AS 'SELECT id FROM public.tenant ORDER BY id'"
    )
    op.execute("REVOKE ALL ON FUNCTION tenant_ids() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION tenant_ids() TO {RUNTIME}")


def downgrade() -> None:
    op.execute("DROP FUNCTION tenant_ids()")
    op.execute(f"DROP TABLE {', '.join(GRANTS)}, tenant")
