import pytest

from pii_vault.errors import KeyServiceUnavailable
from pii_vault.keys.memory import MemoryKeyService
from tests.unit.pii_vault.keys.contract import KeyServiceContract


class TestMemoryKeyService(KeyServiceContract):
    @pytest.fixture
    async def keys(self) -> MemoryKeyService:
        return MemoryKeyService()

    async def test_an_outage_refuses_everything(self, shops: MemoryKeyService) -> None:
        shops.available = False
        for call in (shops.ready(), shops.generate("demo", [b"s"]), shops.audit_key(), shops.create_tenant("new")):
            with pytest.raises(KeyServiceUnavailable):
                await call
        shops.available = True
        await shops.ready()
