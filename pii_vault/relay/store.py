"""The relay's rows."""

from typing import Final

TEMPLATE: Final = """
SELECT content, digest FROM relay_template
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND approved IS NOT NULL AND retired IS NULL
"""
TEMPLATES: Final = """
SELECT id, version, digest, proposed_by, approved_by, approved, retired, content
FROM relay_template WHERE tenant_key = $1 ORDER BY id, version
"""
PROPOSE: Final = """
INSERT INTO relay_template (tenant_key, id, version, digest, content, proposed_by) VALUES ($1, $2, $3, $4, $5, $6)
"""
APPROVE: Final = """
UPDATE relay_template SET approved_by = $5, approved = now()
WHERE tenant_key = $1 AND id = $2 AND version = $3 AND digest = $4 AND approved IS NULL AND retired IS NULL
  AND proposed_by <> $5
RETURNING id
"""
RETIRE: Final = """
UPDATE relay_template SET retired = now() WHERE tenant_key = $1 AND id = $2 AND version = $3 AND retired IS NULL
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
REPEATED: Final = "SELECT id, state, fingerprint FROM relay_dispatch WHERE tenant_key = $1 AND request_key = $2"
ENQUEUE: Final = """
INSERT INTO relay_dispatch
    (id, tenant_key, subject, template, version, parameters, principal, request_key, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
CHARGE: Final = """
INSERT INTO relay_use AS u (tenant_key, channel, hour, used)
SELECT $1, $2, date_trunc('hour', now()), 1 WHERE 1 <= $3::int
ON CONFLICT (tenant_key, channel, hour) DO UPDATE SET used = u.used + 1 WHERE u.used + 1 <= $3::int
RETURNING used
"""
# Leased: whoever dies leaves its dispatches to the others, and the outside knows a repeated one by its key.
CLAIM: Final = """
UPDATE relay_dispatch d SET due = now() + $2::interval, attempts = d.attempts + 1
FROM (
    SELECT id FROM relay_dispatch WHERE state = 'queued' AND due <= now() ORDER BY due LIMIT $1
    FOR UPDATE SKIP LOCKED
) h, tenant t
WHERE d.id = h.id AND t.key = d.tenant_key
RETURNING d.id, d.tenant_key, t.id AS tenant, t.status, d.subject, d.template, d.version, d.parameters, d.principal,
    d.attempts
"""
FINISH: Final = """
UPDATE relay_dispatch SET state = $2, failure = $3, outside_id = $4, answer = $5, finished = now() WHERE id = $1
"""
LATER: Final = "UPDATE relay_dispatch SET due = now() + $2::interval, failure = $3 WHERE id = $1"
STATE: Final = """
SELECT id, state, failure, attempts, created, finished, answer FROM relay_dispatch WHERE tenant_key = $1 AND id = $2
"""
LIST: Final = """
SELECT d.id, d.template, d.version, d.state, d.failure, d.attempts, d.created, d.finished
FROM relay_dispatch d JOIN tenant t ON t.key = d.tenant_key
WHERE t.id = $1 AND ($2 = '' OR d.state = $2) ORDER BY d.created DESC LIMIT $3
"""
REVIVE: Final = """
UPDATE relay_dispatch d SET state = 'queued', due = now(), attempts = 0, failure = NULL, finished = NULL
FROM tenant t WHERE t.key = d.tenant_key AND t.id = $1 AND d.state = 'dead' AND ($2::text IS NULL OR d.id = $2)
RETURNING d.id
"""
REPORTED: Final = """
UPDATE relay_dispatch SET state = $3 WHERE tenant_key = $1 AND (id = $2 OR outside_id = $2)
  AND state IN ('sent', 'delivered') AND state <> $3
RETURNING id
"""
PURGE: Final = (
    "DELETE FROM relay_dispatch WHERE finished < now() - interval '90 days'",
    "DELETE FROM relay_use WHERE hour < now() - interval '2 days'",
)
