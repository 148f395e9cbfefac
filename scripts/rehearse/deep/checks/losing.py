"""The private contour's cluster lost whole, with its disk; another takes its place by the steps of the guide.

What the guide calls "a whole cluster" (docs/guide-admin.md, Disasters), in its order: settings, the old state put
aside, plan and apply, the erasure journal's copy, the newest backup of the database, a new origin by two officers.
The key service and the public half stand on machines of their own and go on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from scripts.env.environment import open_environment
from scripts.local.shop import buyer, order
from scripts.rehearse.checks.replacing import deployed_anew, refused, refused_as_wrong
from scripts.rehearse.deep.checks import backups, bringing
from scripts.rehearse.deep.checks.backups import PATIENCE, timed
from scripts.rehearse.deep.stage import DeepStage
from scripts.rehearse.stage import NAME, CheckFailed
from scripts.smoke.deployed import Origins, Seat

SELLER: Final = {"the.seller": "sales"}
CONFIRMED: Final = ("--confirm", f"{NAME}/private")
JOURNAL: Final = "erasures.journal"


@dataclass(frozen=True, slots=True)
class Buyers:
    """Orders by number, and whom the vault knows them by."""

    erased: int  # before the backup
    erased_since: int  # after it, and before the journal was copied
    kept: int
    lost: int  # came after the backup
    subjects: dict[int, str]


def cluster_lost(stage: DeepStage) -> dict[str, Any]:
    """How long each step took, in seconds."""
    seconds: dict[str, float] = {}
    officers = backups.staff(stage, backups.OFFICERS)
    fingerprint = stage.must("export", "private")["fingerprint"]
    backup, copies = stage.folder / "newest.backup", stage.folder / "copies"
    with backups.at_the_doors(stage) as doors:
        seller = _seller(stage)
        buyers = _backed_up(stage, seconds, backup, copies)
        stage.nodes["private"].lose()
        doors.close()  # nobody tells a browser that the other end is gone
        public_goes_on(seller, buyers)
        with timed(seconds, "another cluster"):
            stage.start_anew("private")
        refused_as_wrong(
            stage, {"backup": ("--out", str(stage.folder / "none.backup")), "restore": (str(backup), *CONFIRMED)}
        )
        with timed(seconds, "plan and apply"):
            deployed_anew(stage, fingerprint)
            bringing.patiently(lambda: bringing.pods_ready(stage, "private"), PATIENCE)
        with timed(seconds, "journal put back"):
            _put_back(stage, copies / JOURNAL)
        shut(stage)
        with timed(seconds, "restore"):
            _restored(stage, backup)
        with timed(seconds, "new origin"):
            backups.founded(stage, officers)
        backups.serves(stage, seconds, "private")
        there_is_what_was_backed_up(stage, buyers)
        cards_reveal(stage, seller, buyers)
    stage.must("drift", "private")
    stage.must("restore", "private", "--drop-kept", *CONFIRMED)
    return seconds


def _seller(stage: DeepStage) -> Seat:
    """Signed in at the CRM."""
    hosts = open_environment(NAME, "private").settings.hosts
    [person] = backups.staff(stage, SELLER).values()
    seat = Seat(person, Origins(*(f"https://{host}" for host in (hosts.crm, hosts.vault, hosts.hooks))))
    seat.sign_in(at_crm=True)
    return seat


def _backed_up(stage: DeepStage, seconds: dict[str, float], backup: Path, copies: Path) -> Buyers:
    """One erased, the backup, another erased, the journal's copy, and orders that no backup knows."""
    before = backups.orders(stage).accepted
    subjects = {number: backups.subjects(stage, number)[0] for number in before[:3]}
    erased, since, kept = before[:3]
    stage.must_exec("private", "subject", "erase", subjects[erased], "--yes", "--json")
    with timed(seconds, "backup"):
        stage.must("backup", "private", "--out", str(backup))
    stage.must_exec("private", "subject", "erase", subjects[since], "--yes", "--json")
    copies.mkdir()
    with timed(seconds, "copy of the journal"):
        _exec(stage, "--receive", str(copies), "--", "subject", "journal", "copy", "--out", JOURNAL)
    lost = backups.orders(stage).accepted[0]
    subjects[lost] = backups.subjects(stage, lost)[0]
    return Buyers(erased, since, kept, lost, subjects)


