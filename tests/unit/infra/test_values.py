"""Values of a stack come from its configuration; a certificate that is over stops the program."""

import contextvars
from datetime import UTC, datetime, timedelta

import pulumi
import pytest

from infra import pki
from infra.errors import CertificateExpired
from infra.values import ConfigValues

NOW = datetime.now(UTC)


def taken(configured: dict[str, str], name: str) -> pulumi.Output[str]:
    """In a context of its own: configuration is the engine's global."""

    def run() -> pulumi.Output[str]:
        pulumi.runtime.set_all_config({f"larets:{key}": value for key, value in configured.items()})
        return ConfigValues().secret(name)

    return contextvars.copy_context().run(run)


def certificate(made: datetime) -> str:
    return pki.make_authority("authority", now=made).certificate


async def test_a_value_comes_out_marked_as_secret() -> None:
    assert await taken({"database-owner": "x"}, "database-owner").is_secret()
    assert await taken({"authority-crt": certificate(NOW)}, "authority-crt").is_secret()


async def test_an_expired_certificate_stops_the_program() -> None:
    with pytest.raises(CertificateExpired, match="authority: ends on"):
        taken({"authority-crt": certificate(NOW - timedelta(days=4000))}, "authority-crt")


async def test_a_missing_value_is_named() -> None:
    with pytest.raises(pulumi.ConfigMissingError, match="database-owner"):
        taken({}, "database-owner")
