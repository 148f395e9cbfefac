"""Texts taken in: a token as a whole, and classified only where the officer let them cross."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from pii_vault.classify.find import find
from pii_vault.classify.process import ClassifierProcess, ClassifierUnavailable
from pii_vault.classify.setting import switch, switched_on
from pii_vault.classify.text import classify_text
from pii_vault.core.detect import find_personal_data
from pii_vault.core.mixed import is_mixed
from pii_vault.core.tokens import parse_token_shape
from pii_vault.errors import Forbidden, InvalidRequest, InvalidValue
from pii_vault.operations.items import TakenText, TokeniseItem
from pii_vault.operations.reindex import reindex
from pii_vault.operations.reveal import reveal
from pii_vault.operations.search import search
from pii_vault.operations.tokenise import tokenise
from pii_vault.rights.correct import correct
from pii_vault.vault import Vault
from tests.support.classifiers import Away, Blind, Rules
from tests.support.postgres import Database
from tests.support.vault import program, rows, staff

TEXT = "Это Ольга Синицына, 8 916 441 77 23, живу ул. Лесная, д. 5, кв. 7. Заказ 48215."


async def take(vault: Vault, text: str = TEXT, classifier: object = None) -> TakenText:
    return await classify_text(vault, program(), text, classifier=classifier or Rules(), request_id="r")  # type: ignore[arg-type]


async def let_cross(vault: Vault, *, on: bool = True) -> None:
    await switch(vault, staff("officer"), class_id="text", on=on, request_id="r")


async def test_by_default_a_text_is_one_token_and_nothing_of_it_crosses(vault: Vault) -> None:
    taken = await take(vault)
    assert taken.crossing is None
    assert taken.token.startswith("tok_text_")


async def test_where_it_was_switched_on_tokens_stand_in_place(vault: Vault) -> None:
    await let_cross(vault)
    taken = await take(vault)
    assert taken.crossing is not None
    assert find_personal_data(taken.crossing) == []
    words = taken.crossing.replace(",", " ").replace(".", " ").split()
    tokens = [word for word in words if parse_token_shape(word)]
    assert [token.split("_")[1] for token in tokens] == ["name", "phone", "address"]
    assert taken.crossing.startswith("Это tok_name_")
    assert taken.crossing.endswith("Заказ 48215.")
    found = await reveal(vault, program(), purpose="support", tokens=[taken.token, *tokens], request_id="r")
    assert [each.value for each in found] == [TEXT, "Ольга Синицына", "8 916 441 77 23", "ул. Лесная, д. 5, кв. 7"]


async def test_a_value_that_is_none_of_its_class_becomes_text(vault: Vault) -> None:
    await let_cross(vault)
    said = "мой телефон восемь девятьсот шестнадцать четыреста сорок один семьдесят семь двадцать три"
    taken = await take(vault, said)
    assert taken.crossing is not None
    assert taken.crossing.startswith("мой телефон tok_text_")


@pytest.mark.parametrize("classifier", [Away(), Blind()])
async def test_what_goes_wrong_leaves_the_text_a_token_as_a_whole(vault: Vault, classifier: object) -> None:
    await let_cross(vault)
    taken = await take(vault, classifier=classifier)
    assert taken.crossing is None
    assert taken.token.startswith("tok_text_")


async def test_a_text_in_which_nothing_was_found_stays_whole(vault: Vault) -> None:
    await let_cross(vault)
    assert (await take(vault, "Заказ 48215 не пришёл")).crossing is None


async def test_a_class_that_may_not_be_stored_leaves_the_text_whole(vault: Vault) -> None:
    await let_cross(vault)
    text = "Это Ольга Синицына, паспорт 4515 882341"
    both = [
        await classify_text(vault, who, text, classifier=Rules(), request_id="r") for who in (program(), staff("sales"))
    ]
    assert [taken.crossing is not None for taken in both] == [True, False]


async def test_nobody_is_found_by_what_a_text_mentions(vault: Vault, vault_database: Database) -> None:
    """A courier's phone in a buyer's note is not the buyer's: neither now nor after the index was built anew."""
    await let_cross(vault)
    taken = await take(vault)
    assert taken.crossing is not None

    async def found(phone: str = "+79164417723") -> list[str]:
        subjects = await search(vault, program(), purpose="support", class_id="phone", value=phone, request_id="r")
        return [each.subject for each in subjects]

    assert await found() == []
    await reindex(vault, "demo", load=1, settle=0)
    assert await found() == []
    [own] = await tokenise(vault, program(), [TokeniseItem("phone", "+79164417723")], request_id="r")
    assert await found() == [own.subject]  # twin: one that is somebody's is found
    [mentioned] = [word.strip(",.") for word in taken.crossing.split() if word.startswith("tok_phone_")]
    await correct(vault, staff("officer"), token=mentioned, value="+79164417724", request_id="r")
    assert await found("+79164417724") == []
    assert rows(vault_database, "SELECT count(*) FROM pii_value WHERE digest IS NOT NULL") == [(1,)]


