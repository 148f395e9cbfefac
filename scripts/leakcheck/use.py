"""The usual calls of a program of the shop to the CRM's API, right and wrong."""

from scripts.leakcheck.ground import Ground


def use_api(ground: Ground) -> None:
    client = ground.crm()
    page = client.get("/api/v1/orders", params={"limit": 30}).raise_for_status().json()
    for order in page["data"][:3]:
        card = client.get(f"/api/v1/orders/{order['id']}")
        tag = {"if-match": card.headers.get("etag", "")}
        client.patch(f"/api/v1/orders/{order['id']}", json={"status": "completed"}, headers=tag)
        client.patch(f"/api/v1/orders/{order['id']}", json={"status": "no such"}, headers=tag)
    for contact in client.get("/api/v1/contacts", params={"limit": 3}).raise_for_status().json()["data"]:
        client.get(f"/api/v1/contacts/{contact['id']}")
        client.get(f"/api/v1/contacts/{contact['id']}/timeline")
    for path in ("/api/v1/orders?cursor=broken", "/api/v1/orders/ord_none", "/api/v1/openapi.json"):
        client.get(path)
