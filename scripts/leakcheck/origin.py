"""A new origin of the audit log: its statement crosses for good, with a reason and the names of who approved.

A reason with a person is refused where the operator types it. What crosses then is a right one: the witness is given
one record more than the log holds, as after a restore, and the worker shows it the statement that follows. The twin
signs a statement with persons in it, and shows that one.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pii_vault.assemble import open_keys
from pii_vault.audit import note as notes
from pii_vault.audit import proof
from pii_vault.audit.origin import Succession, key_of, next_origin
from pii_vault.audit.witness import ORIGIN_PATH, WitnessClient, WitnessElsewhere, WitnessRefuses
from pii_vault.gateway.forward import intake_client
from pii_vault.keys.service import KeyService
from scripts.leakcheck.canaries import Canaries, Person
from scripts.leakcheck.rig import Rig
from scripts.local.instance import Instance, InstanceProblem
from scripts.vault.issuer import open_issuer
from scripts.vault.origin import found_origin
from scripts.vault.witness import newest_checkpoint, witness_copy

REASON: Final = "сбой диска, копия журнала за прошлую ночь"
APPROVERS: Final = ("officer", "owner")
REFUSED: Final = "holds personal data"
LOST: Final = b"a record that the log has lost"
TRIES: Final = 20  # the worker has the witness cosign at the same time
PATIENCE_SECONDS: Final = 60.0
_LEAVES: Final = "SELECT leaf FROM audit_log WHERE idx < %s ORDER BY idx"


def plant(rig: Rig, canaries: Canaries) -> None:
    """Raises InstanceProblem: a reason with a person was taken, or no statement crossed at all."""
    _refused(rig, canaries.person("reason of a new origin"))
    if crossed(rig.relay.recordings()):
        raise InstanceProblem("a statement of a new origin crossed, though its reason was refused")
    asyncio.run(_found(rig))
    _wait_until_cosigned(rig.instance)
    if not crossed(rig.relay.recordings()):
        raise InstanceProblem("no statement of a new origin was recorded: the check would prove little")


def crossed(recordings: Iterable[Path]) -> bool:
    """Whether any recording of what came to the public contour shows a statement."""
    received = (path for path in recordings if path.match("intake-*.received"))
    return any(ORIGIN_PATH.encode() in path.read_bytes() for path in received)


def leak(instance: Instance, *, approver: str, reason: str) -> None:
    """The twin: a statement that only the log's own key can sign, as no command would. Raises InstanceProblem."""
    asyncio.run(_leak(instance, approver=approver, reason=reason))


# -- what the operator types -------------------------------------------------------------------------------------
def reasons(person: Person) -> Iterator[str]:
    yield f"таблицу стёрла {person.name}, тел. {person.phone}"
    yield f"копию прислали на {person.email}"
    yield f"сервер стоял по адресу {person.address}"


def _refused(rig: Rig, person: Person) -> None:
    words = [sys.executable, "-m", "scripts.main", "audit", "new-origin"]
    words += ["--approver", person.email, "--approver", person.phone, "--reason"]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {"LARETS_HOME": str(rig.instance.home)}
    tried = [
        subprocess.Popen(
            [*words, reason], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for reason in reasons(person)
    ]
    told = [(each.communicate(), each.returncode) for each in tried]  # all of them, before any is judged
    for (output, error), code in told:
        require_refused(code, (output + error).decode(), person)


def require_refused(code: int, told: str, person: Person) -> None:
    """Raises InstanceProblem: it ended in another way, or said what it was given."""
    if not code or REFUSED not in told:
        raise InstanceProblem("`audit new-origin` did not refuse a reason that holds personal data")
    if any(value in told for value in person.values.values()):
        raise InstanceProblem("`audit new-origin` repeated personal data as it refused them")


# -- what crosses then -------------------------------------------------------------------------------------------
async def _found(rig: Rig) -> None:
    """What `larets audit new-origin` does for two persons who proved who they are."""
    instance = rig.instance
    first, second = (str(rig.demo["staff"][role]["id"]) for role in APPROVERS)
    async with open_issuer(instance) as desk:
        await _outgrow(rig, desk.keys)
        witnessed = await asyncio.to_thread(newest_checkpoint, instance.vault_settings())
        await found_origin(instance, desk, witness_note=witnessed, approvers=(first, second), reason=REASON)


async def _outgrow(rig: Rig, keys: KeyService) -> None:
    """The witness cosigns a tree with one leaf more than the log will ever have."""
    settings = rig.instance.vault_settings()
    log_key = notes.parse_vkey(rig.instance.log_vkey)
    async with intake_client(settings) as client:
        witness = WitnessClient(client, notes.parse_vkey(rig.instance.witness_vkey))
        for _ in range(TRIES):
            known = await asyncio.to_thread(_newest, rig.instance)
            with rig.private_database() as connection:
                leaves = [bytes(row[0]) for row in connection.execute(_LEAVES, (known.size,)).fetchall()]
            tiles = proof.extend_tiles(0, {}, [*leaves, proof.leaf_hash(LOST)])
            size = known.size + 1
            checkpoint = notes.Checkpoint(known.origin, size, proof.range_root((0, size), tiles))
            path = proof.build_proof(proof.consistency_ranges(known.size, size), tiles)
            note = await _signed(checkpoint.text, key_of(known.origin, log_key), keys)
            try:
                await witness.add(note, old=known.size, proof=path)
            except WitnessElsewhere:
                continue
            return
    raise InstanceProblem("the witness was never where it had said: no new origin could be founded")


async def _leak(instance: Instance, *, approver: str, reason: str) -> None:
    settings = instance.vault_settings()
    keys, log_key = open_keys(settings), notes.parse_vkey(instance.log_vkey)
    async with intake_client(settings) as client:
        witness = WitnessClient(client, notes.parse_vkey(instance.witness_vkey))
        for _ in range(TRIES):
            known = await asyncio.to_thread(_newest, instance)
            said = Succession(
                next_origin(known.origin, log=log_key.name), known.size, known.size, known,
                (APPROVERS[0], approver), datetime.now(UTC), reason,
            )  # fmt: skip
            try:
                await witness.succeed(str(await _signed(said.text, log_key, keys)))
            except WitnessRefuses:
                continue  # it has cosigned more since
            return
    raise InstanceProblem("the witness did not take the statement that leaks: nothing is proven")


async def _signed(text: str, key: notes.VerifierKey, keys: KeyService) -> notes.Note:
    return notes.Note(text, (notes.sign_with(key, await keys.sign_checkpoint(text.encode())),))


def _newest(instance: Instance) -> notes.Checkpoint:
    """What the witness cosigned last."""
    return notes.parse_checkpoint(notes.parse_note(newest_checkpoint(instance.vault_settings())).text)


def _wait_until_cosigned(instance: Instance) -> None:
    """Until the witness has the statement, and a checkpoint under the new origin. Raises InstanceProblem."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if witness_copy(instance.vault_settings()).statements and _newest(instance).origin != _log_name(instance):
            return
        time.sleep(0.3)
    raise InstanceProblem("the witness cosigned nothing under the new origin; run with --keep and look at its log")


def _log_name(instance: Instance) -> str:
    return notes.parse_vkey(instance.log_vkey).name
