"""What a purpose that rests on consent asks of the persons whose rows were fetched.

A person's consents come with the rows, read each time and kept nowhere, so a withdrawal works on the next request.
"""

from pii_vault.operations.opened import Consents
from pii_vault.vault import Vault


def consents_for(vault: Vault, purpose: str) -> Consents | None:
    """Of which consents one suffices for a value of each class; None where the purpose needs none."""
    register = vault.consents
    if not register.needed(purpose):
        return None
    classes = [vault.classes.get(class_id) for class_id in vault.classes.ids()]
    by_class = {field_class.key: register.mask(purpose, field_class.id) for field_class in classes}
    return Consents(by_class, register.mask(purpose, ""))
