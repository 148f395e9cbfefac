"""The SQL of consents."""

from typing import Final

ADD_TEXT: Final = """
INSERT INTO consent_text (tenant_key, purpose, version, text, digest, created_by)
SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM consent_text WHERE tenant_key = $1 AND purpose = $2
RETURNING key, version
"""
TEXT: Final = """
SELECT key, version, text, digest FROM consent_text WHERE tenant_key = $1 AND purpose = $2 AND version = $3
"""
NEWEST_TEXT: Final = """
SELECT key, version, text, digest FROM consent_text WHERE tenant_key = $1 AND purpose = $2
ORDER BY version DESC LIMIT 1
"""
TEXTS: Final = """
SELECT purpose, version, digest, created, created_by FROM consent_text WHERE tenant_key = $1 ORDER BY purpose, version
"""
INSERT: Final = """
INSERT INTO consent (id, tenant_key, subject, purpose, channel, text_key, how, given, given_by, confirmed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
INSERT_PENDING: Final = """
INSERT INTO consent
    (id, tenant_key, subject, purpose, channel, text_key, how, given, given_by)
VALUES ($1, $2, $3, $4, $5, $6, 'double_opt_in', $7, $8)
"""
ASKED_SINCE: Final = """
SELECT count(*) FROM consent WHERE subject = $1 AND channel = $2 AND how = 'double_opt_in' AND given > $3
"""
RENEW_CODE: Final = """
UPDATE consent SET code = $3, code_expires = $4
WHERE id = $1 AND tenant_key = $2 AND confirmed IS NULL AND withdrawn IS NULL AND code_attempts < $5
RETURNING id
"""
# What the person is asked for, shown behind the link of the message.
ASKED: Final = """
SELECT t.text, c.purpose, c.channel, s.title AS shop
FROM consent c JOIN consent_text t ON t.key = c.text_key JOIN tenant s ON s.key = c.tenant_key
WHERE c.id = $1 AND c.tenant_key = $2 AND c.confirmed IS NULL AND c.withdrawn IS NULL AND c.code IS NOT NULL
  AND c.code_expires > $3
"""
# A new asking makes an older code useless.
DROP_PENDING: Final = """
UPDATE consent SET code = NULL, withdrawn = $4, withdrawn_by = 'asked_again'
WHERE subject = $1 AND purpose = $2 AND channel = $3 AND confirmed IS NULL AND withdrawn IS NULL
"""
OWNER: Final = "SELECT subject FROM consent WHERE id = $1 AND tenant_key = $2"
PENDING: Final = """
SELECT subject, purpose, channel, code, code_expires, code_attempts FROM consent
WHERE id = $1 AND tenant_key = $2 AND confirmed IS NULL AND withdrawn IS NULL AND code IS NOT NULL FOR UPDATE
"""
CONFIRM: Final = "UPDATE consent SET confirmed = $2, code = NULL WHERE id = $1"
MISSED: Final = """
UPDATE consent SET code_attempts = code_attempts + 1, code = CASE WHEN code_attempts + 1 < $2 THEN code END
WHERE id = $1
"""
WITHDRAW: Final = """
UPDATE consent SET withdrawn = $4, withdrawn_by = $5, code = NULL
WHERE subject = $1 AND purpose = $2 AND channel = $3 AND withdrawn IS NULL
RETURNING confirmed IS NOT NULL
"""
SET_BIT: Final = "UPDATE subject SET consents = consents | $3 WHERE id = $1 AND tenant_key = $2"
CLEAR_BIT: Final = "UPDATE subject SET consents = consents & ~$3::bigint WHERE id = $1 AND tenant_key = $2"
STATUS: Final = "SELECT state, consents FROM subject WHERE id = $1 AND tenant_key = $2"
HISTORY: Final = """
SELECT c.id, c.purpose, c.channel, c.how, c.given, c.given_by, c.confirmed, c.withdrawn, c.withdrawn_by,
       c.code_expires, t.version, t.digest
FROM consent c JOIN consent_text t ON t.key = c.text_key
WHERE c.subject = $1 AND c.tenant_key = $2 ORDER BY c.given, c.id
"""
# The bits beside a person that its rows do not bear out. None, unless somebody wrote around this package.
ASTRAY: Final = """
SELECT s.id FROM subject s WHERE s.tenant_key = $1 AND s.consents <> coalesce((
    SELECT bit_or(b.bit) FROM consent c JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS b(purpose, channel, bit)
        ON b.purpose = c.purpose AND b.channel = c.channel
    WHERE c.subject = s.id AND c.confirmed IS NOT NULL AND c.withdrawn IS NULL
), 0) LIMIT 100
"""
# A confirmed asking takes the place of an older consent to the same, whose evidence stays.
SUPERSEDE: Final = """
UPDATE consent SET withdrawn = $4, withdrawn_by = 'superseded'
WHERE subject = $1 AND purpose = $2 AND channel = $3 AND confirmed IS NOT NULL AND withdrawn IS NULL
"""
