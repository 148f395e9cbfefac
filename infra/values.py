"""Where a program takes its secrets from: the stack's encrypted configuration, or placeholders when only rendering."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

import pulumi

from infra import pki
from infra.material import LATER

CONFIG: str = "larets"  # every value is called larets:<name> in the stack's configuration
NOT_GIVEN: str = "not given yet"


class Values(Protocol):
    """Secrets of a stack by name. What comes out is marked secret and stays so in state and plans."""

    def secret(self, name: str) -> pulumi.Output[str]: ...


class ConfigValues:
    """The stack's own configuration. A missing value stops the program, and so does a certificate that is over."""

    def __init__(self) -> None:
        self._config = pulumi.Config(CONFIG)

    def secret(self, name: str) -> pulumi.Output[str]:
        """Raises CertificateExpired before anything is deployed with it."""
        if name.endswith("-crt"):
            pki.check(self._config.require(name), name.removesuffix("-crt"), now=datetime.now(UTC))
        if name in LATER:
            return self._config.get_secret(name) or pulumi.Output.secret(NOT_GIVEN)
        return self._config.require_secret(name)


class GivenValues:
    """Values handed over, or placeholders made of their names: for rendering and for tests."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = values or {}

    def secret(self, name: str) -> pulumi.Output[str]:
        return pulumi.Output.secret(self._values.get(name, f"placeholder of {name}"))
