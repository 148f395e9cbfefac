"""Files of rows through the API, over a real connection that is written and read at the same time."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from pii_vault.access.principal import Principal
from pii_vault.api.auth import Caller
from pii_vault.errors import Unauthenticated
from pii_vault.problems import install
from pii_vault.streams.client import StreamBroken, StreamRefused, stream
from pii_vault.streams.endpoints import build_streams
from pii_vault.vault import Vault
from scripts.local.sockets import free_ports
from tests.support.postgres import Database
from tests.support.vault import outage, program, rows, staff

NDJSON = {"content-type": "application/x-ndjson"}
CSV = {"content-type": "text/csv; charset=utf-8"}
COLUMNS = "phone:phone,fio:name,city:keep"


class Callers:
    """Stands for the authenticator: who calls is what the test says."""

    def __init__(self) -> None:
        self.principal: Principal | None = program()
        self.purposes: frozenset[str] | None = frozenset({"support", "delivery"})

    async def caller(self, _scope: Any) -> Caller:
        if self.principal is None:
            raise Unauthenticated
        return Caller(self.principal, self.purposes)


class Api:
    def __init__(self, url: str) -> None:
        self.url = url

    async def send(self, path: str, content: bytes, headers: dict[str, str], *, piece: int = 3000) -> bytes:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(content), piece):
                yield content[at : at + piece]

        return b"".join([part async for part in stream(self.url + path, pieces(), headers=headers)])

    async def objects(self, path: str, content: bytes) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (await self.send(path, content, NDJSON)).splitlines()]

    async def table(self, path: str, content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
        text = (await self.send(path, content, CSV)).decode()
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))


@pytest.fixture
def callers() -> Callers:
    return Callers()


@pytest.fixture
async def api(vault: Vault, callers: Callers) -> AsyncIterator[Api]:
    app = FastAPI()
    install(app)
    app.include_router(build_streams(vault, callers))  # type: ignore[arg-type]
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  it has no event to wait for
        await asyncio.sleep(0.01)
    yield Api(f"http://127.0.0.1:{port}")
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving


def people(count: int) -> bytes:
    lines = [f"Тула;+7900{at:07};Покупатель {at};x" for at in range(count)]
    return "\r\n".join(["city;phone;fio;secret", *lines, ""]).encode()


async def test_a_table_of_people_becomes_one_of_tokens_and_back(api: Api) -> None:
    taken = await api.table(f"/v1/tokenise:stream?columns={COLUMNS}", people(2500), ";")
    assert len(taken) == 2500
    assert list(taken[0]) == ["phone", "fio", "city", "subject", "error"]
    assert taken[7]["phone"].startswith("tok_phone_")
    assert taken[7]["city"] == "Тула"
    assert len({row["subject"] for row in taken}) == 2500
    tokens = "phone,fio\n" + "\n".join(f"{row['phone']},{row['fio']}" for row in taken)
    path = "/v1/reveal:stream?purpose=support&columns=phone:value,fio:value"
    given = await api.table(path, tokens.encode())
    assert [(row["phone"], row["fio"]) for row in given] == [
        (f"+7900{at:07}", f"Покупатель {at}") for at in range(2500)
    ]


async def test_a_column_that_nobody_named_does_not_come_back(api: Api) -> None:
    answer = await api.send(f"/v1/tokenise:stream?columns={COLUMNS}", people(3), CSV)
    assert b"secret" not in answer
    assert b";x" not in answer


async def test_objects_keep_their_order_and_end_with_a_sum(api: Api) -> None:
    lines = [json.dumps({"phone": f"+7900{at:07}", "city": str(at)}) for at in range(3000)]
    lines[1500] = "{broken"
    lines[1600] = json.dumps({"phone": "not a phone", "city": "1600"})
    out = await api.objects("/v1/tokenise:stream?columns=phone:phone,city:keep", "\n".join(lines).encode())
    assert out[-1] == {"done": {"rows": 3000, "errors": 2}}
    assert [row["row"] for row in out[:-1]] == list(range(1, 3001))
    assert out[1500] == {"row": 1501, "error": "invalid_row"}
    assert out[1600]["error"] == "phone: invalid_value"
    assert out[2999]["city"] == "2999"
    assert "not a phone" not in json.dumps(out)


async def test_lines_of_items_are_answered_line_by_line(api: Api) -> None:
    lines = [
        {"class": "phone", "value": "+79001112233"},
        {"class": "nonsense", "value": "x"},
        {"class": "phone", "value": "+79001112233", "subject": "@1"},
        {"class": "phone", "value": "+79001112233", "odd": 1},
        {"class": "email", "value": "not an address"},
    ]
    out = await api.objects("/v1/tokenise:stream", "\n".join(map(json.dumps, lines)).encode())
    assert out[0]["token"].startswith("tok_phone_")
    assert [row.get("error") for row in out[1:-1]] == ["unknown_class", "invalid_row", "invalid_row", "invalid_value"]


async def test_rows_of_known_subjects_stay_theirs(api: Api) -> None:
    (first,) = await api.table("/v1/tokenise:stream?columns=phone:phone", b"phone\n+79001112233\n")
    content = f"id,mail\n{first['subject']},a@example.ru\nsub_unknown,b@example.ru\n".encode()
    good, bad = await api.table("/v1/tokenise:stream?columns=id:subject,mail:email", content)
    assert good["subject"] == first["subject"]
    assert (bad["mail"], bad["error"]) == ("", "id: unknown_subject")


async def test_a_person_that_nobody_knows_is_told_once_and_a_bad_value_of_its_own_column(api: Api) -> None:
    (first,) = await api.table("/v1/tokenise:stream?columns=phone:phone", b"phone\n+79001112233\n")
    known, stranger = first["subject"], first["subject"][:-3] + "zzz"
    content = f"id,mail,fio\n{known},no mail,A\n{stranger},b@example.ru,B\n,c@example.ru,C\n".encode()
    taken = await api.table("/v1/tokenise:stream?columns=id:subject,mail:email,fio:name", content)
    assert [row["error"] for row in taken] == ["mail: invalid_value", "id: unknown_subject", "id: unknown_subject"]
    assert [bool(row["fio"]) for row in taken] == [True, False, False]


def customers(*rows: str) -> bytes:
    return "\n".join(["phone,mail,fio", *rows, ""]).encode()


BY_PHONE = "/v1/tokenise:stream?columns=phone:phone,mail:email,fio:name"


async def test_equal_values_get_one_token_whoever_has_them_already(api: Api) -> None:
    path = f"{BY_PHONE}&deterministic=phone"
    one, two, other = await api.table(
        path, customers("+79001112233,a@example.ru,A", "8 900 111-22-33,,B", "+79001112244,a@example.ru,C")
    )
    (later,) = await api.table(path, customers("+7 (900) 111 22 33,b@example.ru,D"))
    assert one["phone"] == two["phone"] == later["phone"] != other["phone"]
    assert one["subject"] == two["subject"] == later["subject"] != other["subject"]
    assert len({row["fio"] for row in (one, two, other, later)}) == 4
    assert not any(row["error"] for row in (one, two, other, later))


async def test_without_being_asked_for_equal_values_get_tokens_of_their_own(api: Api) -> None:
    one, two = await api.table(BY_PHONE, customers("+79001112233,,A", "+79001112233,,B"))
    assert one["phone"] != two["phone"]
    assert one["subject"] != two["subject"]


async def test_the_first_value_of_a_row_that_is_known_says_whose_it_is(api: Api) -> None:
    path = f"{BY_PHONE}&deterministic=phone,email"
    anna, boris = await api.table(path, customers("+79001112233,a@example.ru,A", "+79001112244,b@example.ru,B"))
    both, mail, bad = await api.table(
        path, customers("+79001112233,b@example.ru,C", ",b@example.ru,D", "no phone,b@example.ru,E")
    )
    assert both["subject"] == anna["subject"]
    assert both["mail"] not in (anna["mail"], boris["mail"])  # hers from now on, though he has the same
    assert mail["subject"] == bad["subject"] == boris["subject"]
    assert mail["mail"] == bad["mail"] == boris["mail"]
    assert bad["error"] == "phone: invalid_value"


async def test_equal_values_in_batches_that_are_under_way_together_get_one_token_each(
    api: Api, vault_database: Database
) -> None:
    content = customers(*(f"+7900{at % 300:07},,Покупатель {at}" for at in range(2500)))
    path = f"{BY_PHONE}&deterministic=phone"
    headers = CSV | {"idempotency-key": "import-3"}
    first = await api.send(path, content, headers)
    assert await api.send(path, content, headers, piece=777) == first
    taken = list(csv.DictReader(io.StringIO(first.decode(), newline="")))
    assert [len({row[name] for row in taken}) for name in ("phone", "subject", "fio")] == [300, 300, 2500]
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(300,)]


async def test_a_program_that_may_not_search_finds_nobody(api: Api, callers: Callers) -> None:
    path = f"{BY_PHONE}&deterministic=phone"
    (first,) = await api.table(path, customers("+79001112233,,A"))
    callers.purposes = frozenset()
    (second,) = await api.table(path, customers("+79001112233,,B"))
    assert second["phone"] != first["phone"]
    assert second["subject"] != first["subject"]


async def test_a_file_that_is_no_utf_8_is_told_so(api: Api) -> None:
    with pytest.raises(StreamRefused) as refused:
        await api.send("/v1/tokenise:stream?columns=phone:phone", "phone;ФИО\n".encode("cp1251"), CSV)
    problem = json.loads(refused.value.problem)
    assert (problem["code"], "UTF-8" in problem["detail"]) == ("bad_format", True)


async def test_a_stream_that_is_sent_again_under_its_key_gives_the_same_tokens(
    api: Api, vault_database: Database
) -> None:
    path = f"/v1/tokenise:stream?columns={COLUMNS}"
    first = await api.send(path, people(1200), CSV | {"idempotency-key": "import-1"})
    again = await api.send(path, people(1200), CSV | {"idempotency-key": "import-1"}, piece=777)
    assert first == again
    assert rows(vault_database, "SELECT count(*) FROM subject") == [(1200,)]


async def test_masks_are_masks_in_a_stream_too(api: Api, callers: Callers) -> None:
    (taken,) = await api.table("/v1/tokenise:stream?columns=phone:phone", b"phone\n+79001112233\n")
    callers.principal, callers.purposes = staff("marketer"), None
    (row,) = await api.table(
        "/v1/reveal:stream?purpose=marketing&columns=phone:value", f"phone\n{taken['phone']}\n".encode()
    )
    assert row == {"phone": "+7 *** ***-22-33", "error": "phone: mask"}


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/v1/tokenise:stream?columns=phone:nonsense", CSV, 422, "bad_columns"),
        ("/v1/tokenise:stream?columns=mail:email", CSV, 422, "bad_columns"),
        ("/v1/tokenise:stream", CSV, 422, "bad_columns"),
        ("/v1/tokenise:stream?columns=phone:phone&deterministic=address", CSV, 422, "bad_columns"),
        ("/v1/tokenise:stream?columns=phone:phone", {"content-type": "text/csv; charset=cp1251"}, 422, "bad_format"),
        ("/v1/tokenise:stream?columns=phone:phone", {"content-type": "application/json"}, 422, "bad_format"),
        ("/v1/reveal:stream?purpose=nonsense", NDJSON, 422, "unknown_purpose"),
        ("/v1/reveal:stream?purpose=marketing", NDJSON, 403, "forbidden"),
    ],
)
async def test_what_is_wrong_with_the_whole_is_refused_before_any_row(
    api: Api, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    content = b"phone\n+79001112233\n" if headers is not NDJSON else b'{"token": "tok_phone_1"}\n'
    with pytest.raises(StreamRefused) as caught:
        await api.send(path, content, headers)
    assert caught.value.status == status
    assert json.loads(caught.value.problem)["code"] == code


async def test_nobody_of_the_public_contour_streams(api: Api, callers: Callers) -> None:
    callers.principal = Principal(kind="service", id="crm", tenant="demo", roles=("public_service",), contour="public")
    for path in ("/v1/tokenise:stream?columns=phone:phone", "/v1/reveal:stream?purpose=support"):
        with pytest.raises(StreamRefused) as caught:
            await api.send(path, b"phone\n+79001112233\n", CSV if "columns" in path else NDJSON)
        assert caught.value.status == 403


async def test_a_database_that_is_away_for_a_moment_costs_no_row(api: Api, vault_database: Database) -> None:
    away = outage(vault_database)

    async def act() -> bytes:
        return await api.send(f"/v1/tokenise:stream?columns={COLUMNS}", people(2000), CSV)

    with away:
        sent = asyncio.create_task(act())
        await asyncio.sleep(0.5)
    assert len((await sent).splitlines()) == 2001


async def test_a_stream_that_is_stopped_says_so(
    api: Api, vault_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def impatient(act: Any, **_: Any) -> Any:
        return await act()

    monkeypatch.setattr("pii_vault.streams.work.patiently", impatient)

    begun = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"phone": "+79001112233"}\n' * 6000
        await begun.wait()
        with outage(vault_database):
            for _ in range(20):
                yield b'{"phone": "+79001112233"}\n' * 1000
                await asyncio.sleep(0.05)

    url = f"{api.url}/v1/tokenise:stream?columns=phone:phone"
    out = b""
    async for part in stream(url, pieces(), headers=NDJSON):
        begun.set()
        out += part
    last = json.loads(out.splitlines()[-1])
    assert last["stopped"] in ("audit_unavailable", "store_unavailable")
    assert last["rows"] == len(out.splitlines()) - 1


async def test_a_vault_that_is_not_there_is_told() -> None:
    (port,) = free_ports(1)
    with pytest.raises(StreamBroken):
        await Api(f"http://127.0.0.1:{port}").send("/v1/reveal:stream?purpose=support", b"", NDJSON)
