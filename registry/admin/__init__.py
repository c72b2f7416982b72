"""Django's admin: for looking things up, and for what has no page of its own.

Staff read everything; what changes something does so by the domain's verbs, which check, audit and
announce as they do for everyone.
"""

from registry.admin import catalogue, collections, files, people, work

__all__ = ["catalogue", "collections", "files", "people", "work"]
