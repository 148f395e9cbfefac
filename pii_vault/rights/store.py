"""The SQL of subjects' rights: what is known of a person, blocks, and each step of an erasure."""

from typing import Final

# --- the person --------------------------------------------------------------------------------------

# For those who change a person: writers of new values hold a weaker lock on the same row (write.Guard), so a value
# is either seen here or its writer finds the new state.
LOCK_SUBJECT: Final = "SELECT state, consents FROM subject WHERE id = $1 AND tenant_key = $2 FOR UPDATE"
SUBJECT: Final = "SELECT state, consents, created FROM subject WHERE id = $1 AND tenant_key = $2"
SET_STATE: Final = """UPDATE subject SET state = $3 WHERE id = $1 AND tenant_key = $2"""
WHOSE_VALUE: Final = "SELECT subject FROM pii_value WHERE token = $1 AND tenant_key = $2"
OWNERS_BY_ORDER: Final = """
SELECT DISTINCT person FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key,
LATERAL (VALUES (o.contact), (o.recipient)) AS named(person)
WHERE c.tenant_key = $1 AND o.object = 'order' AND o.external_id = $2 AND person IS NOT NULL
"""
VALUES: Final = """
SELECT token, subject, class_key, retention, 'a'::"char" AS state, ciphertext, created FROM pii_value
WHERE subject = $1 AND tenant_key = $2 ORDER BY class_key, created, token
"""
ORDERS: Final = """
SELECT c.connector, c.id AS connection, o.external_id, o.modified, o.deleted,
       CASE WHEN o.contact = $1 THEN 'contact' ELSE 'recipient' END AS party
FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key
WHERE c.tenant_key = $2 AND o.object = 'order' AND (o.contact = $1 OR o.recipient = $1)
ORDER BY o.modified DESC NULLS LAST LIMIT 1000
"""
DUPLICATES: Final = """
SELECT CASE WHEN subject = $1 THEN other ELSE subject END AS person, class_key FROM duplicate_hint
WHERE (subject = $1 OR other = $1) AND tenant_key = $2
"""

# --- blocks ------------------------------------------------------------------------------------------

INSERT_BLOCK: Final = """
INSERT INTO subject_block (id, tenant_key, subject, reason, until, blocked_by) VALUES ($1, $2, $3, $4, $5, $6)
"""
LIFT_BLOCK: Final = """
UPDATE subject_block SET lifted = now(), lifted_by = $2 WHERE subject = $1 AND lifted IS NULL RETURNING id
"""
BLOCKS: Final = """
SELECT id, reason, until, blocked, blocked_by, lifted FROM subject_block
WHERE subject = $1 AND tenant_key = $2 ORDER BY blocked
"""
# Not those of whom is erased: there is nothing left to decide.
BLOCKS_OVERDUE: Final = """
SELECT b.subject, b.reason, b.until FROM subject_block b
WHERE b.tenant_key = $1 AND b.lifted IS NULL AND b.until <= $2
  AND NOT EXISTS (SELECT FROM erasure e WHERE e.subject = b.subject)
ORDER BY b.until, b.id LIMIT 100
"""

# --- erasure: what there is --------------------------------------------------------------------------

# Values per class and group; `newest` begins the statutory term. The key versions are those that an old backup of
# these rows would need.
COUNTS: Final = """
SELECT class_key, retention, count(*)::int AS number, max(created) AS newest, max(index_version)::int AS index_version
FROM pii_value WHERE subject = $1 AND tenant_key = $2 AND octet_length(ciphertext) > 0
GROUP BY class_key, retention ORDER BY retention, class_key
"""
KEYS: Final = "SELECT retention, kek_version FROM dek WHERE subject = $1 AND tenant_key = $2"
NEWEST_ORDER: Final = """
SELECT max(o.modified) FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key
WHERE c.tenant_key = $2 AND o.object = 'order' AND o.contact = $1
"""

# --- erasure: the steps ------------------------------------------------------------------------------

