"""The shop's title comes with each token of the issuer; its clock is the owner's to set."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.kit.db import Database
from app.kit.staff import Staff
from app.models import StaffSession, Tenant
from tests.integration.app.pages.conftest import Reader
from tests.integration.app.support import TENANT, Clock, FakeIssuer, Take


async def test_pages_call_the_shop_by_its_title(read: Reader) -> None:
    assert "<small>Tea &amp; Teapots</small>" in (await read("/orders")).text
    shop = (await read("/shop")).text
    assert "<h1>Tea &amp; Teapots</h1>" in shop
    assert f"<b>{TENANT}</b>" in shop


async def test_new_title_comes_with_the_next_refresh(
    read: Reader, issuer: FakeIssuer, clock: Clock, db: Database
) -> None:
    await read("/orders")
    issuer.shop = "Чайная лавка"
    assert "Чайная лавка" not in (await read("/orders")).text
    clock.turn(timedelta(minutes=6))
    issuer.now = clock()
    async with db.tenant(TENANT) as session:
        row = (await session.scalars(select(StaffSession))).one()
    issuer.will_issue(Staff(id=row.staff_id, alias=row.alias, tenant=TENANT, roles=tuple(row.roles)))
    assert "Чайная лавка" in (await read("/orders")).text  # the refresh itself
    assert "Чайная лавка" in (await read("/contacts")).text  # and what it left in the database


@pytest.mark.parametrize(("zone", "shown"), [("Europe/Moscow", "11:00"), ("Asia/Vladivostok", "18:00")])
async def test_times_are_told_by_the_clock_of_the_shop(reader: Reader, take: Take, zone: str, shown: str) -> None:
    await take()  # placed at 08:00 UTC
    changed = await reader("POST", "/shop", role="owner", data={"time_zone": zone})
    assert changed.status_code == 303
    assert f'<span class="clock">{shown}</span>' in (await reader("GET", "/orders", role="owner")).text


async def test_day_of_a_list_begins_by_the_clock_of_the_shop(reader: Reader, take: Take) -> None:
    await take(created_at="2026-11-19T15:00:00Z")  # 18:00 of the 19th in Moscow, 01:00 of the 20th in Vladivostok
    day = "/orders?period=dates&from=2026-11-20&to=2026-11-20"
    assert "1001" not in (await reader("GET", day, role="owner")).text
    await reader("POST", "/shop", role="owner", data={"time_zone": "Asia/Vladivostok"})
    assert "1001" in (await reader("GET", day, role="owner")).text


@pytest.mark.parametrize("role", ["sales", "marketer", "warehouse", "officer"])
async def test_only_the_owner_sets_the_clock(reader: Reader, db: Database, role: str) -> None:
    assert "disabled" in (await reader("GET", "/shop", role=role)).text
    assert (await reader("POST", "/shop", role=role, data={"time_zone": "Asia/Omsk"})).status_code == 403
    async with db.tenant(TENANT) as session:
        kept = await session.get(Tenant, TENANT)
    assert kept is not None
    assert kept.time_zone == "Europe/Moscow"


@pytest.mark.parametrize("zone", ["Europe/Paris", "../../etc", ""])
async def test_zone_that_is_none_of_ours_is_refused(reader: Reader, zone: str) -> None:
    assert (await reader("POST", "/shop", role="owner", data={"time_zone": zone})).status_code == 422


async def test_another_shops_clock_stays(reader: Reader, db: Database, take: Take) -> None:
    await take(tenant="other-shop")
    await reader("POST", "/shop", role="owner", data={"time_zone": "Asia/Omsk"})
    async with db.tenant("other-shop") as session:
        other = await session.get(Tenant, "other-shop")
    assert other is not None
    assert other.time_zone == "Europe/Moscow"
