"""`--resolve HOST=ADDRESS[:PORT]`: where an edge is reached from here, in place of what the settings say."""

from scripts.voice import fail


def pair(text: str) -> tuple[str, str]:
    """Host and address; ends the command where there are not both."""
    host, _, address = text.partition("=")
    if not (host and address):
        fail(f"{text} names no address", hint="--resolve crm.shop.example.ru=203.0.113.20:443")
    return host, address
