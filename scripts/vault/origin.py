"""A new origin of a vault's audit log, in the name of two persons who have proved who they are."""

from pii_vault.audit import note as notes
from pii_vault.audit.new_origin import begin_origin, owner_committer
from pii_vault.audit.origin import Succession
from pii_vault.identity.record import staff_subject
from scripts.vault.issuer import IssuerDesk
from scripts.vault.target import Place


async def found_origin(
    vault: Place, desk: IssuerDesk, *, witness_note: str, approvers: tuple[str, str], reason: str
) -> Succession:
    """`approvers` are staff ids. Raises what `begin_origin` raises."""
    hash_key = await desk.keys.audit_key()
    async with owner_committer(vault.vault_database_url, hash_key=hash_key) as (pool, committer):
        return await begin_origin(
            pool,
            committer,
            desk.keys,
            log_key=notes.parse_vkey(vault.log_vkey),
            witness_key=notes.parse_vkey(vault.witness_vkey),
            witness_note=witness_note,
            approvers=approvers,
            approver_subjects=[staff_subject(each) for each in approvers],
            reason=reason,
            now=desk.issuer.now(),
        )
