"""rights of subjects: consents, blocks, erasures and their documents

Expands only: code of before finds its tables as they were, and a default in the one new column.
"""

from alembic import op

from pii_vault.migrations.steps import comment, create, grant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNTIME = "larets_vault"

TABLES = """
ALTER TABLE subject ADD COLUMN consents bigint NOT NULL DEFAULT 0;

CREATE TABLE consent_text (
    key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_key integer NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    text text NOT NULL CHECK (text <> ''),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    created timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    UNIQUE (tenant_key, purpose, version)
);
CREATE TABLE consent (
    id text PRIMARY KEY CHECK (id ~ '^cns_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant_key integer NOT NULL,
    subject uuid NOT NULL,
    purpose text NOT NULL,
    channel text NOT NULL,
    text_key integer NOT NULL REFERENCES consent_text (key),
    how text NOT NULL CHECK (how IN ('web_form', 'call', 'paper', 'double_opt_in')),
    given timestamptz NOT NULL,
    given_by text NOT NULL,
    code bytea CHECK (length(code) = 32),
    code_expires timestamptz,
    code_attempts smallint NOT NULL DEFAULT 0,
    confirmed timestamptz,
    withdrawn timestamptz,
    withdrawn_by text,
    CHECK (how = 'double_opt_in' OR confirmed IS NOT NULL)
);
CREATE INDEX consent_subject ON consent (subject, given);
CREATE UNIQUE INDEX consent_in_force ON consent (subject, purpose, channel)
    WHERE confirmed IS NOT NULL AND withdrawn IS NULL;

CREATE TABLE subject_block (
    id text PRIMARY KEY CHECK (id ~ '^blk_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant_key integer NOT NULL,
    subject uuid NOT NULL,
    reason text NOT NULL,
    until timestamptz NOT NULL,
    blocked timestamptz NOT NULL DEFAULT now(),
    blocked_by text NOT NULL,
    lifted timestamptz,
    lifted_by text
);
CREATE UNIQUE INDEX subject_block_standing ON subject_block (subject) WHERE lifted IS NULL;

CREATE TABLE erasure (
    id text PRIMARY KEY CHECK (id ~ '^ers_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant_key integer NOT NULL,
    subject uuid NOT NULL,
    groups smallint[] NOT NULL CHECK (cardinality(groups) > 0),
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested timestamptz NOT NULL DEFAULT now(),
    blocked timestamptz,
    shredded timestamptz,
    cache_order bigint,
    live timestamptz,
    events text[] NOT NULL DEFAULT '{}',
    public timestamptz,
    final timestamptz,
    journal_number bigint,
    journal_mac bytea,
    kek_version integer,
    index_version integer,
    counts jsonb NOT NULL DEFAULT '{}',
    kept jsonb NOT NULL DEFAULT '{}',
    kept_until timestamptz,
    CHECK (final IS NULL OR public IS NOT NULL),
    CHECK (public IS NULL OR live IS NOT NULL),
    CHECK (live IS NULL OR shredded IS NOT NULL),
    CHECK (shredded IS NULL OR blocked IS NOT NULL)
);
CREATE UNIQUE INDEX erasure_ordered ON erasure (subject) WHERE shredded IS NULL;
CREATE INDEX erasure_unfinished ON erasure (requested) WHERE final IS NULL;
CREATE INDEX erasure_subject ON erasure (subject);
CREATE INDEX erasure_kept ON erasure (kept_until) WHERE kept_until IS NOT NULL;
CREATE UNIQUE INDEX erasure_journal ON erasure (journal_number) WHERE journal_number IS NOT NULL;

CREATE TABLE erasure_document (
    id text PRIMARY KEY CHECK (id ~ '^doc_[0-9a-hjkmnp-tv-z]{26}$'),
    tenant_key integer NOT NULL,
    erasure text NOT NULL REFERENCES erasure (id),
    kind text NOT NULL CHECK (kind IN ('act', 'log_extract')),
    stage text NOT NULL CHECK (stage IN ('live', 'final')),
    fields jsonb NOT NULL,
    html text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    created timestamptz NOT NULL DEFAULT now(),
    keep_until timestamptz NOT NULL,
    UNIQUE (erasure, kind, stage)
);

CREATE TABLE cache_worker (
    id uuid PRIMARY KEY,
    started timestamptz NOT NULL DEFAULT now(),
    seen timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE cache_order (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject uuid NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE cache_ack (
    order_id bigint NOT NULL,
    worker uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (order_id, worker)
);
"""

