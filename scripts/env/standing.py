"""What must stand before cluster or engine are asked anything: the contract, the certificates, the images."""

from datetime import UTC, datetime

from infra import contract, material, pki
from infra.contract import Facts
from scripts.env.environment import Environment
from scripts.env.errors import EnvProblem
from scripts.env.example import PLACEHOLDER
from scripts.env.passphrase import refuse_half_rotated


def refuse_what_is_over(environment: Environment) -> None:
    """The program finds the same later, inside the engine; here it ends with what to do.

    Raises:
        CertificateExpired, ContractChanged, ContractInvalid: nothing was touched.
        HalfRotated: the engine would be asked under the wrong passphrase.
        EnvProblem: an image is still the one of the example.
    """
    refuse_half_rotated(environment.contour)
    accepted_contract(environment)
    certificates_in_force(environment)
    refuse_placeholders(environment)


def accepted_contract(environment: Environment) -> Facts | None:
    """The other contour's facts; None while the link is closed. Raises ContractChanged, ContractInvalid."""
    return contract.accepted(environment.settings, now=datetime.now(UTC))


def certificates_in_force(environment: Environment) -> int:
    """How many were looked at. Raises CertificateExpired."""
    now, looked = datetime.now(UTC), 0
    for engine in environment.engines:
        for name, value in engine.plain_values().items():
            if name.endswith("-crt"):
                pki.check(value, name, now=now)
                looked += 1
    return looked


def certificates_ending(environment: Environment) -> list[str]:
    """Names of those that end within 30 days or have ended; there are none before there is a cluster."""
    if environment.settings.cluster.awaited:
        return []
    have = environment.engine(environment.contour.side).plain_values()
    return material.renewable(environment.settings, have, now=datetime.now(UTC))


def refuse_placeholders(environment: Environment) -> None:
    """Raises EnvProblem."""
    images = environment.settings.images
    left = [name for name in ("larets", "database", "edge", "key_service") if PLACEHOLDER in getattr(images, name)]
    if left:
        raise EnvProblem(
            "still a placeholder: " + ", ".join(environment.at("images", name) for name in left),
            hint="put the digest of your registry's image there: sha256:<64 digits>",
        )
