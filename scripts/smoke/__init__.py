"""The main job, seen from outside: an order from a shop's webhook to a card, who sees its phone, and the audit log."""