def public_goes_on(seller: Seat, buyers: Buyers) -> None:
    """While nobody answers in the private half, the CRM shows what it has: tokens."""
    for number in (buyers.kept, buyers.lost):
        card = seller.card(number)
        if card is None or not card["contact_tokens"].get("phone"):
            raise CheckFailed("with the private half gone the public one does not show an order's tokens any more")


def _put_back(stage: DeepStage, copy: Path) -> None:
    told = _exec(stage, "--send", str(copy), "--", "subject", "journal", "put-back", copy.name)
    if not told["lines"] or told["written"] != told["lines"]:
        raise CheckFailed(f"the new journal is not the copy: {told}")


def shut(stage: DeepStage) -> None:
    """The journal knows of erasures that the empty database does not: nothing is served."""
    if stage.shop is None:
        raise CheckFailed("there is no shop yet: the check that makes one failed")
    shop, payload = stage.shop, order(stage.orders, buyer=buyer(stage.orders))

    def look() -> None:
        with httpx.Client(verify=str(stage.trust), trust_env=False) as client:
            code = shop.send("order.created", payload, client=client).status_code
        if code != httpx.codes.SERVICE_UNAVAILABLE:
            raise CheckFailed(f"with a journal that the database does not know an order is answered {code}")

    bringing.patiently(look, PATIENCE)


def _restored(stage: DeepStage, backup: Path) -> None:
    """Its files are of the cluster that is gone, so a whole restore is refused."""
    refused(stage, "restore", str(backup), *CONFIRMED, word="another cluster")
    told = backups.restored(stage, "private", backup, "--without-files")
    if told["replayed"]["replayed"] != 1:
        raise CheckFailed(f"one person was erased after the backup; erased again: {told['replayed']['replayed']}")


def there_is_what_was_backed_up(stage: DeepStage, buyers: Buyers) -> None:
    """Raises CheckFailed: somebody is back, or gone, who should not be."""
    numbers = (buyers.erased, buyers.erased_since, buyers.kept, buyers.lost)
    erased, since, kept, lost = backups.states(stage, [buyers.subjects[number] for number in numbers])
    for when, state in (("before the backup", erased), ("after the backup", since)):
        if state in backups.NOT_ERASED:
            raise CheckFailed(f"a person who was erased {when} is {state}")
    if (kept, lost) != ("active", "unknown"):
        raise CheckFailed(f"who was in the backup is {kept}, who came after it is {lost}")


def cards_reveal(stage: DeepStage, seller: Seat, buyers: Buyers) -> None:
    """The cards of before are good for what was backed up, and for nothing else until the shop sends it again."""
    for number in (buyers.erased, buyers.erased_since, buyers.lost):
        if _phone(seller, number):
            raise CheckFailed("a card shows a phone that was erased, or that no backup had")
    if _phone(seller, buyers.kept) != buyer(buyers.kept).phone:
        raise CheckFailed("the card of an order of before does not show its phone")
    if stage.shop is None:
        return
    with httpx.Client(verify=str(stage.trust), trust_env=False) as client:
        payload = order(buyers.lost, buyer=buyer(buyers.lost))
        stage.shop.send("order.created", payload, client=client).raise_for_status()

    def again() -> None:
        if _phone(seller, buyers.lost) != buyer(buyers.lost).phone:
            raise CheckFailed("an order that was lost and sent again does not show its phone")

    bringing.patiently(again, PATIENCE)


def _phone(seller: Seat, number: int) -> str:
    """What the order's card shows this seller; nothing where there is no value."""
    card = seller.card(number)
    if card is None:
        raise CheckFailed("the public half does not know an order any more")
    shown = (seller.reveal(token) or {} for token in card["contact_tokens"].get("phone", ()))
    return next((str(item["value"]) for item in shown if "value" in item), "")


def _exec(stage: DeepStage, *words: str) -> Any:
    said = stage.run("exec", "private", *words, "--json")
    if said.code:
        raise CheckFailed(f"larets env exec {' '.join(words[-5:])} ended with {said.code}: {said.error}")
    return said.json
