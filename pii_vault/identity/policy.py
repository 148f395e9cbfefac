"""How strict the issuer is. One frozen value, chosen by the environment, so that tests can be quick and exact."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """Times, costs and limits of signing in. The defaults are the production values."""

    argon2_time_cost: int = 3
    argon2_memory_kib: int = 64 * 1024
    argon2_parallelism: int = 4
    password_checks_at_once: int = 2  # each one holds argon2_memory_kib: more would be a way to exhaust memory
    password_checks_waiting: int = 16  # who comes when so many wait is told to come again
    password_min_length: int = 12
    password_max_length: int = 256

    session_lifetime: timedelta = timedelta(hours=12)
    session_idle: timedelta = timedelta(hours=2)
    signin_attempt_lifetime: timedelta = timedelta(minutes=5)
    second_factor_lifetime: timedelta = timedelta(hours=12)
    invitation_lifetime: timedelta = timedelta(hours=48)

    access_token_lifetime: timedelta = timedelta(minutes=5)
    code_lifetime: timedelta = timedelta(seconds=60)
    refresh_grace: timedelta = timedelta(seconds=30)  # an answer that got lost may be asked for again
    signing_key_overlap: timedelta = timedelta(hours=1)

    account_free_failures: int = 5
    address_free_failures: int = 30
    first_delay: timedelta = timedelta(seconds=5)
    longest_delay: timedelta = timedelta(minutes=15)
    failures_forgotten_after: timedelta = timedelta(hours=24)

    state_cache: timedelta = timedelta(seconds=3)  # how long a bearer check may trust what it last read


def policy_for(environment: str) -> IdentityPolicy:
    """Cheap password hashes in `test` alone: everywhere else the production cost is paid."""
    if environment == "test":
        return IdentityPolicy(argon2_time_cost=1, argon2_memory_kib=64, argon2_parallelism=1)
    return IdentityPolicy()
