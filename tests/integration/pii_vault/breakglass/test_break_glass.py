"""Two people open what one may not see, for a time, on record; and nothing else opens it."""

from datetime import timedelta
from typing import Any

import pytest

from pii_vault.access.principal import Principal
from pii_vault.breakglass import service, store
from pii_vault.breakglass.errors import BreakGlassRefused, BrokenReason, NoSuchRequest, NotYours, StaleSecondFactor
from pii_vault.breakglass.grants import STALE_SECONDS, OpenGrants
from pii_vault.operations.items import TokeniseItem
from pii_vault.operations.reveal import reveal
from pii_vault.operations.tokenise import tokenise
from pii_vault.vault import Vault, new_request_id
from tests.support.postgres import Database
from tests.support.vault import outage, program, rows, staff

REASON = "курьерская служба требует паспорт получателя"
PURPOSE = "delivery"
SALES = staff("sales")
OFFICER = staff("officer")


async def passport(vault: Vault) -> str:
    items = [TokeniseItem(class_id="passport", value="45 10 123456")]
    [made] = await tokenise(vault, program(), items=items, request_id=new_request_id())
    assert made.token is not None
    return made.token


async def shown(vault: Vault, token: str, *, who: Principal = SALES, purpose: str = PURPOSE) -> str:
    vault.grants = OpenGrants(vault.pool)  # a worker that has read nothing yet
    [result] = await reveal(vault, who, purpose=purpose, tokens=[token], request_id=new_request_id())
    return "value" if result.value is not None else "mask" if result.mask is not None else str(result.error)


async def ask(vault: Vault, who: Principal = SALES, **changes: Any) -> str:
    fields: dict[str, Any] = {"purpose": PURPOSE, "classes": ["passport"], "reason": REASON, "minutes": 15} | changes
    return await service.request(vault, who, **fields)


def decisions(database: Database) -> list[tuple[object, ...]]:
    return rows(database, "SELECT verb, principal, decision FROM audit_detail WHERE verb LIKE 'break%%' ORDER BY idx")


async def test_a_second_person_opens_it_and_the_officer_sees_what_was_shown(
    vault: Vault, vault_database: Database
) -> None:
    token = await passport(vault)
    assert await shown(vault, token) == "denied"
    id_ = await ask(vault)
    assert await shown(vault, token) == "denied"
    await service.decide(vault, OFFICER, id_, approve=True)
    assert await shown(vault, token) == "value"
    others = (staff("sales", tenant="other"), staff("warehouse"), OFFICER)
    assert [await shown(vault, token, who=other) for other in others] == ["malformed_token", "denied", "mask"]
    assert await shown(vault, token, purpose="support") == "denied"
    await service.end(vault, SALES, id_)
    assert await shown(vault, token) == "denied"
    [request] = await store.list_requests(vault.pool, tenant="demo", only_of=None)
    assert await store.used(vault.pool, request) == {"passport": 1}
    assert await service.report_results(vault.pool, vault.audit) == 1
    assert await service.report_results(vault.pool, vault.audit) == 0
    assert decisions(vault_database) == [
        ("break_glass_request", SALES.id, "allow"),
        ("break_glass_approve", OFFICER.id, "allow"),
        ("break_glass_end", SALES.id, "allow"),
        ("break_glass_result", SALES.id, "allow"),
    ]
    [(counts,)] = rows(vault_database, "SELECT counts FROM audit_detail WHERE verb = 'break_glass_result'")
    assert counts == {"value": {"passport": 1}}


async def test_nobody_approves_the_own_request_nor_without_the_role(vault: Vault, vault_database: Database) -> None:
    token = await passport(vault)
    owner = staff("owner")
    id_ = await ask(vault, owner)
    with pytest.raises(NoSuchRequest):
        await service.decide(vault, owner, id_, approve=True)
    with pytest.raises(NotYours):
        await service.decide(vault, staff("sales"), id_, approve=True)
    with pytest.raises(NoSuchRequest):
        await service.decide(vault, staff("officer", tenant="other"), id_, approve=True)
    stale = staff("officer", second_factor_age=timedelta(minutes=61))
    with pytest.raises(StaleSecondFactor):
        await service.decide(vault, stale, id_, approve=True)
    assert await shown(vault, token, who=owner) == "denied"
    assert [decision for _, _, decision in decisions(vault_database)[1:]] == [
        "no_such_request", "not_yours", "no_such_request", "stale_second_factor"
    ]  # fmt: skip
    await service.decide(vault, OFFICER, id_, approve=True)  # the twin
    assert await shown(vault, token, who=owner) == "value"


