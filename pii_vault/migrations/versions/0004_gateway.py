"""connectors, the shops' dictionaries, deliveries and the outbox

None of these tables holds a personal datum: what came in clear stands in `pii_value` only, and the outbox holds the
bytes that will leave.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE gateway_connection (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    tenant_key integer NOT NULL REFERENCES tenant (key),
    connector text NOT NULL,
    kek_version integer NOT NULL,
    wrapped bytea NOT NULL,
    sealed bytea NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    disabled timestamptz
);
CREATE INDEX gateway_connection_tenant ON gateway_connection (tenant_key);
CREATE TABLE gateway_dictionary (
    connection_key integer NOT NULL REFERENCES gateway_connection (key),
    kind text NOT NULL CHECK (kind IN ('goods', 'sku', 'payment', 'delivery', 'status')),
    code text NOT NULL,
    title text NOT NULL,
    goods text,
    modified timestamptz,
    PRIMARY KEY (connection_key, kind, code)
);
CREATE INDEX gateway_dictionary_goods ON gateway_dictionary (connection_key, goods) WHERE kind = 'sku';
CREATE TABLE gateway_object (
    connection_key integer NOT NULL,
    object text NOT NULL,
    external_id text NOT NULL,
    sequence bigint NOT NULL,
    modified timestamptz,
    deleted timestamptz,
    contact uuid,
    contact_digest bytea,
    recipient uuid,
    recipient_digest bytea,
    note_token text,
    note_digest bytea,
    rest_token text,
    rest_digest bytea,
    PRIMARY KEY (connection_key, object, external_id)
);
CREATE TABLE gateway_delivery (
    connection_key integer NOT NULL,
    digest bytea NOT NULL,
    received timestamptz NOT NULL DEFAULT now(),
    object text NOT NULL,
    external_id text NOT NULL,
    action text NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (connection_key, digest)
);
CREATE INDEX gateway_delivery_received ON gateway_delivery (received);
CREATE TABLE gateway_outbox (
    id text PRIMARY KEY,
    connection_key integer NOT NULL,
    object text NOT NULL,
    external_id text NOT NULL,
    sequence bigint NOT NULL,
    body bytea NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    due timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    failure text,
    dead timestamptz,
    UNIQUE (connection_key, object, external_id, sequence)
);
CREATE INDEX gateway_outbox_due ON gateway_outbox (due) WHERE dead IS NULL;
"""

COMMENTS = {
    "gateway_connection.wrapped": "the connection's own data key under the tenant's KEK",
    "gateway_connection.sealed": "the shared secret under that key; bound to tenant and connection",
    "gateway_dictionary.title": "the shop's own wording; titles in which a personal datum is found are refused",
    "gateway_dictionary.goods": "of a sku: the id of the goods it belongs to",
    "gateway_object.sequence": "number of the object's last event; the public contour drops lower ones",
    "gateway_object.modified": "the shop's time of the last applied event; older deliveries are not applied",
    "gateway_object.contact_digest": "keyed hash of the person's phone and email: unchanged, same subject",
    "gateway_object.note_digest": "keyed hash of the note: unchanged, same token",
    "gateway_object.rest_digest": "keyed hash of the rest: unchanged, same token",
    "gateway_delivery.digest": "keyed hash of the body, by which a replay is recognised",
    "gateway_outbox.body": "the very bytes that leave for the public contour: tokens and plain facts only",
    "gateway_outbox.due": "not sent before; while a forwarder sends it, the end of that forwarder's lease",
    "gateway_outbox.dead": "refused for good by the receiver; kept until a person retries it",
}

GRANTS = {
    "gateway_connection": "SELECT",
    "gateway_dictionary": "SELECT, INSERT, UPDATE, DELETE",
    "gateway_object": "SELECT, INSERT, UPDATE",
    "gateway_delivery": "SELECT, INSERT, DELETE",
    "gateway_outbox": "SELECT, INSERT, UPDATE, DELETE",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
