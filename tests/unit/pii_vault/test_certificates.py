"""Certificates that are exchanged under a process: new connections are under them, or the old ones stay."""

import logging
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra import pki
from pii_vault import certificates
from pii_vault.api.gauges import certificate_gauge
from pii_vault.certificates import Followed, client_tls, end_in
from pii_vault.peer import _identifier
from pii_vault.transport import ServerTls, TransportProblem
from tests.support.mounted import Mounted

NOW = datetime.now(UTC)
PRIVATE, PUBLIC = (pki.make_authority(name, now=NOW) for name in ("private", "public"))


def leaf(authority: pki.Pair = PRIVATE, *, server: bool = True) -> pki.Pair:
    return pki.issue(authority, "localhost", hosts=["localhost"] if server else [], now=NOW)


def files(pair: pki.Pair, authority: str = PRIVATE.certificate) -> dict[str, str]:
    return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority}


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_SECONDS", 0.0)


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    return Mounted(tmp_path / "tls", files(leaf()))


def server_of(mounted: Mounted) -> ServerTls:
    folder = mounted.folder
    return ServerTls(folder / "tls.crt", folder / "tls.key", {"private": folder / "ca.crt"})


def client_of(folder: Path, pair: pki.Pair) -> ssl.SSLContext:
    kept = Mounted(folder, files(pair)).folder
    return client_tls(certificate=kept / "tls.crt", key=kept / "tls.key", authority=kept / "ca.crt")


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[bytes | None, bytes | None]:
    """What client and server see of one another. Raises ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    for _ in range(4):
        for side in (theirs, ours):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return theirs.getpeercert(binary_form=True), ours.getpeercert(binary_form=True)


def der(pair: pki.Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate)


def test_a_new_connection_gets_the_new_certificate(mounted: Mounted, tmp_path: Path) -> None:
    server, client = server_of(mounted).context, client_of(tmp_path / "client", leaf(server=False))
    before, _ = shaken(server, client)
    fresh = leaf()
    mounted.exchange(files(fresh))
    after, _ = shaken(server, client)
    assert after == der(fresh) != before


def test_a_client_shows_its_new_certificate(mounted: Mounted, tmp_path: Path) -> None:
    server = server_of(mounted).context
    own = Mounted(tmp_path / "client", files(leaf(server=False)))
    client = client_tls(certificate=own.folder / "tls.crt", key=own.folder / "tls.key", authority=own.folder / "ca.crt")
    _, before = shaken(server, client)
    fresh = leaf(server=False)
    own.exchange(files(fresh))
    _, after = shaken(server, client)
    assert after == der(fresh) != before


BROKEN = {
    "half": lambda: files(leaf()) | {"tls.crt": leaf().certificate[:200]},
    "key of another": lambda: files(leaf()) | {"tls.key": leaf().key},
    "no key": lambda: {name: text for name, text in files(leaf()).items() if name != "tls.key"},
    "no authority": lambda: files(leaf()) | {"ca.crt": ""},
}


@pytest.mark.parametrize("how", BROKEN)
def test_what_cannot_be_used_leaves_the_old_one_and_is_told(
    how: str, mounted: Mounted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server, client = server_of(mounted).context, client_of(tmp_path / "client", leaf(server=False))
    before = shaken(server, client)
    broken = BROKEN[how]()
    mounted.exchange(broken)
    with caplog.at_level(logging.ERROR):
        assert shaken(server, client) == before
        assert shaken(server, client) == before
    assert [record.getMessage().partition(" changed")[2][:19] for record in caplog.records] == [" and cannot be used"]
    assert "tls/tls.crt" in caplog.text
    assert not [line for text in broken.values() for line in text.splitlines() if line in caplog.text]
    whole = leaf()
    mounted.exchange(files(whole))
    assert shaken(server, client)[0] == der(whole)


def test_files_that_are_exchanged_one_after_the_other_hold_when_both_are_there(tmp_path: Path) -> None:
    folder, fresh = tmp_path, leaf()
    for name, text in files(leaf()).items():
        (folder / name).write_text(text)
    server = ServerTls(folder / "tls.crt", folder / "tls.key", {"private": folder / "ca.crt"}).context
    client = client_of(tmp_path / "client", leaf(server=False))
    before, _ = shaken(server, client)
    (folder / "tls.crt").write_text(fresh.certificate)
    assert shaken(server, client)[0] == before
    (folder / "tls.key").write_text(fresh.key)
    assert shaken(server, client)[0] == der(fresh)


def test_an_authority_that_is_gone_lets_nobody_in(mounted: Mounted, tmp_path: Path) -> None:
    tls = server_of(mounted)
    own, other = leaf(server=False), leaf(PUBLIC, server=False)
    ours, theirs = client_of(tmp_path / "ours", own), client_of(tmp_path / "theirs", other)
    known = Followed(lambda: _identifier(tls.authorities), tls.authorities.values())
    with pytest.raises(ssl.SSLError):
        shaken(tls.context, theirs)
    assert known.now()(der(other)) is None
    mounted.exchange(files(leaf(), PRIVATE.certificate + PUBLIC.certificate))  # while one follows another
    assert shaken(tls.context, theirs)[1] == der(other)
    assert shaken(tls.context, ours)[1] == der(own)
    assert known.now()(der(own)) == known.now()(der(other)) is not None
    mounted.exchange(files(leaf(), PUBLIC.certificate))
    with pytest.raises(ssl.SSLError):
        shaken(tls.context, ours)
    assert known.now()(der(own)) is None


def test_nothing_to_begin_with_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TransportProblem, match=r"tls\.crt"):
        _ = ServerTls(tmp_path / "tls.crt", tmp_path / "tls.key", {}).context


def test_the_context_itself_trusts_nobody(mounted: Mounted) -> None:
    """If a library went past it, it would not go unchecked."""
    context = server_of(mounted).context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.get_ca_certs() == []


def told(page: bytes) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in page.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_the_time_left_is_that_of_the_certificate_served(mounted: Mounted) -> None:
    tls = server_of(mounted)
    use = '{use="service"}'

    def left() -> float:
        return told(certificate_gauge({"service": tls.context.ends}, now=NOW))[f"larets_certificate_seconds{use}"]

    year = pki.LEAF_LIFE.total_seconds()
    assert left() == pytest.approx(year, abs=2)
    older = pki.issue(PRIVATE, "localhost", hosts=["localhost"], now=NOW - pki.LEAF_LIFE + timedelta(days=7))
    mounted.exchange(files(older) | {"tls.key": leaf().key})
    assert left() == pytest.approx(year, abs=2)  # the new one cannot be used, so it is not what counts
    mounted.exchange(files(older))
    assert left() == pytest.approx(7 * 86400, abs=2)


def test_no_time_is_left_of_a_certificate_that_is_over_or_cannot_be_read(tmp_path: Path) -> None:
    over = pki.issue(PRIVATE, "outbox", now=NOW - 2 * pki.LEAF_LIFE)
    (tmp_path / "over").write_text(over.certificate)
    (tmp_path / "half").write_text(over.certificate[:100])
    uses = {name: (lambda name=name: end_in(tmp_path / name)) for name in ("over", "half", "absent")}
    assert set(told(certificate_gauge(uses, now=NOW)).values()) == {0.0}
