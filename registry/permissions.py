"""Who may do what: the one place that decides about changes. Who may see what is in the QuerySets.

Everything asks `require(action, by=…, creator=…)`; a page that wants to know whether to show a
button asks `may`. The scopes of API keys narrow this further and are checked where keys are.
"""

from enum import StrEnum

from registry.errors import AccountBlocked, HubError, ModeratorsOnly, NotAllowed
from registry.models import User


class Action(StrEnum):
    # Of what others have published.
    LIKE = "like"
    FOLLOW = "follow"
    SHOW_PICTURE = "show-picture"
    REPORT = "report"
    # Of one's own things.
    COLLECT = "collect"
    CREATE = "create"
    EDIT = "edit"
    UPLOAD = "upload"
    PUBLISH = "publish"
    YANK = "yank"
    DELETE = "delete"
    RENDER = "render"
    # Of one's own things, and of everyone's for moderators.
    SET_CONTENT_LEVEL = "set-content-level"
    SET_TAGS = "set-tags"
    HIDE_PICTURE = "hide-picture"
    # Moderators'.
    MODERATE = "moderate"
    BLOCK = "block"
    TAKE_DOWN = "take-down"
    RESTORE = "restore"
    MANAGE_TAGS = "manage-tags"
    DISCARD_QUARANTINED = "discard-quarantined"
    SEE_QUARANTINE = "see-quarantine"


_MEMBERS = frozenset({Action.LIKE, Action.FOLLOW, Action.SHOW_PICTURE, Action.REPORT})
_CREATORS = frozenset(
    {
        Action.COLLECT,
        Action.CREATE,
        Action.EDIT,
        Action.UPLOAD,
        Action.PUBLISH,
        Action.YANK,
        Action.DELETE,
        Action.RENDER,
        Action.SET_CONTENT_LEVEL,
        Action.SET_TAGS,
        Action.HIDE_PICTURE,
    }
)
_MODERATORS = frozenset(
    {
        Action.SET_CONTENT_LEVEL,
        Action.SET_TAGS,
        Action.HIDE_PICTURE,
        Action.MODERATE,
        Action.BLOCK,
        Action.TAKE_DOWN,
        Action.RESTORE,
        Action.MANAGE_TAGS,
        Action.DISCARD_QUARANTINED,
        Action.SEE_QUARANTINE,
    }
)


def require(action: Action, *, by: User | None, creator: User | None = None) -> None:
    """Raise `Forbidden` unless `by` may do this to a thing of `creator`. None is the hub itself."""
    if (objection := _objection(action, by, creator)) is not None:
        raise objection


def may(action: Action, *, by: object, creator: User | None = None) -> bool:
    """Whether `require` would let it pass; nobody anonymous may change anything."""
    return isinstance(by, User) and _objection(action, by, creator) is None


def _objection(action: Action, by: User | None, creator: User | None) -> HubError | None:
    if by is None:
        return None
    if not by.may_write:
        return AccountBlocked(reason=by.blocked_reason)
    if action in _MEMBERS or (action in _MODERATORS and by.is_moderator):
        return None
    if action in _CREATORS and by == creator:
        return None
    return NotAllowed(action=action) if action in _CREATORS else ModeratorsOnly(action=action)
