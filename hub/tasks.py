"""Periodic work of the website; the domain's is in registry.tasks."""

from celery import shared_task

from hub.accounts.expiry import forget_expired


@shared_task(name="hub.forget_expired")
def forget_expired_accounts() -> None:
    forget_expired()