COLUMNS: Final = """
id, tenant_key, subject, groups, reason, requested_by, requested, blocked, shredded, cache_order, live, events, public,
final, journal_number, journal_mac, kek_version, index_version, counts::text AS counts, kept::text AS kept, kept_until
"""
REQUEST: Final = """
INSERT INTO erasure (id, tenant_key, subject, groups, reason, requested_by, kept_until)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id
"""
ERASURE: Final = f"SELECT {COLUMNS} FROM erasure WHERE id = $1"  # noqa: S608  constants only
LOCK_ERASURE: Final = f"SELECT {COLUMNS} FROM erasure WHERE id = $1 FOR UPDATE"  # noqa: S608  constants only
ERASURES_OF: Final = f"""
SELECT {COLUMNS} FROM erasure WHERE subject = $1 AND tenant_key = $2 ORDER BY requested
"""  # noqa: S608  constants only
ERASURES: Final = f"""
SELECT {COLUMNS} FROM erasure WHERE tenant_key = $1 ORDER BY requested DESC LIMIT $2
"""  # noqa: S608  constants only
# Those that may have something to do now: not those whose events still wait, nor those whose key versions still stand.
UNFINISHED: Final = """
SELECT e.id, t.id AS tenant FROM erasure e JOIN tenant t ON t.key = e.tenant_key
WHERE e.final IS NULL
  AND (e.live IS NULL OR e.public IS NOT NULL
       OR NOT EXISTS (SELECT FROM gateway_outbox o WHERE o.id = ANY(e.events)))
  AND (e.public IS NULL
       OR (e.kek_version IS NULL OR t.kek_minimum > e.kek_version AND t.kek_trimmed >= e.shredded)
       AND (e.index_version IS NULL OR t.index_oldest > e.index_version AND t.index_trimmed >= e.shredded))
ORDER BY e.requested LIMIT 1000
"""
TERM_OVER: Final = """
SELECT DISTINCT e.subject, t.id AS tenant FROM erasure e JOIN tenant t ON t.key = e.tenant_key
JOIN subject s ON s.id = e.subject AND s.state <> 'e'
WHERE e.kept_until <= $1 AND e.shredded IS NOT NULL
  AND NOT EXISTS (SELECT FROM erasure later WHERE later.subject = e.subject AND later.requested > e.requested)
LIMIT 100
"""
BLOCKED: Final = "UPDATE erasure SET blocked = now() WHERE id = $1"

# The row stays, for its token must go on answering `erased`; what it said goes. Nothing else of a value is derived
# from it: its index entry is a column of the same row.
SHRED_VALUES: Final = """
UPDATE pii_value SET ciphertext = '', digest = NULL, index_version = NULL
WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[]) AND octet_length(ciphertext) > 0
"""
SHRED_KEYS: Final = """
DELETE FROM dek WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[])
"""
SHRED_HINTS: Final = "DELETE FROM duplicate_hint WHERE (subject = $1 OR other = $1) AND tenant_key = $2"
# Shapes that outside systems hold for tokens that are gone: never given to another value.
RETIRE_SHAPES: Final = """
UPDATE shaped_token s SET token = NULL, subject = NULL, retired = now()
WHERE s.subject = $1 AND s.tenant_key = $2 AND NOT EXISTS (
    SELECT FROM pii_value v WHERE v.token = s.token AND v.ciphertext <> ''
)
"""
FORGET_DISPATCHES: Final = "DELETE FROM relay_dispatch WHERE subject = $1 AND tenant_key = $2"
# Keyed hashes by which the gateway recognises an unchanged person or note.
SHRED_CONTACT_DIGESTS: Final = """
UPDATE gateway_object o SET contact_digest = NULL, note_digest = NULL, rest_digest = NULL
FROM gateway_connection c WHERE c.key = o.connection_key AND c.tenant_key = $2 AND o.contact = $1
"""
SHRED_RECIPIENT_DIGESTS: Final = """
UPDATE gateway_object o SET recipient_digest = NULL
FROM gateway_connection c WHERE c.key = o.connection_key AND c.tenant_key = $2 AND o.recipient = $1
"""
WITHDRAW_ALL: Final = """
UPDATE consent SET withdrawn = now(), withdrawn_by = $3, code = NULL
WHERE subject = $1 AND tenant_key = $2 AND withdrawn IS NULL
"""
NO_CONSENTS: Final = "UPDATE subject SET consents = 0 WHERE id = $1 AND tenant_key = $2"
TOKENS: Final = """
SELECT token, class_key, octet_length(ciphertext) > 0 AS kept FROM pii_value
WHERE subject = $1 AND tenant_key = $2 ORDER BY token
"""
SHREDDED: Final = """
UPDATE erasure SET shredded = now(), cache_order = $2, events = $3, counts = $4::jsonb, kept = $5::jsonb,
       journal_number = $6, journal_mac = $7, kek_version = $8, index_version = $9,
       kept_until = $10
WHERE id = $1
"""
LIVE: Final = "UPDATE erasure SET live = now() WHERE id = $1"
PUBLIC: Final = "UPDATE erasure SET public = now() WHERE id = $1"
FINAL: Final = "UPDATE erasure SET final = now() WHERE id = $1"
STILL_ORDERED: Final = "SELECT id, dead IS NOT NULL AS dead FROM gateway_outbox WHERE id = ANY($1::text[])"
ORDER_PUBLIC: Final = """
INSERT INTO gateway_outbox (id, connection_key, object, external_id, sequence, body)
VALUES ($1, 0, 'subject', $2, $3, $4)
"""
NEXT_PUBLIC: Final = """
SELECT coalesce(max(sequence), 0) FROM gateway_outbox
WHERE connection_key = 0 AND object = 'subject' AND external_id = $1
"""
# Everything that was wrapped or indexed under a version not newer than the erasure's is destroyed, and since it.
TRIMMED: Final = """
SELECT (e.kek_version IS NULL OR t.kek_minimum > e.kek_version AND t.kek_trimmed >= e.shredded)
   AND (e.index_version IS NULL OR t.index_oldest > e.index_version AND t.index_trimmed >= e.shredded)
FROM erasure e JOIN tenant t ON t.key = e.tenant_key WHERE e.id = $1
"""

