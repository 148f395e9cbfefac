"""What every router is built from. `main.py` builds it once; tests build it with their own parts."""

from dataclasses import dataclass, field

from app.config import AppSettings
from app.kit.clock import Clock, utc_now
from app.kit.db import Database
from app.signin.service import SignIn
from app.telemetry.counters import Counters
from pii_vault.client import RelayPort


@dataclass(frozen=True, slots=True)
class AppServices:
    """`signin.staff(request)` says who asks; `db.tenant(staff.tenant)` opens the transaction to work in."""

    settings: AppSettings
    db: Database
    signin: SignIn
    relay: RelayPort
    clock: Clock = utc_now
    counters: Counters = field(default_factory=Counters)
