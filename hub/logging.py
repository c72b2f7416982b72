"""Logs: one JSON object a line in service, readable lines in debug. No locals, no secrets.

Secrets are hidden twice: fields by their names, and whatever looks like one in the finished line,
wherever it came from (a path, an address of a server, another library's message, a traceback).
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN: Final = "…"
SECRET_NAME: Final = re.compile(
    r"password|passwd|secret|token|authorization|cookie|credential|api_?key|signature", re.I
)
# Each: what gives the secret away, then the secret itself.
SECRET_TEXTS: Final = tuple(
    re.compile(f"(?P<before>{before}){secret}", re.I)
    for before, secret in (
        (r"\bhnh_", r"[\w-]+"),  # our API keys
        (r"\b(?-i:Bearer|Basic|Token)\s+", r"[^\s\"']{16,}"),  # in a header
        (r"://", r"[^\s/@\"']*(?=@)"),  # user and password of a server's address
        # A parameter of a query, or a setting.
        (r"(?:token|password|passwd|secret|signature|credential|api_?key)=", r"[^\s&\"'\\]+"),
        (r"[?&](?:code|key|state|user_code)=", r"[^\s&\"'\\]+"),
        # A part of a link in a mail, or of the signed address of a file.
        (r"/account/(?:confirm-email|password/reset/key|first-admin)/", r"[^\s/\"'\\]+"),
        (r"/files/", r"[^\s/\"':]+:[^\s/\"']+"),
    )
)


def hide_named_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: _hidden(name, value) for name, value in event.items()}


def hide_secrets_in(text: str) -> str:
    """The text without keys, passwords, and tokens of queries, headers and links."""
    for secret in SECRET_TEXTS:
        text = secret.sub(rf"\g<before>{HIDDEN}", text)
    return text


def _hidden(name: object, value: Any) -> Any:
    if isinstance(name, str) and SECRET_NAME.search(name) and value not in (None, ""):
        return HIDDEN
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, content) for inner, content in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", content) for content in value]
    return value


def _hide_in_line(_: WrappedLogger, __: str, line: Any) -> str:
    return hide_secrets_in(str(line))


SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.processors.format_exc_info,
    hide_named_secrets,
]


def logging_settings(*, debug: bool, json: bool) -> dict[str, Any]:
    """Django's LOGGING; standard library loggers and structlog end in the same formatter."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                    _hide_in_line,
                ],
                "foreign_pre_chain": SHARED,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": "DEBUG" if debug else "INFO"},
        "loggers": {
            # Through our formatter, instead of handlers of their own.
            "django": {"level": "INFO"},
            "django.server": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            # `hub.request_log` has a line for every answer; here only the tracebacks of 500s.
            "django.request": {"level": "ERROR"},
            # `registry.jobs` says what happens to jobs; Celery, what goes wrong with messages.
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "PIL": {"level": "INFO"},
            "markdown_it": {"level": "INFO"},
        },
    }
