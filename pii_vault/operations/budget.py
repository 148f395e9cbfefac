"""Hourly budgets: how many persons a principal may reveal, and how many searches make, before it must wait."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pii_vault import store
from pii_vault.access.principal import Principal
from pii_vault.errors import BudgetExceeded, PolicyError

BudgetAction = Literal["reveal", "search"]


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    reveal: int | None = Field(ge=0)
    search: int | None = Field(ge=0)


class _BudgetFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    budgets: dict[str, _Limits] = Field(min_length=1)


class Budgets:
    """Limits by role. A role that is not listed has none to spend."""

    def __init__(self, limits: dict[str, dict[str, int | None]]) -> None:
        self._limits = limits

    def limit(self, roles: Iterable[str], action: BudgetAction) -> int | None:
        """The largest limit of these roles; None where one of them is unlimited."""
        found = [self._limits[role][action] for role in roles if role in self._limits]
        return None if None in found else max((limit for limit in found if limit is not None), default=0)

    async def charge(
        self, pool: Any, principal: Principal, *, tenant_key: int, action: BudgetAction, count: int
    ) -> None:
        """Count `count` more; in a transaction of its own, so that what is refused later stays counted.

        Raises:
            BudgetExceeded: the limit would be passed; nothing is counted then.
        """
        limit = self.limit(principal.roles, action)
        if limit is None or not count:
            return
        account = f"{principal.kind}:{principal.id}"
        if not await store.fetch(pool, store.CHARGE, tenant_key, account, action, count, limit):
            raise BudgetExceeded


def load_budgets(path: Path, *, roles: Iterable[str]) -> Budgets:
    """Reads policies/budgets.yaml. Raises PolicyError when it is broken or does not list exactly these roles."""
    try:
        content = _BudgetFile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    if set(content.budgets) != set(roles):
        wrong = sorted(set(content.budgets) ^ set(roles))
        raise PolicyError(f"{path.name}: list every role of roles.yaml once; look at {', '.join(wrong)}")
    return Budgets({role: limits.model_dump() for role, limits in content.budgets.items()})
