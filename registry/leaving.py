"""Closing an account: what goes, and what stays without its person.

What is only about the person goes with the row, by the models' own rules. Versions that were
published never go: their networks become tombstones, or stay, as the person chooses. Where any
remain, so does an empty shell for them to belong to, without a name, an address or a way in.
"""

import secrets
from typing import Final

from django.db import transaction
from django.db.models import CASCADE, SET_NULL, Model, Q, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils.translation import gettext_noop

from registry import audit, storage
from registry.errors import LastAdmin
from registry.exporting import exports_of, key_of
from registry.jobs import cancel_job
from registry.models import AuditEvent, ContentLevel, Job, Network, Picture, User
from registry.networks import delete_network
from registry.publishing import lock_network
from registry.shown_pictures import remove_picture
from registry.versions import delete_drafts

FORMER: Final = gettext_noop("A former member")
REASON: Final = gettext_noop("Its creator has left.")


def is_last_admin(user: User) -> bool:
    """Whether nobody else could administer the hub."""
    admins = User.objects.filter(role=User.Role.ADMIN, is_active=True, blocked_at=None)
    return user.is_staff and not admins.exclude(pk=user.pk).exists()


def close_account(*, by: User, keep_networks: bool) -> None:
    """One's own account, at once and for good. Raises LastAdmin.

    `keep_networks`: what is published stays, under a former member; else tombstones do.
    """
    with transaction.atomic():
        # All admins: two who leave at the same moment must not both think the other stays.
        concerned = Q(role=User.Role.ADMIN) | Q(pk=by.pk)
        locked = {each.pk: each for each in _locked(concerned)}
        person = locked[by.pk]
        if is_last_admin(person):
            raise LastAdmin
        for job in Job.objects.unfinished().filter(owner=person):
            cancel_job(job=job, by=None)
        for picture in person.pictures.filter(is_preview=False):
            remove_picture(picture=picture, by=None)
        for network in person.networks.order_by("pk"):
            _settle(network, keep=keep_networks)
        data = {"networks": "kept" if keep_networks else "deleted"}
        audit.record("account.closed", by=None, on=person, data=data)
        _forget_after_commit(person)
        AuditEvent.objects.filter(actor=person).update(address=None)
        if person.networks.exists():
            _empty(person)
        else:
            person.delete()


def _locked(concerned: Q) -> QuerySet[User]:
    return User.objects.select_for_update().filter(concerned).order_by("pk")


def _settle(network: Network, *, keep: bool) -> None:
    """Drafts go. What was taken down or deleted before is a tombstone already."""
    if network.status == Network.Status.PUBLISHED and keep:
        delete_drafts(lock_network(network))
    elif network.status in (Network.Status.PUBLISHED, Network.Status.DRAFT):
        delete_network(network=network, by=None, reason=REASON)


def _empty(person: User) -> None:
    """Do to everything about the person what deleting the row would do, and keep the row."""
    for relation in person._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel) and not relation.many_to_many:
            rows = _rows(relation, person)
            if relation.on_delete is CASCADE:
                rows.delete()
            elif relation.on_delete is SET_NULL:
                rows.update(**{relation.field.name: None})
    person.username = f"former-member-{secrets.token_hex(4)}"
    person.display_name = FORMER
    person.email = f"{person.username}@deleted.invalid"
    person.bio = person.avatar = ""
    person.role, person.content_level = User.Role.MEMBER, ContentLevel.GENERAL
    person.is_active = person.is_superuser = False
    person.set_unusable_password()
    person.save()


def _rows(relation: ForeignObjectRel, person: User) -> QuerySet[Model]:
    rows = relation.related_model._base_manager.filter(**{relation.field.name: person})
    # What the hub rendered belongs to the networks that stay.
    return rows.exclude(is_preview=True) if relation.related_model is Picture else rows


def _forget_after_commit(person: User) -> None:
    """The bytes that are this person's alone; those of uploads are the sweep's."""
    archives = [key_of(job.pk) for job in exports_of(person)]
    face = person.avatar

    def forget() -> None:
        for key in archives:
            storage.remove(key)
        if face and not User.objects.filter(avatar=face).exists():
            storage.remove(face)

    transaction.on_commit(forget, robust=True)
