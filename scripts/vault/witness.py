"""Asks the public contour's witness what it keeps of this vault's log."""

import ssl
from typing import TYPE_CHECKING, Final

import httpx

from pii_vault.audit.verify import WitnessCopy

if TYPE_CHECKING:
    from pii_vault.config import VaultSettings

SECONDS: Final = 10.0


class WitnessAway(Exception):
    """The witness did not answer; the message says how."""


def witness_copy(settings: "VaultSettings") -> WitnessCopy:
    """Its cosigned checkpoints and the statements of new origins. Raises WitnessAway."""
    content = _get(settings, "/witness/history").json()
    return WitnessCopy(tuple(content["checkpoints"]), tuple(content["origins"]))


def newest_checkpoint(settings: "VaultSettings") -> str:
    """Raises WitnessAway; also when it has cosigned nothing yet."""
    return _get(settings, "/witness/checkpoint").text


def _get(settings: "VaultSettings", path: str) -> httpx.Response:
    try:
        context = ssl.create_default_context(cafile=str(settings.public_ca))
        context.load_cert_chain(settings.outbound_cert, settings.outbound_key)
        with httpx.Client(verify=context, trust_env=False, timeout=SECONDS) as client:
            response = client.get(f"{settings.app_intake_url}{path}")
    except (httpx.HTTPError, OSError) as error:
        raise WitnessAway(type(error).__name__) from error
    if response.status_code != httpx.codes.OK:
        message = f"status {response.status_code}"
        raise WitnessAway(message)
    return response
