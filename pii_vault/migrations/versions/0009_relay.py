"""the relay: destinations, templates, dispatches

No table holds a value: a dispatch names the person by id, and its values are read when it is sent.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
CREATE TABLE relay_destination (
    tenant_key integer NOT NULL REFERENCES tenant (key),
    id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('smtp', 'http')),
    url text NOT NULL,
    sender text NOT NULL,
    login text NOT NULL,
    kek_version integer NOT NULL,
    wrapped bytea NOT NULL,
    sealed bytea NOT NULL,
    report_key bytea NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_key, id)
);
CREATE TABLE relay_template (
    tenant_key integer NOT NULL REFERENCES tenant (key),
    id text NOT NULL,
    version integer NOT NULL,
    digest text NOT NULL,
    content jsonb NOT NULL,
    proposed_by text NOT NULL,
    approved_by text,
    approved timestamptz,
    retired timestamptz,
    PRIMARY KEY (tenant_key, id, version),
    CHECK ((approved_by IS NULL) = (approved IS NULL)),
    CHECK (approved_by IS DISTINCT FROM proposed_by)
);
CREATE TABLE relay_dispatch (
    id text PRIMARY KEY,
    tenant_key integer NOT NULL,
    subject uuid NOT NULL,
    template text NOT NULL,
    version integer NOT NULL,
    parameters jsonb NOT NULL,
    principal text NOT NULL,
    request_key text NOT NULL,
    fingerprint text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    due timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'delivered', 'refused', 'bounced', 'dead')),
    failure text,
    outside_id text,
    answer jsonb,
    finished timestamptz,
    UNIQUE (tenant_key, request_key)
);
CREATE INDEX relay_dispatch_due ON relay_dispatch (due) WHERE state = 'queued';
CREATE INDEX relay_dispatch_subject ON relay_dispatch (subject);
CREATE INDEX relay_dispatch_outside ON relay_dispatch (tenant_key, outside_id) WHERE outside_id IS NOT NULL;
CREATE TABLE relay_use (
    tenant_key integer NOT NULL,
    channel text NOT NULL,
    hour timestamptz NOT NULL,
    used integer NOT NULL,
    PRIMARY KEY (tenant_key, channel, hour)
);
"""

COMMENTS = {
    "relay_destination.url": "the only host that templates of this destination reach; set by the operator",
    "relay_destination.sealed": "the password or key, sealed under a DEK of its own",
    "relay_destination.report_key": "SHA-256 of the secret in the address that delivery reports come to",
    "relay_template.digest": "of the whole content: what was approved and nothing else is sent",
    "relay_template.approved_by": "somebody else than who proposed it; without approval nothing is sent by it",
    "relay_dispatch.parameters": "facts of the sender, in which no personal datum was found; no value of the person",
    "relay_dispatch.answer": "tokens, and plain fields the template keeps",
    "relay_dispatch.failure": "a code of ours; what the outside said is not kept",
}
GRANTS = {
    "relay_destination": "SELECT, UPDATE (kek_version, wrapped)",
    "relay_template": "SELECT, INSERT, UPDATE (approved_by, approved, retired)",
    "relay_dispatch": "SELECT, INSERT, UPDATE, DELETE",
    "relay_use": "SELECT, INSERT, UPDATE, DELETE",
}


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)


def downgrade() -> None:
    for table in reversed(GRANTS):
        op.execute(f"DROP TABLE {table}")
