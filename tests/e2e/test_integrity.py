"""Whoever writes to the vault's database past the vault gains nothing and is found out; spent codes stay spent."""

import base64
import hashlib
import json
import secrets
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from scripts.local import postgres
from tests.e2e.command import larets
from tests.support.instance import World

# -- ciphertext ------------------------------------------------------------------------------------------------------

SWAP: Final = """
UPDATE pii_value v SET ciphertext = o.ciphertext FROM pii_value o
WHERE v.token IN (%(a)s, %(b)s) AND o.token IN (%(a)s, %(b)s) AND v.token <> o.token
"""


def test_ciphertext_moved_between_rows_opens_to_nobody(world: World) -> None:
    (first, anna), (second, vera) = world.arrive(), world.arrive()
    tokens = [card["contact_tokens"]["phone"][0] for card in (first, second)]
    rows = [_row(world, card) for card in (first, second)]
    bearer = world.bearer("sales")
    values = [{"value": anna.phone}, {"value": vera.phone}]
    assert world.reveal(bearer, *tokens).json()["items"] == values
    with psycopg.connect(world.instance.superuser_url("private"), autocommit=True) as database:
        database.execute(SWAP, {"a": rows[0], "b": rows[1]})
        try:
            answer = world.reveal(bearer, *tokens)
        finally:
            database.execute(SWAP, {"a": rows[0], "b": rows[1]})
    assert [item["error"] for item in answer.json()["items"]] == ["tampered_ciphertext"] * 2
    assert anna.phone[-10:] not in answer.text
    assert vera.phone[-10:] not in answer.text
    assert world.reveal(bearer, *tokens).json()["items"] == values


def test_a_row_given_to_another_shop_or_person_opens_to_nobody(world: World) -> None:
    (first, anna), (second, _) = world.arrive(), world.arrive()
    token, row, other = first["contact_tokens"]["phone"][0], _row(world, first), _row(world, second)
    bearer = world.bearer("sales")
    (subject,) = world.rows("private", "SELECT subject FROM pii_value WHERE token = %s", row)[0]
    world.rows(
        "private",
        "UPDATE pii_value SET subject = (SELECT subject FROM pii_value WHERE token = %s) WHERE token = %s",
        other,
        row,
    )
    try:
        answer = world.reveal(bearer, token)
    finally:
        world.rows("private", "UPDATE pii_value SET subject = %s WHERE token = %s", subject, row)
    assert [item["error"] for item in answer.json()["items"]] == ["tampered_ciphertext"]
    assert world.reveal(bearer, token).json()["items"] == [{"value": anna.phone}]


def _row(world: World, card: dict[str, Any]) -> Any:
    """The database's id of the phone of this card: a token's text is its 16 bytes in another alphabet."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    text = card["contact_tokens"]["phone"][0].rpartition("_")[2][:26]
    number = 0
    for letter in text:
        number = number * 32 + alphabet.index(letter)
    found = world.rows("private", "SELECT token FROM pii_value WHERE token = %s::uuid", f"{number >> 2:032x}")
    return found[0][0]


# -- the log ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def copy(world: World) -> Iterator[Callable[[str], str]]:
    """Makes copies of the vault's database, as a thief or a careless administrator would, by name."""
    world.arrive()
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "vault.dump"
        _run("pg_dump", "--format=custom", f"--file={dump}", world.instance.superuser_url("private"))
        made: list[str] = []

        def new(name: str) -> str:
            world.rows("private", f"CREATE DATABASE {name}")
            made.append(name)
            address = world.instance.superuser_url("private").rpartition("/")[0] + f"/{name}"
            _run("pg_restore", f"--dbname={address}", str(dump))
            return address

        yield new
        for name in made:
            world.rows("private", f"DROP DATABASE {name}")


def _run(program: str, *words: str) -> None:
    subprocess.run([str(postgres.BIN / program), *words], check=True, capture_output=True)  # noqa: S603  the wheel's own


def verify(world: World, address: str, folder: Path, *, note: bool = False) -> tuple[int, dict[str, Any]]:
    """`larets audit verify` on a copy. With `note`, beside the newest checkpoint that the witness keeps."""
    instance = world.instance
    (folder / "url").write_text(address)
    words = ["--database-url-file", str(folder / "url")]
    words += ["--log-key", str(instance.tls("private") / "audit.vkey")]
    words += ["--witness-key", str(instance.tls("public") / "witness.vkey")]
    if note:
        with world.intake("outbox") as client:
            (folder / "note").write_text(client.get("/witness/checkpoint").text)
        words += ["--witness-note", str(folder / "note")]
    done = larets(instance.home, "audit", "verify", "--json", *words)
    return done.returncode, json.loads(done.stdout)


def test_an_untouched_copy_verifies(world: World, copy: Callable[[str], str], tmp_path: Path) -> None:
    status, report = verify(world, copy("untouched"), tmp_path)
    assert (status, report["ok"]) == (0, True)
    assert report["records"] > 0


