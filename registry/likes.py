"""Likes: given and taken back. The database counts them (see `registry.models.like`)."""

from django.db import transaction

from registry.errors import WrongStatus
from registry.models import Like, Network, User
from registry.permissions import Action, require


def like_network(*, network: Network, by: User) -> Network:
    """Liking it again changes nothing. Raises Forbidden, and WrongStatus for what is not out."""
    require(Action.LIKE, by=by)
    if network.status != Network.Status.PUBLISHED:
        raise WrongStatus(
            status=network.get_status_display(), needed=[str(Network.Status.PUBLISHED.label)]
        )
    with transaction.atomic():
        Like.objects.bulk_create([Like(user=by, network=network)], ignore_conflicts=True)
    network.refresh_from_db(fields=["like_count"])
    return network


def unlike_network(*, network: Network, by: User) -> Network:
    """Taking back what was not given changes nothing. Raises Forbidden."""
    require(Action.LIKE, by=by)
    Like.objects.filter(user=by, network=network).delete()
    network.refresh_from_db(fields=["like_count"])
    return network
