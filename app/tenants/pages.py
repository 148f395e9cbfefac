"""The shop itself: what it is called, and by which clock its pages tell the time."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from app.errors import Forbidden
from app.kit.staff import OWNER
from app.kit.web import Pages, see_other
from app.kit.zones import ZONES
from app.services import AppServices
from app.tenants import service as tenants


def build_tenant_pages(services: AppServices, pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/shop")
    async def shop(request: Request) -> Response:
        staff = await services.signin.staff(request)
        return pages.render(request, "tenants/shop.html", staff=staff, zones=ZONES, may_change=OWNER in staff.roles)

    @router.post("/shop")
    async def change(request: Request, time_zone: Annotated[str, Form(max_length=40)]) -> Response:
        """The owner alone: a changed clock moves the days of everybody's lists."""
        staff = await services.signin.staff(request)
        if OWNER not in staff.roles:
            raise Forbidden
        async with services.db.tenant(staff.tenant) as session:
            await tenants.set_time_zone(session, staff.tenant, time_zone)
        return see_other(request, "/shop", flash="shop_changed")

    return router
