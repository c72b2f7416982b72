"""Tags: written as people type them, led to the tag that is meant, and counted.

`Tag.network_count` counts listed networks; whoever changes what is listed calls `count_change`.
"""

from collections.abc import Collection, Iterable
from typing import Final

from django.contrib.postgres.search import TrigramSimilarity
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry import audit
from registry.models import Network, Tag, User
from registry.models.tag import tag_name_validator
from registry.permissions import Action, require
from registry.search import normal_tag

MOST_TAGS: Final = 20
SUGGESTED: Final = 10
# "style:ink wash" typed anywhere makes a tag of that namespace.
_NAMESPACES: Final = {namespace.value: namespace for namespace in Tag.Namespace}


def split_tag(text: str) -> tuple[str, Tag.Namespace | None]:
    """Name and namespace of what was typed: "Style: Ink_Wash" is ("ink wash", style)."""
    name = normal_tag(text)
    prefix, colon, rest = name.partition(":")
    namespace = _NAMESPACES.get(prefix.strip()) if colon else None
    return normal_tag(rest) if namespace else name, namespace


def resolve_tags(texts: Iterable[str]) -> list[Tag]:
    """The tags meant, aliases followed, those that are new created; in order, each once.

    Raises ValidationError for what is no tag, or for too many.
    """
    wanted = _wanted(texts)
    Tag.objects.bulk_create(
        [Tag(name=n, namespace=ns or Tag.Namespace.GENERAL) for n, ns in sorted(wanted.items())],
        ignore_conflicts=True,  # most are there already, or someone else just made them
    )
    found = {t.name: t for t in Tag.objects.filter(name__in=wanted).select_related("alias_of")}
    return list(dict.fromkeys(found[name].alias_of or found[name] for name in wanted))


def meant_tags(texts: Iterable[str]) -> list[str]:
    """What `resolve_tags` would make of them, by name and making none: aliases followed, sorted.

    A tag that is not there yet keeps the namespace that was typed. Raises ValidationError likewise.
    """
    wanted = _wanted(texts)
    found = {t.name: t for t in Tag.objects.filter(name__in=wanted).select_related("alias_of")}
    meant = {
        (found[name].alias_of or found[name]).name
        if name in found
        else (f"{namespace}:{name}" if namespace else name)
        for name, namespace in wanted.items()
    }
    return sorted(meant)


def _wanted(texts: Iterable[str]) -> dict[str, Tag.Namespace | None]:
    wanted = dict(split_tag(text) for text in texts if text.strip())
    if len(wanted) > MOST_TAGS:
        raise ValidationError({"tags": _("At most %(most)d tags.") % {"most": MOST_TAGS}})
    for name in wanted:
        _check(name)
    return wanted


def _check(name: str) -> None:
    try:
        tag_name_validator(name)
    except ValidationError as error:
        raise ValidationError({"tags": f"“{name}”: {error.message}"}) from None


def suggest_tags(text: str, *, namespace: str = "", limit: int = SUGGESTED) -> list[Tag]:
    """Tags for a field that completes: those that begin so, then those that sound so.

    Used ones first; an alias suggests the tag that it stands for.
    """
    name, typed_namespace = split_tag(text)
    if not name:
        return []
    tags = Tag.objects.select_related("alias_of")
    if namespace or typed_namespace:
        tags = tags.filter(namespace=namespace or typed_namespace)
    starting = tags.filter(name__startswith=name).order_by("-network_count", "name")[: 3 * limit]
    meant = dict.fromkeys(tag.alias_of or tag for tag in starting)
    if len(meant) < limit:
        close = tags.annotate(closeness=TrigramSimilarity("name", name)).filter(closeness__gt=0.4)
        meant |= dict.fromkeys(t.alias_of or t for t in close.order_by("-closeness")[:limit])
    return list(meant)[:limit]


# --- Moderators' --------------------------------------------------------------------------------


class AliasOfAlias(ValidationError):
    """An alias leads to a tag in one step."""

    def __init__(self, tag: Tag) -> None:
        self.tag = tag
        super().__init__(
            gettext_lazy("“%(name)s” is itself an alias."), code="alias", params={"name": tag.name}
        )


