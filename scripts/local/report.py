"""What `make up` prints at the end: what came, what the public contour holds, who sees what, where to click."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from scripts.local.instance import Instance

WIDTH = 100
PURPOSE = "order_processing"


def heading(text: str) -> str:
    return f"\n── {text} {'─' * max(0, WIDTH - len(text) - 4)}"


def public_rows(instance: Instance, tenant: str, order: str) -> list[str]:
    """The order and its person as they stand in the public database, read past the service, by its owner."""
    with psycopg.connect(instance.database_url("public", "owner"), row_factory=dict_row) as connection:
        connection.execute("SELECT set_config('larets.tenant', %s, false)", (tenant,))
        lines = []
        found = connection.execute("SELECT * FROM orders WHERE id = %s", (order,)).fetchone() or {}
        kept = ("number", "status", "currency", "total", "city", "note_token", "rest_token")
        lines += [f"  orders.{name:<14} {found[name]}" for name in kept if found.get(name) is not None]
        rows = connection.execute(
            "SELECT token FROM contact_token WHERE contact_id = %s ORDER BY token",
            (found.get("contact_id"),),
        )
        return lines + [f"  contact_token         {row['token']}" for row in rows]


def full(instance: Instance, demo: dict[str, Any], *, fresh: bool) -> str:
    """The report after a start of both contours. `fresh`: the order was sent by this start."""
    order = demo["first_order"]
    took = f"{order['milliseconds']:.0f} ms"
    lines = [heading("received by the private gateway"), "  WooCommerce order.created, signed: a generated person with"]
    lines.append("  name, phone, email, address, a note and some sixty other fields")
    lines.append(f"  the card was in the CRM after {took}{'' if fresh else ' (at the first start of this instance)'}")
    lines.append(heading("held by the public database: tokens, no person"))
    lines += public_rows(instance, demo["tenant"], order["card"])
    lines.append(heading(f"who sees the phone, purpose {PURPOSE}"))
    lines += [f"  {role:<10} {what}" for role, what in order["seen"].items()]
    lines.append("  each look is on the record: `larets audit verify`, or the console")
    lines.append(heading("where to click"))
    lines.append(f"  {'CRM':<10} {instance.crm_origin}/orders/{order['card']}")
    lines.append(f"  {'console':<10} {instance.console_origin}    (owner, officer)")
    lines.append(heading("demo logins (second factor: larets dev totp --as ROLE)"))
    lines += [
        f"  {role:<10} login {member['login']:<15} password {member['password']:<18} TOTP secret {member['totp']}"
        for role, member in demo["staff"].items()
    ]
    lines.append("\nStop: make down · delete: make reset · check for leaks: make leakcheck")
    lines.append("This is both contours on one machine. It is not a certified contour.")
    return "\n".join(lines)


def private_only(instance: Instance) -> str:
    """The report after a start of the vault alone."""
    return "\n".join(
        [
            heading("the private contour runs"),
            f"  vault API   {instance.vault_origin}/v1  (access token of audience vault)",
            f"  service     https://127.0.0.1:{instance.ports.service}/v1  (client certificate)",
            f"  console     {instance.console_origin}",
            f"  hooks       {instance.hooks_origin}",
            f"  keyring     {instance.keyring}",
            "\nNext: larets tenant create ID --title …, then larets staff invite. docs/guide-program.md shows the API.",
        ]
    )
