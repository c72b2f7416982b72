"""The audit trail: one line for everything that changes state."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.db.models import Model

from registry.models import AuditEvent, User


def record(
    action: str,
    *,
    by: User | None,
    on: Model | None = None,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Add a line; call it in the transaction of the change.

    `action` is "object.verb" in the past tense ("key.revoked"). `by` is None for the hub itself and
    for people who are not known (yet). The request's id and address come from the logs' context,
    which workers share.
    """
    context = structlog.contextvars.get_contextvars()
    return AuditEvent.objects.create(
        actor=by,
        action=action,
        target=name_of(on) if on is not None else "",
        reason=reason,
        data=dict(data or {}),
        request_id=context.get("request_id", ""),
        address=context.get("ip"),
    )


def name_of(row: Model) -> str:
    """The row as targets name it: "registry.apikey:17"."""
    return f"{row._meta.label_lower}:{row.pk}"