COMMENTS = {
    "subject.consents": "a bit per purpose and channel with a consent in force (policies/consents.yaml); written in "
    "the transaction of the consent's own row",
    "consent_text.digest": "SHA-256 of the text as the person saw it; a text is never changed, only followed",
    "consent.code": "keyed hash of the confirmation code; the code itself is stored nowhere",
    "consent.confirmed": "empty: asked for and not yet confirmed, so not in force",
    "subject_block.until": "the day to decide again; passing it lifts nothing by itself",
    "erasure.blocked": "from here on nothing of the subject is released but for accounting and its own requests",
    "erasure.shredded": "ciphertext, index entries and keys of these groups are gone from the tables",
    "erasure.live": "every worker has dropped the keys it held: nothing running can open the values any more",
    "erasure.public": "the public contour has dropped its tokens and said so",
    "erasure.final": "the KEK and index key versions of then are trimmed: no older backup opens either",
    "erasure.kek_version": "newest KEK version that wrapped a destroyed key; final when it is trimmed",
    "erasure.index_version": "newest index key version of a destroyed entry; final when it is trimmed",
    "erasure.journal_number": "its line in the journal outside the database",
    "erasure.kept_until": "when the term of the statutory group ends, which stays blocked until then",
    "erasure_document.keep_until": "three years after its making (RKN Order 179, clause 8)",
    "cache_worker.seen": "a worker not seen for the lease has dropped its keys by itself",
}

# The runtime role still deletes no person and no value's row: a token of before must go on answering `erased`.
GRANTS = {
    "subject": "SELECT, INSERT, UPDATE (state, consents)",
    "dek": "SELECT, INSERT, DELETE",
    "pii_value": "SELECT, INSERT, UPDATE (ciphertext, digest, index_version)",
    "duplicate_hint": "SELECT, INSERT, DELETE",
    "consent_text": "SELECT, INSERT",
    "consent": "SELECT, INSERT, UPDATE (code, code_attempts, confirmed, withdrawn, withdrawn_by)",
    "subject_block": "SELECT, INSERT, UPDATE (until, lifted, lifted_by)",
    "erasure": "SELECT, INSERT, UPDATE",
    "erasure_document": "SELECT, INSERT",
    "cache_worker": "SELECT, INSERT, UPDATE, DELETE",
    "cache_order": "SELECT, INSERT, DELETE",
    "cache_ack": "SELECT, INSERT, DELETE",
}
NEW = "cache_ack, cache_order, cache_worker, erasure_document, erasure, subject_block, consent, consent_text"

# A document may go when its term is over and not before, whoever asks.
FORGET = """
CREATE FUNCTION forget_erasure_documents() RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ DELETE FROM public.erasure_document WHERE keep_until < now() $$;
"""


def upgrade() -> None:
    create(TABLES)
    comment(COMMENTS)
    grant(GRANTS, to=RUNTIME)
    op.execute(FORGET)
    op.execute("REVOKE ALL ON FUNCTION forget_erasure_documents() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION forget_erasure_documents() TO {RUNTIME}")


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_erasure_documents()")
    op.execute(f"DROP TABLE {NEW}")
    op.execute("ALTER TABLE subject DROP COLUMN consents")
    op.execute(f"REVOKE UPDATE (state) ON subject FROM {RUNTIME}")
    op.execute(f"REVOKE DELETE ON dek, duplicate_hint FROM {RUNTIME}")
    op.execute(f"REVOKE UPDATE (ciphertext, digest, index_version) ON pii_value FROM {RUNTIME}")
