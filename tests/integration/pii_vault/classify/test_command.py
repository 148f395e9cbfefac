"""`larets tenant classified-text`: named for an officer, recorded, and called a residual risk by the leak check."""

from typing import Any

import psycopg

from scripts import staff, tenant
from scripts.leakcheck.residual import residual_risks
from tests.integration.pii_vault.identity.test_commands import database, larets, refused  # noqa: F401  a fixture
from tests.support.postgres import Database
from tests.support.vault import rows


class _Rig:
    def __init__(self, url: str) -> None:
        self._url = url

    def private_database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True)


def test_a_switch_from_first_to_last(database: Database) -> None:  # noqa: F811  the fixture
    larets(tenant.cli, "create", "flowers", "--title", "Цветы")
    for role, alias in (("officer", "Контроль"), ("sales", "Продавец")):
        larets(staff.cli, "invite", f"{role}@example.ru", "--tenant", "flowers", "--role", role, "--alias", alias)
    rig = _Rig(database.superuser_url)
    assert residual_risks(rig) == []
    assert refused(tenant.cli, "classified-text", "flowers", "on", "--officer", "Продавец")
    assert refused(tenant.cli, "classified-text", "flowers", "on", "--officer", "Контроль", "--class", "phone")
    assert residual_risks(rig) == []
    made = larets(tenant.cli, "classified-text", "flowers", "on", "--officer", "Контроль")
    assert made == {"tenant": "flowers", "class": "text", "classified_text": "on", "residual_risk": True}
    [risk] = residual_risks(rig)
    assert "flowers" in risk
    assert larets(tenant.cli, "classified-text", "flowers", "off", "--officer", "Контроль")["residual_risk"] is False
    assert residual_risks(rig) == []
    acts = "SELECT verb, decision, principal FROM audit_detail WHERE verb LIKE 'classified%%' ORDER BY idx"
    assert [act[:2] for act in rows(database, acts)] == [
        ("classified_text_on", "forbidden"), ("classified_text_on", "allow"), ("classified_text_off", "allow"),
    ]  # fmt: skip
    assert [act[2] for act in rows(database, acts)][1:] == ["operator", "operator"]
