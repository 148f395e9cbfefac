from fastapi import APIRouter

from app.kit.db import Database


def build_health(db: Database) -> APIRouter:
    """`/healthz`: the process answers. `/readyz`: it can work, that is, the database answers too."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> dict[str, str]:
        await db.ready()
        return {"status": "ok"}

    return router
