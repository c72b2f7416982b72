from registry.models.api_key import ApiKey, Scope
from registry.models.audit import AuditEvent
from registry.models.job import Job
from registry.models.user import User

__all__ = ["ApiKey", "AuditEvent", "Job", "Scope", "User"]
