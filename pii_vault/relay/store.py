"""The relay's rows."""

from typing import Final

TEMPLATE: Final = """
SELECT content, digest FROM relay_template
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND approved IS NOT NULL AND retired IS NULL
"""
CONTENT: Final = "SELECT content, digest FROM relay_template WHERE tenant_key = $1 AND id = $2 AND version = $3"
# The newest approved version of each.
APPROVED: Final = """
SELECT DISTINCT ON (id) id, version, digest, content FROM relay_template
WHERE tenant_key = $1 AND approved IS NOT NULL AND retired IS NULL ORDER BY id, version DESC
"""
TEMPLATES: Final = """
SELECT id, version, digest, proposed_by, proposed, approved_by, approved, rejected_by, rejected, retired_by, retired,
    note, content
FROM relay_template WHERE tenant_key = $1 ORDER BY id, version
"""
PROPOSE: Final = """
INSERT INTO relay_template (tenant_key, id, version, digest, content, proposed_by) VALUES ($1, $2, $3, $4, $5, $6)
"""
APPROVE: Final = """
UPDATE relay_template SET approved_by = $5, approved = now()
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND digest = $4 AND approved IS NULL AND rejected IS NULL
  AND retired IS NULL AND proposed_by <> $5
RETURNING id
"""
REJECT: Final = """
UPDATE relay_template SET rejected_by = $5, rejected = now(), note = $6
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND digest = $4 AND approved IS NULL AND rejected IS NULL
  AND retired IS NULL AND proposed_by <> $5
RETURNING id
"""
RETIRE: Final = """
UPDATE relay_template SET retired = now(), retired_by = $4, note = $5
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND retired IS NULL AND rejected IS NULL
  AND ($6 OR approved IS NULL AND proposed_by = $4)
RETURNING id
"""
DESTINATION: Final = """
SELECT id, kind, url, sender, login, kek_version, wrapped, sealed FROM relay_destination
WHERE tenant_key = $1 AND id = $2
"""
DESTINATIONS: Final = """
SELECT id, kind, url, sender, login <> '' AS signs_in, created FROM relay_destination WHERE tenant_key = $1 ORDER BY id
"""
ADD_DESTINATION: Final = """
INSERT INTO relay_destination (tenant_key, id, kind, url, sender, login, kek_version, wrapped, sealed, report_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
REPORT_KEY: Final = """
SELECT d.tenant_key, d.report_key FROM relay_destination d JOIN tenant t ON t.key = d.tenant_key
WHERE t.id = $1 AND d.id = $2
"""
REPEATED: Final = "SELECT id, fingerprint, principal FROM relay_dispatch WHERE tenant_key = $1 AND request_key = $2"
ENQUEUE: Final = """
INSERT INTO relay_dispatch (
    id, tenant_key, subject, template, version, destination, parameters, principal, contour, request_key, fingerprint,
    consent
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
CHARGE: Final = """
INSERT INTO relay_use AS u (tenant_key, channel, hour, used)
SELECT $1, $2, date_trunc('hour', now()), 1 WHERE 1 <= $3::int
ON CONFLICT (tenant_key, channel, hour) DO UPDATE SET used = u.used + 1 WHERE u.used + 1 <= $3::int
RETURNING used
"""
# The pairs of shop and destination for which something is due, the longest waiting first: a skip through the index, so
# that a campaign of a million mails costs as much to look at as a single one.
WAITING: Final = """
WITH RECURSIVE pair AS (
    (SELECT tenant_key, destination FROM relay_dispatch WHERE state = 'queued'
     ORDER BY tenant_key, destination LIMIT 1)
    UNION ALL
    SELECT n.tenant_key, n.destination FROM pair p CROSS JOIN LATERAL (
        SELECT q.tenant_key, q.destination FROM relay_dispatch q
        WHERE q.state = 'queued' AND (q.tenant_key, q.destination) > (p.tenant_key, p.destination)
        ORDER BY q.tenant_key, q.destination LIMIT 1
    ) n
)
SELECT p.tenant_key, p.destination FROM pair p CROSS JOIN LATERAL (
    SELECT q.due FROM relay_dispatch q
    WHERE q.state = 'queued' AND q.tenant_key = p.tenant_key AND q.destination = p.destination AND q.due <= now()
    ORDER BY q.due LIMIT 1
) first ORDER BY first.due LIMIT $1
"""
# Leased: whoever dies leaves its dispatches to the others, and the outside knows a repeated request by its key.
CLAIM: Final = """
UPDATE relay_dispatch d SET due = now() + $4::interval, attempts = d.attempts + 1
FROM unnest($1::int[], $2::text[], $3::int[]) AS share (tenant_key, destination, number) CROSS JOIN LATERAL (
    SELECT q.id FROM relay_dispatch q
    WHERE q.state = 'queued' AND q.due <= now()
      AND q.tenant_key = share.tenant_key AND q.destination = share.destination
    ORDER BY q.due LIMIT share.number FOR UPDATE SKIP LOCKED
) h, tenant t
WHERE d.id = h.id AND t.key = d.tenant_key
RETURNING d.id, d.tenant_key, t.id AS tenant, t.status, d.subject, d.template, d.version, d.parameters, d.principal,
    d.attempts, d.destination, d.contour, d.consent, d.state
"""
# A mail that was being handed over when its sender died: taken or not, nobody knows, so it is not sent again.
STRANDED: Final = """
UPDATE relay_dispatch d SET due = now() + $2::interval, attempts = d.attempts + 1
FROM (
    SELECT id FROM relay_dispatch WHERE state = 'sending' AND due <= now() ORDER BY due LIMIT $1
    FOR UPDATE SKIP LOCKED
) h, tenant t
WHERE d.id = h.id AND t.key = d.tenant_key
RETURNING d.id, d.tenant_key, t.id AS tenant, t.status, d.subject, d.template, d.version, d.parameters, d.principal,
    d.attempts, d.destination, d.contour, d.consent, d.state
"""
# Committed before a mail is handed over. No row: another claim has overtaken this one.
HAND_OVER: Final = """
UPDATE relay_dispatch SET state = 'sending' WHERE id = $1 AND attempts = $2 AND state = 'queued' RETURNING id
"""
# Who was overtaken by another claim changes nothing, but that a thing was sent is so whoever tells it.
FINISH: Final = """
UPDATE relay_dispatch
SET state = $2, failure = $3, outside_id = $4, answer = $5, finished = now(), changes = changes + 1
WHERE id = $1 AND state IN ('queued', 'sending', 'unknown') AND (attempts = $6 OR $2 = 'sent')
RETURNING id, tenant_key, contour, request_key, state, failure, changes
"""
TENANT_OF: Final = "SELECT id FROM tenant WHERE key = $1"
TELL: Final = """
INSERT INTO gateway_outbox (id, connection_key, object, external_id, sequence, body)
VALUES ($1, 0, 'dispatch', $2, $3, $4)
"""
LATER: Final = """
UPDATE relay_dispatch SET state = 'queued', due = now() + $3::interval, failure = $4
WHERE id = $1 AND attempts = $2 AND state IN ('queued', 'sending')
"""
# Not yet its time: no attempt was made.
POSTPONE: Final = """
UPDATE relay_dispatch SET attempts = attempts - 1, due = now() + $3::interval, failure = $4
WHERE id = $1 AND attempts = $2 AND state = 'queued'
"""
STATE: Final = """
SELECT id, state, failure, attempts, created, finished, answer, subject FROM relay_dispatch
WHERE tenant_key = $1 AND id = $2 AND principal = $3
"""
LIST: Final = """
SELECT d.id, d.template, d.version, d.state, d.failure, d.attempts, d.created, d.finished
FROM relay_dispatch d JOIN tenant t ON t.key = d.tenant_key
WHERE t.id = $1 AND ($2 = '' OR d.state = $2) ORDER BY d.created DESC LIMIT $3
"""
# Through the index of each state: a shop of a million dispatches costs what a small one does.
NEWEST: Final = """
SELECT n.* FROM unnest($2::text[]) AS asked (state) CROSS JOIN LATERAL (
    SELECT d.id, d.template, d.version, d.destination, d.state, d.failure, d.attempts, d.created
    FROM relay_dispatch d WHERE d.tenant_key = $1 AND d.state = asked.state ORDER BY d.created DESC LIMIT $3
) n ORDER BY n.created DESC LIMIT $3
"""
# Counted up to $3 and no further.
COUNTS: Final = """
SELECT asked.state, (SELECT count(*) FROM (
    SELECT FROM relay_dispatch d WHERE d.tenant_key = $1 AND d.state = asked.state LIMIT $3
) counted) AS dispatches
FROM unnest($2::text[]) AS asked (state)
"""
# What may have arrived is sent again only where it is named.
REVIVE: Final = """
UPDATE relay_dispatch d
SET state = 'queued', due = now(), attempts = 0, failure = NULL, finished = NULL, changes = changes + 1
FROM tenant t WHERE t.key = d.tenant_key AND t.id = $1
  AND ($2::text IS NULL AND d.state = 'dead' OR d.id = $2 AND d.state IN ('dead', 'unknown'))
RETURNING d.id, d.tenant_key, d.contour, d.request_key, d.state, d.failure, d.changes, d.subject
"""
# After a restore: mails that wait in the backup, and the shops that have any.
SHOPS_OF_MAILS: Final = """
SELECT t.key, t.id FROM tenant t WHERE EXISTS (
    SELECT FROM relay_dispatch q JOIN relay_destination r ON r.tenant_key = q.tenant_key AND r.id = q.destination
    WHERE q.tenant_key = t.key AND q.state IN ('queued', 'sending') AND r.kind = 'smtp'
)
"""
HOLD_MAILS: Final = """
UPDATE relay_dispatch d
SET state = 'unknown', failure = 'outcome_unknown', finished = now(), changes = changes + 1
FROM (
    SELECT q.id FROM relay_dispatch q JOIN relay_destination r ON r.tenant_key = q.tenant_key AND r.id = q.destination
    WHERE q.tenant_key = $1 AND q.state IN ('queued', 'sending') AND r.kind = 'smtp' LIMIT $2 FOR UPDATE OF q
) h
WHERE d.id = h.id
RETURNING d.id, d.tenant_key, d.contour, d.request_key, d.state, d.failure, d.changes, d.subject
"""
# A destination speaks of what went through it, and of nothing else.
REPORTED: Final = """
UPDATE relay_dispatch d SET state = $3, changes = changes + 1
FROM relay_template t
WHERE d.tenant_key = $1 AND (d.id = $2 OR d.outside_id = $2) AND d.state IN ('sent', 'delivered', 'unknown')
  AND d.state <> $3 AND t.tenant_key = d.tenant_key AND t.id = d.template AND t.version = d.version
  AND t.content ->> 'destination' = $4
RETURNING d.id, d.tenant_key, d.contour, d.request_key, d.state, d.failure, d.changes
"""
PURGE: Final = (
    "DELETE FROM relay_dispatch WHERE finished < now() - interval '90 days'",
    "DELETE FROM relay_use WHERE hour < now() - interval '2 days'",
)