async def test_a_refused_an_old_and_a_twice_decided_request_open_nothing(
    vault: Vault, vault_database: Database
) -> None:
    token = await passport(vault)
    refused = await ask(vault)
    await service.decide(vault, OFFICER, refused, approve=False)
    with pytest.raises(NoSuchRequest):
        await service.decide(vault, staff("owner"), refused, approve=True)
    old = await ask(vault)
    rows(vault_database, "UPDATE break_glass SET requested = now() - interval '61 minutes' WHERE id = %s", old)
    with pytest.raises(NoSuchRequest):
        await service.decide(vault, OFFICER, old, approve=True)
    assert await shown(vault, token) == "denied"


async def test_time_closes_it(vault: Vault, vault_database: Database) -> None:
    token = await passport(vault)
    await service.decide(vault, OFFICER, await ask(vault, minutes=1), approve=True)
    assert await shown(vault, token) == "value"
    rows(vault_database, "UPDATE break_glass SET expires = now() + interval '30 seconds'")
    now = [0.0]
    grants = OpenGrants(vault.pool, monotonic=lambda: now[0])
    await grants.refresh()
    assert grants.covers(SALES, PURPOSE, "passport")
    assert not grants.covers(SALES, PURPOSE, "inn")
    now[0] = STALE_SECONDS  # nobody has asked the database for a while
    assert not grants.covers(SALES, PURPOSE, "passport")
    await grants.refresh()
    assert grants.covers(SALES, PURPOSE, "passport")
    rows(vault_database, "UPDATE break_glass SET expires = now() + interval '1 second'")
    now[0] += 1.0
    await grants.refresh()
    assert grants.covers(SALES, PURPOSE, "passport")
    now[0] += 1.0  # its time is up, whatever was read
    assert not grants.covers(SALES, PURPOSE, "passport")
    rows(vault_database, "UPDATE break_glass SET expires = now() - interval '1 second'")
    assert await shown(vault, token) == "denied"


async def test_without_the_database_nothing_is_open(vault: Vault, vault_database: Database) -> None:
    await service.decide(vault, OFFICER, await ask(vault), approve=True)
    now = [0.0]
    grants = OpenGrants(vault.pool, monotonic=lambda: now[0])
    await grants.refresh()
    assert grants.covers(SALES, PURPOSE, "passport")
    now[0] = 1.5
    with outage(vault_database):
        await grants.refresh()
        assert not grants.covers(SALES, PURPOSE, "passport")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": "надо"}, BrokenReason),
        ({"reason": "позвонить на +7 916 123-45-67 срочно"}, BrokenReason),
        ({"minutes": 61}, BreakGlassRefused),
        ({"minutes": 0}, BreakGlassRefused),
        ({"classes": []}, BreakGlassRefused),
        ({"classes": ["card"]}, BreakGlassRefused),
        ({"classes": ["passport", "nonsense"]}, BreakGlassRefused),
        ({"purpose": "marketing"}, BreakGlassRefused),
        ({"purpose": "no such; purpose"}, BreakGlassRefused),
    ],
)
async def test_what_cannot_be_asked_for(vault: Vault, changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await ask(vault, **changes)
    assert await store.list_requests(vault.pool, tenant="demo", only_of=None) == []


async def test_whose_role_no_policy_names_cannot_ask(vault: Vault) -> None:
    assert service.openable(vault, staff("warehouse")) == {}
    assert "passport" in service.openable(vault, SALES)[PURPOSE]
    with pytest.raises(BreakGlassRefused):
        await ask(vault, staff("warehouse"))


async def test_the_database_itself_refuses_one_person_for_both(vault: Vault, vault_database: Database) -> None:
    await ask(vault)
    with pytest.raises(Exception, match="check constraint"):
        rows(vault_database, "UPDATE break_glass SET decided = now(), decided_by = requested_by, approved = false")
    with pytest.raises(Exception, match="check constraint"):
        rows(
            vault_database,
            "UPDATE break_glass SET decided = now(), decided_by = 'x', approved = true, "
            "expires = now() + interval '61 minutes'",
        )
