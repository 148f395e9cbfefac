"""Contacts over the API. Persons are tokens here; values are typed and drawn in the vault's frames."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.contacts import service
from app.contacts.schemas import ContactNew, ContactOut, ContactPatch
from app.contacts.service import TokenChange
from app.kit.etag import etag, required_version, unchanged
from app.kit.idempotency import Answer, once
from app.kit.schemas import Cursor, Limit, PageOut, TokenIn
from app.kit.staff import Staff
from app.models import Contact
from app.services import AppServices
from app.timeline import service as timeline
from app.timeline.schemas import TimelineOut


def build_contacts(services: AppServices) -> APIRouter:
    router = APIRouter(prefix="/contacts", tags=["contacts"])
    _add_reads(router, services)
    _add_writes(router, services)
    return router


def _add_reads(router: APIRouter, services: AppServices) -> None:
    # As a dependency: who may not be here is told so before anything is said about the request's body.
    who = Depends(services.signin.staff)

    @router.get("")
    async def list_contacts(
        staff: Annotated[Staff, who],
        subject: Annotated[list[str] | None, Query(max_length=50)] = None,
        token: TokenIn | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> PageOut[ContactOut]:
        """Last changed first. `subject`, given once or several times, is what a search frame found."""
        async with services.db.tenant(staff.tenant) as session:
            page = await service.list_contacts(session, subjects=subject, token=token, limit=limit, cursor=cursor)
        data = [ContactOut.model_validate(row) for row in page.data]
        return PageOut(data=data, next_cursor=page.next_cursor)

    @router.get("/{contact_id}", response_model=ContactOut)
    async def get_contact(request: Request, staff: Annotated[Staff, who], contact_id: str) -> Response:
        async with services.db.tenant(staff.tenant) as session:
            contact = await service.get_contact(session, contact_id)
        if unchanged(request, contact.version):
            return Response(status_code=304, headers={"etag": etag(contact.version)})
        return _answer(contact, status=200).response()

    @router.get("/{contact_id}/timeline")
    async def get_timeline(
        staff: Annotated[Staff, who], contact_id: str, limit: Limit = 50, cursor: Cursor = None
    ) -> PageOut[TimelineOut]:
        """What happened to this person and to their orders, newest first."""
        async with services.db.tenant(staff.tenant) as session:
            await service.get_contact(session, contact_id)
            page = await timeline.contact_timeline(session, contact_id, limit=limit, cursor=cursor)
        data = [TimelineOut.model_validate(row) for row in page.data]
        return PageOut(data=data, next_cursor=page.next_cursor)


def _add_writes(router: APIRouter, services: AppServices) -> None:
    # As a dependency: who may not be here is told so before anything is said about the request's body.
    who = Depends(services.signin.staff)

    @router.post("", response_model=ContactOut, status_code=201)
    async def create_contact(request: Request, staff: Annotated[Staff, who], body: ContactNew) -> Response:
        """A contact out of what a collect frame handed over."""
        now = services.clock()
        async with services.db.tenant(staff.tenant) as session:

            async def act() -> Answer:
                contact = await service.create_contact(
                    session, staff, subject=body.subject, tokens=body.tokens, now=now
                )
                return _answer(contact, status=201)

            return await once(session, request, staff, now=now, act=act)

    @router.patch("/{contact_id}", response_model=ContactOut)
    async def change_contact(
        request: Request, staff: Annotated[Staff, who], contact_id: str, body: ContactPatch
    ) -> Response:
        """Correct tokens, in the contact and in its orders alike, or set the note; `If-Match` is required."""
        version = required_version(request)
        now = services.clock()
        async with services.db.tenant(staff.tenant) as session:

            async def act() -> Answer:
                contact = await service.change_contact(
                    session,
                    staff,
                    contact_id,
                    correct=[TokenChange(new=change.new, old=change.old) for change in body.correct],
                    note_token=body.note_token,
                    note_mixed=body.note_mixed,
                    version=version,
                    now=now,
                )
                return _answer(contact, status=200)

            return await once(session, request, staff, now=now, act=act)


def _answer(contact: Contact, *, status: int) -> Answer:
    body = ContactOut.model_validate(contact).model_dump_json().encode()
    return Answer(status, body, etag(contact.version))
