from registry.models.api_key import ApiKey, Scope
from registry.models.audit import AuditEvent
from registry.models.collection import Collection, CollectionEntry
from registry.models.content_level import ContentLevel
from registry.models.download import Download
from registry.models.file import Blob, File, Finding, Original, Upload
from registry.models.follow import Follow
from registry.models.job import Job
from registry.models.like import Like
from registry.models.network import CommercialUse, Licence, Network
from registry.models.picture import Picture
from registry.models.report import Decision, Report
from registry.models.tag import Tag
from registry.models.user import User
from registry.models.version import BaseModelName, Version
from registry.models.webhook import Webhook, WebhookAttempt, WebhookDelivery

__all__ = [
    "ApiKey",
    "AuditEvent",
    "BaseModelName",
    "Blob",
    "Collection",
    "CollectionEntry",
    "CommercialUse",
    "ContentLevel",
    "Decision",
    "Download",
    "File",
    "Finding",
    "Follow",
    "Job",
    "Licence",
    "Like",
    "Network",
    "Original",
    "Picture",
    "Report",
    "Scope",
    "Tag",
    "Upload",
    "User",
    "Version",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
]