@transaction.atomic
def make_alias(*, name: str, of: Tag, by: User | None) -> Tag:
    """From now on `name` means the tag `of`: networks that carry it carry that one instead."""
    require(Action.MANAGE_TAGS, by=by)
    name, _namespace = split_tag(name)
    _check(name)
    alias, _created = Tag.objects.get_or_create(name=name)
    # Networks before tags, as whoever publishes one locks them.
    carrying = list(alias.networks.order_by("pk").select_for_update(of=("self",), no_key=True))
    rows = Tag.objects.filter(pk__in=[alias.pk, of.pk]).order_by("pk").select_for_update()
    locked = {tag.pk: tag for tag in rows}
    alias, of = locked[alias.pk], locked[of.pk]
    if of.alias_of_id is not None or alias == of:
        raise AliasOfAlias(of)
    alias.alias_of, alias.namespace = of, of.namespace
    alias.save()
    alias.aliases.update(alias_of=of)
    _move(carrying, alias, of)
    audit.record("tag.aliased", by=by, on=alias, data={"name": alias.name, "of": of.name})
    return alias


@transaction.atomic
def set_namespace(*, tag: Tag, namespace: Tag.Namespace, by: User | None) -> Tag:
    """What kind of thing the tag says; its aliases say the same."""
    require(Action.MANAGE_TAGS, by=by)
    Tag.objects.filter(pk=tag.pk).update(namespace=namespace)
    tag.aliases.update(namespace=namespace)
    tag.refresh_from_db()
    audit.record("tag.moved", by=by, on=tag, data={"name": tag.name, "namespace": namespace})
    return tag


def _move(networks: Collection[Network], alias: Tag, of: Tag) -> None:
    through = Network.tags.through
    through.objects.bulk_create(
        [through(network=network, tag=of) for network in networks], ignore_conflicts=True
    )
    through.objects.filter(tag=alias).delete()
    for network in networks:
        refresh_tags(network)
        network.save(update_fields=["tag_ids", "tag_words"])
    recount([alias.pk, of.pk])


# --- What the rows of networks and tags remember ------------------------------------------------


def refresh_tags(network: Network) -> None:
    """Fill `tag_ids` and `tag_words` (aliases too: people search by them) from the tags."""
    tags = list(network.tags.prefetch_related("aliases").order_by("pk"))
    network.tag_ids = [tag.pk for tag in tags]
    words = [name for tag in tags for name in (tag.name, *(a.name for a in tag.aliases.all()))]
    network.tag_words = " ".join(words)


def count_change(*, before: Collection[int], after: Collection[int]) -> None:
    """A listed network carried the tags `before` and carries `after`; empty when not listed."""
    gone, come = set(before) - set(after), set(after) - set(before)
    # In one order everywhere, so that two publishes with the same tags wait and never deadlock.
    ordered = _locked(gone | come)
    Tag.objects.filter(pk__in=gone & ordered).update(network_count=F("network_count") - 1)
    Tag.objects.filter(pk__in=come & ordered).update(network_count=F("network_count") + 1)


def recount(tags: Collection[int] | None = None) -> int:
    """Count again from the networks (all tags when none are given); how many were wrong."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH counted AS (
                SELECT tag.id, count(network.id) AS listed
                FROM registry_tag tag
                LEFT JOIN registry_network_tags carried ON carried.tag_id = tag.id
                LEFT JOIN registry_network network
                    ON network.id = carried.network_id AND network.is_listed
                WHERE %(all)s OR tag.id = ANY(%(tags)s)
                GROUP BY tag.id
            )
            UPDATE registry_tag SET network_count = counted.listed FROM counted
            WHERE registry_tag.id = counted.id AND registry_tag.network_count <> counted.listed
            """,
            {"all": tags is None, "tags": sorted(tags or [])},
        )
        return int(cursor.rowcount)


def _locked(tags: Collection[int]) -> set[int]:
    rows: QuerySet[Tag] = Tag.objects.filter(pk__in=tags).order_by("pk").select_for_update()
    return set(rows.values_list("pk", flat=True))
