"""The stable commands, as scripts call them: results on standard output, exit codes, and errors that say what to do."""

import fcntl
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.local.instance import Instance, Ports
from scripts.local.processes import SERVICES, running
from scripts.local.sockets import free_ports
from tests.e2e.command import larets, told
from tests.support.instance import World, service_of


def answer(world: World, *words: str) -> dict[str, object]:
    return dict(told(world.instance.home, *words))


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[Instance]:
    """An instance that was never started; whatever it has started is ended after the test."""
    names = ("crm", "intake", "vault", "service", "public_postgres", "private_postgres")
    instance = Instance(tmp_path / "home", Ports(**dict(zip(names, free_ports(len(names)), strict=True))))
    instance.save()
    yield instance
    assert not [service.name for service in SERVICES if running(instance, service)]


def pids(world: World) -> dict[str, int]:
    return {s.name: process.pid for s in SERVICES if (process := running(world.instance, s)) is not None}


def test_up_on_a_running_instance_changes_nothing_and_reports(world: World) -> None:
    before = pids(world)
    assert set(before) == {service.name for service in SERVICES}
    first, second = (larets(world.instance.home, "up") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "(it was already)" in second.stderr
    assert "(at the first start of this instance)" in second.stdout
    for text in (world.instance.crm_origin, "demo-sales", "sales      value", "marketer   mask", "warehouse  denied"):
        assert text in second.stdout
    assert pids(world) == before


def test_up_finishes_what_is_half_up(world: World) -> None:
    before = pids(world)
    for name in ("app", "vault-worker"):
        os.kill(before[name], signal.SIGKILL)
    done = larets(world.instance.home, "up")
    assert done.returncode == 0, done.stderr
    after = pids(world)
    assert set(after) == set(before)
    assert {name for name in after if after[name] != before[name]} == {"app", "vault-worker"}


def test_up_names_the_taken_port_and_starts_nothing(nowhere: Instance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", nowhere.ports.vault))
        taken.listen()
        done = larets(nowhere.home, "up")
    assert done.returncode == 1
    assert f"port {nowhere.ports.vault} (vault)" in done.stderr
    assert "--port-base" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (nowhere.home / "data" / "private" / "postgres").exists()


def test_up_waits_for_no_other_up(nowhere: Instance) -> None:
    with (nowhere.home / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = larets(nowhere.home, "up")
    assert done.returncode == 1
    assert "at work on this instance" in done.stderr


def test_ports_of_a_running_instance_are_not_moved(world: World) -> None:
    done = larets(world.instance.home, "up", "--port-base", "41000")
    assert done.returncode == 1
    assert "make down" in done.stderr
    assert json.loads((world.instance.home / "instance.json").read_text())["ports"]["crm"] == world.instance.ports.crm


@pytest.mark.parametrize("command", [("status",), ("smoke",), ("dev", "token", "--as", "sales")])
def test_without_an_instance_each_command_says_to_run_make_up(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = larets(tmp_path, *command)
    assert done.returncode == 1
    assert done.stderr.startswith("larets: error: ")
    assert "make up" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_says_what_runs_and_fails_when_something_does_not(world: World) -> None:
    reply = answer(world, "status", "--json")
    assert isinstance(reply["private"], dict)
    assert isinstance(reply["public"], dict)
    assert {"url", "gateway_url", "database_url", "logs", "data", "pids"} <= set(reply["private"])
    assert set(reply["private"]["pids"]) == {"vault", "vault-worker", "postgres"}
    assert set(reply["public"]["pids"]) == {"app", "app-worker", "postgres"}
    assert isinstance(reply["demo"], dict)
    assert reply["demo"]["inbound"]["woocommerce"].startswith(world.instance.hooks_origin)
    with world.without("app-worker"):
        assert larets(world.instance.home, "status").returncode == 1


def test_smoke_tells_the_whole_story(world: World) -> None:
    reply = answer(world, "smoke", "--json")
    assert reply["seen_by"] == {"sales": "value", "marketer": "mask", "warehouse": "denied"}
    assert reply["audit_verified"] is True
    assert isinstance(reply["tokens"], list)
    assert all(str(token).startswith("tok_") for token in reply["tokens"])
    assert isinstance(reply["webhook_to_card_ms"], float)


def test_smoke_fails_when_the_vault_does_not_answer(world: World) -> None:
    with world.without("vault"):
        done = larets(world.instance.home, "smoke", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_a_developers_token_opens_what_its_role_may_open(world: World) -> None:
    card, who = world.arrive()
    token = card["contact_tokens"]["phone"][0]
    vault = larets(world.instance.home, "dev", "token", "--as", "sales").stdout.strip()
    crm = larets(world.instance.home, "dev", "token", "--as", "sales", "--for", "crm").stdout.strip()
    assert world.reveal(vault, token).json()["items"] == [{"value": who.phone}]
    assert world.reveal(crm, token).status_code == 401
    unknown = larets(world.instance.home, "dev", "token", "--as", "director")
    assert unknown.returncode == 1
    assert "owner, sales, marketer, warehouse, officer" in unknown.stderr


def test_a_service_that_cannot_start_is_named_with_the_end_of_its_log(world: World) -> None:
    passphrase = world.instance.keyring_passphrase
    kept = passphrase.read_text()
    world.stop("vault")
    try:
        passphrase.write_text("not the passphrase")
        done = larets(world.instance.home, "up")
        assert done.returncode == 1
        assert "vault ended while starting" in done.stderr
        assert "passphrase" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        passphrase.write_text(kept)
        world.start("vault")
    assert running(world.instance, service_of("vault")) is not None


def test_ports_can_be_chosen_before_the_first_start(nowhere: Instance) -> None:
    with socket.socket() as taken:
        base = free_ports(1)[0]
        taken.bind(("127.0.0.1", base))
        taken.listen()
        done = larets(nowhere.home, "up", "--port-base", str(base))
    assert done.returncode == 1  # the taken port stops it, after the choice was noted
    kept = json.loads((nowhere.home / "instance.json").read_text())["ports"]
    assert (kept["crm"], kept["private_postgres"]) == (base, base + 5)