# --- documents ---------------------------------------------------------------------------------------

INSERT_DOCUMENT: Final = """
INSERT INTO erasure_document (id, tenant_key, erasure, kind, stage, fields, html, digest, keep_until)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9) ON CONFLICT (erasure, kind, stage) DO NOTHING
"""
DOCUMENTS: Final = """
SELECT id, kind, stage, created, keep_until, digest FROM erasure_document WHERE erasure = $1 ORDER BY created, kind
"""
DOCUMENT: Final = "SELECT kind, stage, html, digest FROM erasure_document WHERE id = $1 AND tenant_key = $2"
FORGET_DOCUMENTS: Final = "SELECT forget_erasure_documents()"

# --- proof -------------------------------------------------------------------------------------------

PROOF: Final = """
SELECT (SELECT count(*) FROM pii_value WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[])
            AND octet_length(ciphertext) > 0)::int AS values,
       (SELECT count(*) FROM pii_value WHERE subject = $1 AND tenant_key = $2 AND retention = ANY($3::smallint[])
            AND digest IS NOT NULL)::int AS index_entries,
       (SELECT count(*) FROM dek WHERE subject = $1 AND tenant_key = $2
            AND retention = ANY($3::smallint[]))::int AS keys,
       (SELECT count(*) FROM duplicate_hint WHERE tenant_key = $2 AND (subject = $1 OR other = $1))::int AS hints,
       (SELECT count(*) FROM gateway_object o JOIN gateway_connection c ON c.key = o.connection_key
            WHERE c.tenant_key = $2 AND (o.contact = $1 AND num_nonnulls(o.contact_digest, o.note_digest,
            o.rest_digest) > 0 OR o.recipient = $1 AND o.recipient_digest IS NOT NULL))::int AS gateway_hashes,
       (SELECT count(*) FROM consent WHERE subject = $1 AND tenant_key = $2 AND withdrawn IS NULL)::int AS consents
"""

# --- the journal -------------------------------------------------------------------------------------

# Of these erasures: whose person the database has blocked, and which it has carried out.
BLOCKED_ERASURES: Final = """
SELECT id, shredded IS NOT NULL AS shredded FROM erasure WHERE id = ANY($1::text[]) AND blocked IS NOT NULL
"""
NEWEST_LINE: Final = """
SELECT journal_number, journal_mac FROM erasure WHERE journal_number IS NOT NULL ORDER BY journal_number DESC LIMIT 1
"""
ENSURE_SUBJECT: Final = "INSERT INTO subject (id, tenant_key) VALUES ($1, $2) ON CONFLICT DO NOTHING"
FROM_JOURNAL: Final = """
INSERT INTO erasure (id, tenant_key, subject, groups, reason, requested_by, requested)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
"""

# --- corrections -------------------------------------------------------------------------------------

PLACE: Final = """
SELECT subject, retention, EXISTS (SELECT FROM mention m WHERE m.token = v.token) AS mentioned FROM pii_value AS v
WHERE token = $1 AND tenant_key = $2 AND class_key = $3
"""
CORRECT: Final = """
UPDATE pii_value SET ciphertext = $3, digest = $4, index_version = $5
WHERE token = $1 AND tenant_key = $2 AND octet_length(ciphertext) > 0
"""
