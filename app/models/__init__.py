"""The tables of the public database. Importing the package registers all of them with `Base.metadata`."""

from app.models.base import Base
from app.models.contact import Contact, ContactToken
from app.models.erasure import ErasedSubject
from app.models.message import Message
from app.models.order import Order, OrderItem, OrderToken
from app.models.signin import StaffSession
from app.models.system import IdempotencyKey, IntakeEvent
from app.models.tenant import Tenant
from app.models.timeline import TimelineEvent

__all__ = [
    "Base",
    "Contact",
    "ContactToken",
    "ErasedSubject",
    "IdempotencyKey",
    "IntakeEvent",
    "Message",
    "Order",
    "OrderItem",
    "OrderToken",
    "StaffSession",
    "Tenant",
    "TimelineEvent",
]
