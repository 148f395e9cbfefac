"""the audit log"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE audit_head (
    the_one boolean PRIMARY KEY DEFAULT true CHECK (the_one),
    size bigint NOT NULL CHECK (size >= 0),
    chain bytea NOT NULL CHECK (length(chain) = 32)
) WITH (fillfactor = 50);
INSERT INTO audit_head (size, chain) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE audit_log (
    idx bigint PRIMARY KEY CHECK (idx >= 0),
    record bytea NOT NULL CHECK (length(record) <= 4096),
    leaf bytea NOT NULL,
    chain bytea NOT NULL
);

CREATE TABLE audit_detail (
    idx bigint PRIMARY KEY,
    tenant text NOT NULL,
    verb text NOT NULL,
    principal_kind text NOT NULL,
    principal text NOT NULL,
    purpose text NOT NULL,
    decision text NOT NULL,
    at timestamptz NOT NULL,
    counts jsonb NOT NULL,
    subjects bigint[] NOT NULL
);
CREATE INDEX audit_detail_tenant ON audit_detail (tenant, idx);
CREATE INDEX audit_detail_subjects ON audit_detail USING gin (subjects)
    WITH (fastupdate = on, gin_pending_list_limit = 65536) WHERE verb <> 'tokenise';

CREATE TABLE audit_tile (
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    idx bigint NOT NULL CHECK (idx >= 0),
    hashes bytea NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0),
    PRIMARY KEY (level, idx)
);

CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT now(),
    cosignature text,
    cosigned_at timestamptz
);
CREATE INDEX audit_checkpoint_cosigned ON audit_checkpoint (size) WHERE cosignature IS NOT NULL;
"""

COMMENTS = """
COMMENT ON TABLE audit_head IS 'size of the log and the chain hash of its last record; locked last by each writer';
COMMENT ON COLUMN audit_log.record IS 'who, verb, purpose, counts, decision, digest of the detail; never a value';
COMMENT ON COLUMN audit_log.leaf IS 'SHA-256(0x00 || record), RFC 6962';
COMMENT ON COLUMN audit_log.chain IS 'SHA-256(chain of the record before || leaf); 32 zero bytes before the first';
COMMENT ON COLUMN audit_detail.subjects IS
    'first 8 bytes of HMAC-SHA256 of each subject id under the audit key of the key service; sorted, without repeats';
COMMENT ON TABLE audit_tile IS 'Merkle tree after C2SP tlog-tiles: 256 hashes wide, only ever extended';
COMMENT ON COLUMN audit_checkpoint.cosignature IS 'the witness of the other contour saw this size and root';
"""

# The head is locked after everything that can be computed beforehand; its lock is held until COMMIT, so the order
# of indexes is the order of commits and the log has no gaps.
APPEND = r"""
CREATE FUNCTION audit_append(
    p_records bytea[], p_tenants text[], p_verbs text[], p_kinds text[], p_principals text[], p_purposes text[],
    p_decisions text[], p_times timestamptz[], p_counts text[], p_ends integer[], p_subjects bigint[]
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1500ms'
AS $$
DECLARE
    leaves bytea[];
    chains bytea[] := '{}';
    first bigint;
    last_chain bytea;
BEGIN
    SELECT array_agg(sha256('\x00'::bytea || record) ORDER BY position) INTO STRICT leaves
        FROM unnest(p_records) WITH ORDINALITY AS given(record, position);
    SELECT size, chain INTO STRICT first, last_chain FROM public.audit_head FOR UPDATE;
    FOR i IN 1 .. cardinality(leaves) LOOP
        last_chain := sha256(last_chain || leaves[i]);
        chains[i] := last_chain;
    END LOOP;
    INSERT INTO public.audit_log (idx, record, leaf, chain)
        SELECT first + position - 1, record, leaf, chain
        FROM unnest(p_records, leaves, chains) WITH ORDINALITY AS given(record, leaf, chain, position);
    INSERT INTO public.audit_detail
        (idx, tenant, verb, principal_kind, principal, purpose, decision, at, counts, subjects)
        SELECT first + position - 1, tenant, verb, kind, principal, purpose, decision, at, counts::jsonb,
               p_subjects[coalesce(p_ends[position - 1], 0) + 1 : p_ends[position]]
        FROM unnest(p_tenants, p_verbs, p_kinds, p_principals, p_purposes, p_decisions, p_times, p_counts)
            WITH ORDINALITY AS given(tenant, verb, kind, principal, purpose, decision, at, counts, position);
    UPDATE public.audit_head SET size = first + cardinality(leaves), chain = last_chain;
    RETURN first;
END
$$;
"""

# Tiles are immutable but for growth at their end, and a checkpoint is never taken back.
EXTEND = """
CREATE FUNCTION audit_extend(
    p_levels smallint[], p_idxs bigint[], p_hashes bytea[], p_size bigint, p_root bytea, p_note text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM public.audit_checkpoint WHERE size >= p_size)
       OR p_size > (SELECT size FROM public.audit_head) THEN
        RAISE EXCEPTION 'a checkpoint must lie between the last one and the head' USING ERRCODE = 'check_violation';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(p_levels, p_idxs, p_hashes) AS given(level, idx, hashes)
        JOIN public.audit_tile AS kept USING (level, idx)
        WHERE substring(given.hashes FOR length(kept.hashes)) <> kept.hashes
    ) THEN
        RAISE EXCEPTION 'a tile may only grow' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO public.audit_tile (level, idx, hashes)
        SELECT * FROM unnest(p_levels, p_idxs, p_hashes)
        ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes;
    INSERT INTO public.audit_checkpoint (size, root, note) VALUES (p_size, p_root, p_note);
END
$$;
"""

COSIGN = """
CREATE FUNCTION audit_cosign(p_size bigint, p_cosignature text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.audit_checkpoint SET cosignature = p_cosignature, cosigned_at = now()
        WHERE size = p_size AND cosignature IS NULL
$$;
"""

# Moves the pending entries of the subject index into its tree, outside the writers' transactions; and of the
# checkpoints older than a day keeps one cosigned an hour: each later one vouches for those before it.
TIDY = """
CREATE FUNCTION audit_tidy() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM gin_clean_pending_list('public.audit_detail_subjects');
    DELETE FROM public.audit_checkpoint AS old
        WHERE old.signed_at < now() - interval '1 day'
          AND EXISTS (
              SELECT FROM public.audit_checkpoint AS later
              WHERE later.size > old.size AND later.cosignature IS NOT NULL
                AND date_trunc('hour', later.signed_at) = date_trunc('hour', old.signed_at)
          );
END
$$;
"""

FUNCTIONS = (
    "audit_append(bytea[], text[], text[], text[], text[], text[], text[], timestamptz[], text[], integer[], bigint[])",
    "audit_extend(smallint[], bigint[], bytea[], bigint, bytea, text)",
    "audit_cosign(bigint, text)",
    "audit_tidy()",
)
NAMES = "audit_head, audit_log, audit_detail, audit_tile, audit_checkpoint"


def upgrade() -> None:
    # One statement a call: the driver prepares each of them.
    for statement in f"{TABLES}{COMMENTS}".split(";\n"):
        if statement.strip():
            op.execute(statement)
    for function in (APPEND, EXTEND, COSIGN, TIDY):
        op.execute(function)
    op.execute(f"REVOKE ALL ON {NAMES} FROM PUBLIC, larets_vault")
    op.execute(f"GRANT SELECT ON {NAMES} TO larets_vault")
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO larets_vault")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute(f"DROP TABLE {NAMES}")
