"""`larets env export`: this contour's signed contract, for the administrator of the other one. It holds no secret."""

import base64
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra import contract, material
from scripts.env.command import AsJson, Name, Which, told
from scripts.env.environment import Environment, open_environment
from scripts.env.material import ensure_material
from scripts.env.place import chosen
from scripts.files import write_whole
from scripts.local.instance import ROOT
from scripts.voice import emit, result, say

cli = typer.Typer()


@cli.command()
@told
def export(
    contour: Which,
    env: Name = "",
    out: Annotated[Path | None, typer.Option("--out", help="where the contract is written")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the contract; tell the fingerprint to the other administrator over another channel."""
    environment = open_environment(chosen(env), contour)
    path = out or environment.contour.folder / "contract.json"
    made = sign_contract(environment)
    write_whole(path, made.to_bytes())
    if as_json:
        emit({"contract": str(path), "fingerprint": made.fingerprint})
    else:
        result(f"{path}\n{made.fingerprint}")
        say("larets: hint: tell the fingerprint by voice or on paper, never beside the file")


def sign_contract(environment: Environment) -> contract.Contract:
    """Raises ContractInvalid: the settings do not say yet all that the other side needs."""
    ensure_material(environment)
    held = environment.engine(environment.contour.side).values()
    facts = contract.facts_of(
        environment.settings,
        authority=held[f"{material.AUTHORITY}-crt"],
        public_key=material.public_key(environment.settings, held),
        policy_digest=_policies() if environment.contour.side == "private" else "",
    )
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(held[material.CONTRACT_KEY]))
    return contract.sign(facts, key)


def _policies() -> str:
    """The matrix's version: those of this release are in its images."""
    from pii_vault.access.compile import compile_matrix  # noqa: PLC0415  the vault's half is of no use to other verbs

    return compile_matrix(ROOT / "policies").version
