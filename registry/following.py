"""Following creators, to see what they publish."""

from typing import Final

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from registry import audit
from registry.errors import FollowedOneself, TooManyFollows, WrongStatus
from registry.models import Follow, User
from registry.permissions import Action, require

MOST_FOLLOWS: Final = 2000


def follow_creator(*, creator: User, by: User) -> None:
    """Following twice changes nothing.

    Raises Forbidden, FollowedOneself, TooManyFollows, and WrongStatus for the blocked.
    """
    require(Action.FOLLOW, by=by)
    if creator == by:
        raise FollowedOneself
    if not creator.may_write:
        raise WrongStatus(status=_("blocked"), needed=[])
    with transaction.atomic():
        # One at a time for a person: the count stays true until it is there.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        if by.follows.filter(creator=creator).exists():
            return
        if by.follows.count() >= MOST_FOLLOWS:
            raise TooManyFollows(most=MOST_FOLLOWS)
        Follow.objects.create(follower=by, creator=creator)
        audit.record("creator.followed", by=by, on=creator)


def unfollow_creator(*, creator: User, by: User) -> None:
    """Not following whom one did not follow changes nothing. Raises Forbidden."""
    require(Action.FOLLOW, by=by)
    with transaction.atomic():
        removed, _rows = by.follows.filter(creator=creator).delete()
        if removed:
            audit.record("creator.unfollowed", by=by, on=creator)


def with_followers(people: QuerySet[User], *, viewer: object) -> QuerySet[User]:
    """With `follower_count`, and `is_followed` by the viewer."""
    key = viewer.pk if isinstance(viewer, User) else None
    followed = Exists(Follow.objects.filter(creator=OuterRef("pk"), follower=key))
    return people.annotate(follower_count=Count("followers"), is_followed=followed)
