"""What the issuer's parts share in one process: settings, policy, database, keys, signing keys."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from pii_vault.audit import inline
from pii_vault.audit.record import RecordEncoder, SubjectHasher
from pii_vault.config import VaultSettings
from pii_vault.identity.keys import IdentityKeys, load_identity_keys
from pii_vault.identity.password_work import PasswordWork
from pii_vault.identity.passwords import PasswordKeeper, password_keeper
from pii_vault.identity.policy import IdentityPolicy, policy_for
from pii_vault.identity.record import Person, entry_for
from pii_vault.identity.signing import SigningKeys
from pii_vault.keys.service import KeyService


@dataclass(slots=True)
class Identity:
    """Opens its keys on first use, so that a process starts, and answers 503, while the key service is away."""

    settings: VaultSettings
    sessions: sessionmaker[Session]
    key_service: KeyService
    clock: Callable[[], datetime]
    policy: IdentityPolicy
    _opened: "OpenIdentity | None" = field(default=None, repr=False)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    password_work: PasswordWork = field(init=False, repr=False)

    def __post_init__(self) -> None:
        policy = self.policy
        self.password_work = PasswordWork(
            at_once=policy.password_checks_at_once, waiting=policy.password_checks_waiting
        )

    @property
    def issuer(self) -> str:
        return self.settings.vault_origin.rstrip("/")

    @property
    def passwords(self) -> PasswordKeeper:
        return password_keeper(self.policy)

    async def open(self) -> "OpenIdentity":
        """The issuer with its keys in memory.

        Raises:
            KeyServiceUnavailable: the keys cannot be had now; the next call tries again.
        """
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._open()
        return self._opened

    async def _open(self) -> "OpenIdentity":
        keys = await load_identity_keys(self.key_service, self.sessions)
        signing = SigningKeys(self.sessions, keys, clock=self.clock, policy=self.policy)
        records = RecordEncoder(SubjectHasher(await self.key_service.audit_key()))
        return OpenIdentity(self, keys, signing, records)


@dataclass(frozen=True, slots=True)
class OpenIdentity:
    """An issuer that can work. Its synchronous users run in the thread pool."""

    identity: Identity
    keys: IdentityKeys
    signing: SigningKeys
    records: RecordEncoder = field(repr=False)

    @property
    def issuer(self) -> str:
        return self.identity.issuer

    @property
    def settings(self) -> VaultSettings:
        return self.identity.settings

    @property
    def policy(self) -> IdentityPolicy:
        return self.identity.policy

    @property
    def passwords(self) -> PasswordKeeper:
        return self.identity.passwords

    @property
    def sessions(self) -> sessionmaker[Session]:
        return self.identity.sessions

    def now(self) -> datetime:
        return self.identity.clock()

    def record(self, db: Session, person: Person, verb: str, decision: str = "allow", *, by: str | None = None) -> None:
        """The record of what this transaction does; the last thing before it commits.

        Raises:
            AuditUnavailable: let it leave the transaction, so that nothing is done.
        """
        db.flush()  # a row that breaks a rule is told as that, and the log's head is locked last
        inline.append(db, self.records, entry_for(person, verb, decision, by=by))


def open_sessions(database_url: str, *, size: int = 5) -> sessionmaker[Session]:
    """Sessions of the synchronous side. Connections are made when needed, and checked before they are used again."""
    url = database_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=size,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # an error of the driver must not carry a login or a hash into the log
        connect_args={"connect_timeout": 3, "application_name": "larets-identity"},
    )
    return sessionmaker(engine, expire_on_commit=False)


def new_identity(
    settings: VaultSettings,
    *,
    key_service: KeyService,
    sessions: sessionmaker[Session],
    clock: Callable[[], datetime],
    policy: IdentityPolicy | None = None,
) -> Identity:
    return Identity(settings, sessions, key_service, clock, policy or policy_for(settings.environment))