EDITS: Final = {
    "record": "UPDATE audit_log SET record = replace(convert_from(record, 'UTF8'), 'allow', 'deny ')::bytea "
    "WHERE idx = (SELECT min(idx) FROM audit_log WHERE convert_from(record, 'UTF8') LIKE '%%allow%%')",
    "detail": "UPDATE audit_detail SET principal = 'stf_' || repeat('0', 26) WHERE idx = 0",
    "gap": "DELETE FROM audit_log WHERE idx = 1",
    "rehashed": "UPDATE audit_log SET record = record || ' '::bytea, "
    "leaf = sha256('\\x00'::bytea || record || ' '::bytea) WHERE idx = 0",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_log_does_not_verify(world: World, copy: Callable[[str], str], tmp_path: Path, edit: str) -> None:
    address = copy(f"edited_{edit}")
    with psycopg.connect(address, autocommit=True) as database:
        assert database.execute(EDITS[edit].replace("%%", "%")).rowcount == 1
    status, report = verify(world, address, tmp_path)
    assert (status, report["ok"]) == (1, False)
    assert report["problems"]


TRUNCATE: Final = """
DELETE FROM audit_log WHERE idx >= 2;
DELETE FROM audit_detail WHERE idx >= 2;
DELETE FROM audit_checkpoint WHERE size > 2;
DELETE FROM audit_tile;
UPDATE audit_head SET size = 2, chain = (SELECT chain FROM audit_log WHERE idx = 1);
"""


def test_a_log_cut_short_with_all_its_traces_does_not_verify_against_the_witness(
    world: World, copy: Callable[[str], str], tmp_path: Path
) -> None:
    address = copy("cut_short")
    with psycopg.connect(address, autocommit=True) as database:
        database.execute(TRUNCATE)
    status, report = verify(world, address, tmp_path, note=True)
    assert (status, report["ok"]) == (1, False)
    assert report["problems"]


def test_a_stolen_copy_shows_no_value(world: World, copy: Callable[[str], str]) -> None:
    card, who = world.arrive()
    assert card
    with psycopg.connect(copy("stolen")) as database:
        tables = database.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        for (table,) in tables:
            with database.cursor().copy(f"COPY {table} TO STDOUT") as rows:
                content = b"".join(bytes(row) for row in rows)
            assert who.phone[-10:].encode() not in content, table
            assert who.last_name.encode() not in content or table == "gateway_dictionary", table


# -- codes -----------------------------------------------------------------------------------------------------------


def authorize(world: World, cookie: str, challenge: str) -> str:
    """An authorization code for the CRM, as the signed-in browser would bring it back."""
    query = {
        "response_type": "code",
        "client_id": "crm",
        "redirect_uri": f"{world.instance.crm_origin}/signin/callback",
        "scope": "openid",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    headers = {"cookie": cookie, "sec-fetch-mode": "navigate", "sec-fetch-site": "same-site"}
    with world.vault(headers=headers) as client:
        answer = client.get("/identity/authorize", params=query)
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def exchange(world: World, code: str, verifier: str, name: str = "crm", contour: Any = "public") -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "crm",
        "code": code,
        "code_verifier": verifier,
        "redirect_uri": f"{world.instance.crm_origin}/signin/callback",
    }
    with world.peer(name, contour) as client:
        return client.post("/identity/token", data=form)


def pair() -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return verifier, challenge


def test_a_replayed_code_is_refused_and_ends_what_the_first_use_began(world: World) -> None:
    cookie = world.cookie(world.member("marketer").id)
    verifier, challenge = pair()
    code = authorize(world, cookie, challenge)
    first = exchange(world, code, verifier)
    assert first.status_code == httpx.codes.OK, first.text
    again = exchange(world, code, verifier)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    form = {"grant_type": "refresh_token", "refresh_token": first.json()["refresh_token"], "client_id": "crm"}
    with world.peer("crm", "public") as client:
        assert client.post("/identity/token", data=form).status_code == httpx.codes.BAD_REQUEST


def test_a_code_is_worth_nothing_without_its_verifier_or_the_clients_certificate(world: World) -> None:
    cookie = world.cookie(world.member("marketer").id)
    verifier, challenge = pair()
    assert exchange(world, authorize(world, cookie, challenge), pair()[0]).status_code == httpx.codes.BAD_REQUEST
    stolen = exchange(world, authorize(world, cookie, challenge), verifier, "demo-program", "private")
    assert stolen.status_code in (400, 401)
    assert "access_token" not in stolen.text


def test_a_token_of_the_crm_opens_nothing_in_the_vault(world: World) -> None:
    card, _ = world.arrive()
    cookie = world.cookie(world.member("sales").id)
    verifier, challenge = pair()
    token = exchange(world, authorize(world, cookie, challenge), verifier).json()["access_token"]
    with world.crm(headers={"authorization": f"Bearer {token}"}) as client:
        assert client.get("/api/v1/orders").status_code == httpx.codes.OK
    assert world.reveal(token, card["contact_tokens"]["phone"][0]).status_code == httpx.codes.UNAUTHORIZED
