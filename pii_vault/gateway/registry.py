"""The connectors there are. To add one: a module that obeys `port.Connector`, and a line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pii_vault.gateway.errors import UnknownConnector
from pii_vault.gateway.port import Connector
from pii_vault.gateway.woocommerce import WooCommerce

CONNECTORS: Final[Mapping[str, Connector]] = MappingProxyType(
    {connector.id: connector for connector in (WooCommerce(),)}
)


def get_connector(connector_id: str) -> Connector:
    """Raises UnknownConnector."""
    try:
        return CONNECTORS[connector_id]
    except KeyError:
        raise UnknownConnector from None
