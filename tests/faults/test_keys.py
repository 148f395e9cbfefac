"""The key service gone, sealed or silent at each of its calls: waiting is bounded, no answer is wrong, all recovers.

Before which call of the key service the fault comes is drawn for each case: `FAULT_SEED` draws the same ones again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import httpx
import pytest

from scripts.voice import say
from tests.faults.callers import LONGEST_ANSWER, item, recovered, refused_well, reveal, tokenise, tokens_of, wrong
from tests.faults.share import SEED, share, some
from tests.faults.stage import Stage, staged

CREDULOUS = "tests.faults.credulous"
FAULTS = ("gone", "sealed", "broken", "slow")
MOST_CALLS = 7  # of a command: sign-in, reads, the act itself
CASES = share("FAULT_KEY_CASES", 20)  # of each verb and fault
LIVES = share("FAULT_KEY_LIVES", 10)  # rotate, rewrap, trim, erase


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    shops = len(FAULTS) * CASES + LIVES + 4
    with staged(tmp_path_factory.mktemp("keys"), shops=shops, workers=1, more={}) as made:
        yield made


@pytest.mark.parametrize("fault", some(FAULTS))
def test_tokenise_and_the_first_reveal_at_each_call(stage: Stage, fault: str) -> None:
    shops = stage.shops(CASES)
    draw = random.Random(f"{SEED}/{fault}")
    met = 0
    tokens: list[list[str]] = []
    for place, shop in enumerate(shops):
        with stage.client(shop) as client:
            stage.fail(fault, spare=draw.randrange(4))
            answer, after = disturbed(stage, partial(tokenise, client, pair(place), "k"))
            met += stage.engine.faulted
            assert answer is None or answer.json() == after.json()
            tokens.append([each["token"] for each in after.json()["items"]])
    stage.restart()
    for place, shop in enumerate(shops):
        with stage.client(shop) as client:
            stage.fail(fault, spare=draw.randrange(2))
            answer, after = disturbed(stage, partial(reveal, client, tokens[place]))
            met += stage.engine.faulted
            assert answer is None or wrong(answer, pair(place)) == []
            assert wrong(after, pair(place)) == []
    assert met, "the fault befell nothing"
    assert stage.chain() == []


def pair(place: int) -> range:
    return range(place * 10, place * 10 + 2)


def disturbed(stage: Stage, ask: Callable[[], httpx.Response]) -> tuple[httpx.Response | None, httpx.Response]:
    """The answer under the fault, None where it was refused as it should be, and the one after it."""
    begun = time.monotonic()
    answer = ask()
    refused = refused_well(answer, time.monotonic() - begun)
    stage.heal()
    return None if refused else answer, recovered(ask)


def test_what_is_at_hand_serves_on_and_the_rest_is_refused(stage: Stage) -> None:
    (shop,) = stage.shops(1)
    with stage.client(shop) as client:
        cold = recovered(lambda: tokenise(client, range(2), "cold")).json()["items"]
        stage.restart()
        warm = recovered(lambda: tokenise(client, range(10, 12), "warm")).json()["items"]
        time.sleep(2)  # keys are made in advance meanwhile
        stage.fail("sealed", spare=0)
        assert wrong(reveal(client, [each["token"] for each in warm]), range(10, 12)) == []
        begun = time.monotonic()
        assert refused_well(reveal(client, [each["token"] for each in cold]), time.monotonic() - begun)
        ready = tokenise(client, range(20, 22), "ready")
        assert ready.status_code == httpx.codes.OK, ready.text
        begun = time.monotonic()
        assert refused_well(tokenise(client, range(100, 1100), "more than ready"), time.monotonic() - begun)
        stage.heal()
        assert wrong(recovered(lambda: reveal(client, [each["token"] for each in cold])), range(2)) == []


def test_rotate_rewrap_trim_and_erase_at_any_call(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(SEED)
    lives: list[tuple[str, range, list[str]]] = []
    for life, shop in enumerate(stage.shops(LIVES)):
        numbers = range(life * 100, life * 100 + 20)
        with stage.client(shop) as client:
            stored = recovered(lambda: tokenise(client, numbers, "k")).json()["items"]  # noqa: B023
            tokens = [each["token"] for each in stored]
            for words in (
                ("keys", "rotate", "--tenant", shop),
                ("keys", "rewrap", "--tenant", shop),
                ("keys", "trim", "--tenant", shop),
                ("subject", "erase", stored[0]["subject"], "--yes"),
            ):
                fault, spare = draw.choice(FAULTS), draw.randrange(MOST_CALLS)
                stage.fail(fault, spare=spare)
                first = stage.rig.command(*words)
                stage.heal()
                with capsys.disabled():
                    say(f"  {' '.join(words[:2])}: {fault} at call {spare + 1}: {first.returncode}, FAULT_SEED={SEED}")
                assert first.returncode in (0, 1), first.stderr
                assert "Traceback" not in first.stderr, first.stderr
                if first.returncode:
                    again = stage.rig.command(*words)
                    done = again.returncode == 0 or "rotate before you trim" in again.stderr
                    assert done, again.stderr
        lives.append((shop, numbers, tokens))
    stage.restart()  # a vault that held the keys would not tell what became of the wrapped ones
    for shop, numbers, tokens in lives:
        assert left(stage, shop, tokens[:1]).json()["items"] == [{"error": "erased"}]
        assert wrong(left(stage, shop, tokens[1:]), numbers[1:]) == []
    assert stage.chain() == []


def left(stage: Stage, shop: str, tokens: Sequence[str]) -> httpx.Response:
    with stage.client(shop) as client:
        return recovered(lambda: reveal(client, tokens))


def test_the_twin_another_persons_value_and_bad_refusals_are_found_out(stage: Stage) -> None:
    """The judgement itself, on answers that a vault must never give."""
    (shop,) = stage.shops(1)
    with stage.client(shop) as client:
        tokens = [each["token"] for each in recovered(lambda: tokenise(client, range(2), "k")).json()["items"]]
        right = reveal(client, tokens)
        assert wrong(right, range(2)) == []
        assert wrong(right, range(1, 3)) == [f"{{'value': '{item(number)['value']}'}}" for number in range(2)]
    code, soon = "key_service_unavailable", {"retry-after": "1"}
    with pytest.raises(AssertionError):
        refused_well(httpx.Response(500, json={"code": "internal"}), 0)
    with pytest.raises(AssertionError):
        refused_well(httpx.Response(503, json={"code": code, "detail": item(1)["value"]}, headers=soon), 0)
    with pytest.raises(AssertionError):
        refused_well(httpx.Response(503, json={"code": code}), 0)
    with pytest.raises(AssertionError):
        refused_well(httpx.Response(503, json={"code": code}, headers=soon), LONGEST_ANSWER + 1)
    assert refused_well(httpx.Response(503, json={"code": code}, headers=soon), 0)


def test_the_twin_a_vault_that_takes_an_error_for_an_answer_is_found_out(stage: Stage) -> None:
    one, other = stage.shops(2)
    kept, made_up = range(2), range(100, 1100)
    with stage.client(one) as client, stage.client(other) as unknown:
        tokens = tokens_of(recovered(lambda: tokenise(client, kept, "kept")))
        stage.restart(module=CREDULOUS)
        stage.fail("sealed")
        breakdown = tokenise(unknown, kept, "k")
        with pytest.raises(AssertionError):
            refused_well(breakdown, 0)
        assert len(wrong(reveal(client, tokens), kept)) == len(kept)
        stage.heal()
        recovered(lambda: tokenise(client, range(10, 12), "its index is at hand"))
        stage.fail("sealed", only="/encrypt/")
        answer = tokenise(client, made_up, "more than ready")
        assert not refused_well(answer, 0)  # as if all were well
        stage.heal()
        asyncio.run(stage.keys.rotate(one, "kek"))
        stage.fail("sealed", only="/rewrap/")
        assert stage.rig.command("keys", "rewrap", "--tenant", one, module=CREDULOUS).returncode == 0
        assert stage.engine.faulted, "the fault befell nothing"
        stage.heal()
        assert stage.rig.command("keys", "trim", "--tenant", one).returncode == 0
        stage.restart()
        assert wrong(left(stage, one, tokens_of(answer)), made_up)
        assert len(wrong(left(stage, one, tokens), kept)) == len(kept)
