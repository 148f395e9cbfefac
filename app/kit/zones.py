"""Time zones a shop may choose: those of Russia, from west to east."""

from typing import Final
from zoneinfo import ZoneInfo

DEFAULT_ZONE: Final = "Europe/Moscow"
ZONES: Final = (
    "Europe/Kaliningrad",
    "Europe/Moscow",
    "Europe/Samara",
    "Asia/Yekaterinburg",
    "Asia/Omsk",
    "Asia/Krasnoyarsk",
    "Asia/Irkutsk",
    "Asia/Yakutsk",
    "Asia/Vladivostok",
    "Asia/Magadan",
    "Asia/Kamchatka",
)


def zone_of(name: str) -> ZoneInfo:
    """The zone itself; Moscow's for a name that is none of ours."""
    return ZoneInfo(name if name in ZONES else DEFAULT_ZONE)
