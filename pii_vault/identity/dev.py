"""Tokens without a sign-in, for `larets dev token` and tests. Refused outside dev and test."""

from pii_vault.identity import store
from pii_vault.identity.clients import TokenAudience
from pii_vault.identity.context import OpenIdentity
from pii_vault.identity.errors import DevOnly, UnknownStaff
from pii_vault.identity.models import Staff
from pii_vault.identity.tokens import access_token

DEV_CLIENT = "dev-cli"


def issue_vault_token(issuer: OpenIdentity, *, staff_id: str, audience: TokenAudience = "vault") -> str:
    """A genuine access token with a genuine session behind it, as if this person had just signed in.

    Raises:
        DevOnly: the environment is neither dev nor test.
        UnknownStaff: there is nobody of this id who may sign in.
    """
    if not issuer.settings.is_local:
        raise DevOnly
    now = issuer.now()
    with issuer.sessions.begin() as db:
        staff = db.get(Staff, staff_id)
        if staff is None or not staff.may_sign_in:
            raise UnknownStaff
        session = store.begin(db, staff_id=staff_id, device="larets dev", policy=issuer.policy, now=now)
        return access_token(issuer, session, audience=audience, client_id=DEV_CLIENT, now=now)
