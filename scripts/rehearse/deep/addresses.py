"""Who has which address in the deep rehearsal. The internet is one wire, 203.0.113.0/24, which no host on earth has."""

from dataclasses import dataclass
from typing import Final

from scripts.env.place import Side

LENGTH: Final = 24
ADMINISTRATOR: Final = "203.0.113.1"  # whoever runs `larets env`, and browsers and shops on the internet
KEY_SERVICE: Final = "203.0.113.30"
STRANGER: Final = "203.0.113.77"  # a host on the internet that nobody has business with
RELAY: Final = "203.0.113.99"  # the provider of SMS that the relay's path is open to
METADATA: Final = "169.254.169.254"  # where clouds tell machines their credentials
HOSTS: Final = (ADMINISTRATOR, KEY_SERVICE, STRANGER, RELAY)
SERVICES: Final = "10.96.0.0/16"
RESOLVER: Final = "10.96.0.10"
API_PORT: Final = 6443


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of one contour: its node, which its pods' connections to outside come from; its edge; its pods."""

    node: str
    edge: str
    pods: str
    gateway: str


OF: Final[dict[Side, Addresses]] = {
    "private": Addresses("203.0.113.10", "203.0.113.11", "10.11.0.0/24", "10.11.0.1"),
    "public": Addresses("203.0.113.20", "203.0.113.21", "10.12.0.0/24", "10.12.0.1"),
}
