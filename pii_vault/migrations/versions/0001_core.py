"""Tenants, subjects, keys, values.

The hot tables are `subject`, `dek` and `pii_value`. They carry no foreign keys: a referential check would cost
more than the row itself, and what it would prove is proved more strongly by each ciphertext, which opens only
under its own tenant, subject, class and token.

Tokens and subject ids begin with the second they were made in, so their B-trees grow at the right edge and stay
in memory at any size; only the blind index is random by nature. It is a column of the value's row, not a table:
the row and its index entry live and die together.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE tenant (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE CHECK (id ~ '^[a-z][a-z0-9-]{2,39}$'),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE subject (
    id uuid PRIMARY KEY,
    tenant_key integer NOT NULL,
    state "char" NOT NULL DEFAULT 'a' CHECK (state IN ('a', 'b', 'e')),
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE dek (
    subject uuid NOT NULL,
    retention smallint NOT NULL,
    tenant_key integer NOT NULL,
    kek_version integer NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (subject, retention)
);
CREATE TABLE pii_value (
    token uuid PRIMARY KEY,
    subject uuid NOT NULL,
    digest uuid,
    created timestamptz NOT NULL DEFAULT now(),
    tenant_key integer NOT NULL,
    class_key smallint NOT NULL,
    retention smallint NOT NULL,
    index_version smallint,
    deterministic boolean NOT NULL,
    ciphertext bytea NOT NULL,
    CHECK ((digest IS NULL) = (index_version IS NULL))
);
ALTER TABLE pii_value ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
CREATE INDEX pii_value_subject ON pii_value (subject);
CREATE INDEX pii_value_digest ON pii_value (digest) WHERE digest IS NOT NULL;

CREATE TABLE duplicate_hint (
    tenant_key integer NOT NULL,
    subject uuid NOT NULL,
    other uuid NOT NULL,
    class_key smallint NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, other, class_key)
);
CREATE TABLE idempotency (
    tenant_key integer NOT NULL,
    principal text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    answer bytea NOT NULL,
    expires timestamptz NOT NULL,
    PRIMARY KEY (tenant_key, principal, key)
);
CREATE INDEX idempotency_expires ON idempotency (expires);
CREATE TABLE budget_use (
    tenant_key integer NOT NULL,
    principal text NOT NULL,
    action text NOT NULL,
    hour timestamptz NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (tenant_key, principal, action, hour)
);
CREATE TABLE service_client (
    trust_domain text NOT NULL CHECK (trust_domain IN ('private', 'public')),
    cn text NOT NULL CHECK (cn <> ''),
    tenants text[] NOT NULL,
    roles text[] NOT NULL,
    purposes text[] NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (trust_domain, cn)
);
"""

COMMENTS = {
    "tenant.status": "suspended: every operation of this tenant is refused, nothing is deleted",
    "subject.state": "a active, b blocked (kept by law, not released), e erased",
    "dek.wrapped": "the data-encryption key under the tenant's KEK; deleting this row shreds the group's values",
    "dek.kek_version": "version of the KEK that wraps it; rotation re-wraps and raises it",
    "pii_value.digest": "keyed hash of the normalised value; equal values are equal here (state of the leak: "
    "frequency)",
    "pii_value.index_version": "version of the index key behind digest",
    "pii_value.retention": "0 other, 1 statutory (buyer's requisites kept by accounting law)",
    "pii_value.ciphertext": "sealed under the DEK of (subject, retention); bound to tenant, subject, class, token",
    "duplicate_hint.other": "a subject who had the same value first; may be the same person",
    "idempotency.fingerprint": "keyed hash of the request: an unkeyed one would be a guessable hash of its values",
    "idempotency.answer": "tokens and subjects only, never a value",
    "budget_use.used": "distinct persons revealed, or searches made, in this hour",
    "service_client.trust_domain": "which certificate authority signed the client's certificate",
    "service_client.purposes": "the purposes this program may name; others are refused",
}

# Only what the operations do today: a right that nothing uses is a way in.
GRANTS = {
    "tenant": "SELECT",
    "subject": "SELECT, INSERT",
    "dek": "SELECT, INSERT",
    "pii_value": "SELECT, INSERT",
    "duplicate_hint": "SELECT, INSERT",
    "idempotency": "SELECT, INSERT, DELETE",
    "budget_use": "SELECT, INSERT, UPDATE, DELETE",
    "service_client": "SELECT",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