async def test_what_a_text_mentions_is_not_its_writers_own(vault: Vault) -> None:
    """The relay writes to a person's newest phone: it must never be the husband's, whom a note mentions."""
    await let_cross(vault)
    [own] = await tokenise(vault, program(), [TokeniseItem("phone", "+79031112233")], request_id="r")
    taken = await classify_text(vault, program(), TEXT, classifier=Rules(), request_id="r", subject=own.subject)
    assert taken.crossing is not None
    assert taken.subject == own.subject
    [found] = await search(vault, program(), purpose="support", class_id="phone", value="+79031112233", request_id="r")
    assert found.tokens == {"phone": [own.token], "text": [taken.token]}


async def test_a_repeated_request_gives_the_same_tokens(vault: Vault) -> None:
    await let_cross(vault)
    one, two = [
        await classify_text(vault, program(), TEXT, classifier=Rules(), request_id="r", idempotency_key="k")
        for _ in "12"
    ]
    assert one == two
    assert one.crossing is not None
    assert is_mixed(one.crossing)


async def test_the_switch_is_the_officers_and_stands_in_the_log(vault: Vault, vault_database: Database) -> None:
    for role in ("owner", "sales", "marketer"):
        with pytest.raises(Forbidden):
            await switch(vault, staff(role), class_id="text", on=True, request_id="r")
    assert await switched_on(vault, "demo") == []
    await let_cross(vault)
    assert [(each.class_id, each.officer) for each in await switched_on(vault, "demo")] == [("text", "stf_officer")]
    assert await switched_on(vault, "other") == []
    await let_cross(vault, on=False)
    assert (await take(vault)).crossing is None
    found = rows(vault_database, "SELECT verb, decision FROM audit_detail WHERE verb LIKE 'classified%' ORDER BY idx")
    assert found == [("classified_text_on", "forbidden")] * 3 + [
        ("classified_text_on", "allow"),
        ("classified_text_off", "allow"),
    ]


async def test_only_a_class_of_text_is_classified(vault: Vault) -> None:
    with pytest.raises(InvalidRequest):
        await switch(vault, staff("officer"), class_id="phone", on=True, request_id="r")
    with pytest.raises(InvalidValue):
        await take(vault, "  ")


async def test_the_process_finds_starts_again_and_refuses_what_is_too_long() -> None:
    process = ClassifierProcess(recogniser=False, patience=30)
    try:
        assert await process.find(TEXT) == find(TEXT)
        for child in list(process._executor._processes.values()):  # type: ignore[union-attr]
            child.kill()
        with pytest.raises(ClassifierUnavailable):
            await process.find(TEXT)
        assert await process.find(TEXT) == find(TEXT)
        with pytest.raises(ClassifierUnavailable):
            await process.find("а" * 20_001)
    finally:
        process.close()


async def test_who_asks_waits_for_a_bounded_time_and_the_process_goes_on() -> None:
    process = ClassifierProcess(recogniser=False, patience=0.001)
    try:
        with pytest.raises(ClassifierUnavailable):
            await process.find(TEXT)  # the process is not even up yet
        patient = await asyncio.wait_for(next(iter(process._at_work)), 20)
        assert patient == find(TEXT)
        await asyncio.sleep(0)
        assert not process._at_work
    finally:
        process.close()


async def test_a_process_that_is_stuck_is_ended_and_too_many_do_not_queue() -> None:
    process = ClassifierProcess(recogniser=False, patience=20, seconds=20, most=2)
    try:
        assert await process.find(TEXT)
        [child] = (process._executor._processes or {}).values()  # type: ignore[union-attr]
        os.kill(child.pid or 0, signal.SIGSTOP)
        process._seconds = 0.5
        answers = await asyncio.gather(*(process.find(TEXT) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(answer, ClassifierUnavailable) for answer in answers)
        for _ in range(200):  # the executor's thread waits for it too, and may be told of its end first
            if child.exitcode is not None:
                break
            await asyncio.sleep(0.05)
        assert child.exitcode == -signal.SIGKILL
        process._seconds = 20
        assert await process.find(TEXT) == find(TEXT)
    finally:
        process.close()


async def test_who_waits_behind_a_text_that_is_stuck_is_told_that_it_is_away() -> None:
    process = ClassifierProcess(recogniser=False, patience=20, seconds=20)
    try:
        assert await process.find(TEXT)
        [child] = (process._executor._processes or {}).values()  # type: ignore[union-attr]
        os.kill(child.pid or 0, signal.SIGSTOP)
        process._seconds = 0.5
        stuck = asyncio.create_task(process.find(TEXT))
        await asyncio.sleep(0.1)
        process._seconds = 20
        behind = await asyncio.gather(*(process.find(TEXT) for _ in range(5)), return_exceptions=True)
        assert {type(answer) for answer in behind} == {ClassifierUnavailable}
        with pytest.raises(ClassifierUnavailable):
            await stuck
        waiting = asyncio.create_task(process.find(TEXT))  # whoever goes away is still cancelled
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    finally:
        process.close()


async def test_a_killed_vault_leaves_no_classifier_behind(tmp_path: Path) -> None:
    script = tmp_path / "vault.py"
    script.write_text(
        "import asyncio, os, sys\n"
        "from pii_vault.classify.process import ClassifierProcess\n"
        "async def main():\n"
        "    process = ClassifierProcess(recogniser=False, patience=30)\n"
        "    await process.find('это Ольга')\n"
        "    print(*process._executor._processes, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    for _ in range(200):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            return
        await asyncio.sleep(0.05)
    pytest.fail("the classifier's process is still there")
