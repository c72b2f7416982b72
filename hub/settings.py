"""Settings, parsed once from the environment; what is wrong there stops the start with a sentence.

Two profiles. `embedded` (the default) is one machine: Postgres, Valkey, files and secrets live in
one data folder. `production` is told everything and refuses what is unsafe. `.env.example` lists
every variable.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from hub.embedded.paths import DataFolder, broker_url, default_data_folder
from hub.embedded.secrets import read_oidc_key, read_or_invent_secret
from hub.logging import logging_settings


def limit_pair(name: str, default: str) -> tuple[int, int]:
    """`600,1200`: two whole numbers."""
    text = env.str(name, default)
    numbers = [part.strip() for part in text.split(",")]
    if len(numbers) != 2 or not all(part.isascii() and part.isdigit() for part in numbers):
        raise ImproperlyConfigured(f"{name} is {text!r}. Give two whole numbers: {default}")
    return int(numbers[0]), int(numbers[1])


BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

PROFILE = env.str("HYPERHUB_PROFILE", "embedded")
if PROFILE not in ("embedded", "production"):
    raise ImproperlyConfigured(
        f"HYPERHUB_PROFILE is {PROFILE!r}. Choose `embedded` (one machine) or `production`."
    )
PRODUCTION = PROFILE == "production"
DEBUG = env.bool("DEBUG", False)
data_path = env.str("HYPERHUB_DATA", "")
DATA = DataFolder(Path(data_path).resolve()) if data_path else default_data_folder()

SECRET_KEY = env.str("SECRET_KEY", "") or ("" if PRODUCTION else read_or_invent_secret(DATA))
# Former keys: what they signed (sessions, links in mails) still counts until it is taken out.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
SITE_URL = env.str("SITE_URL", "" if PRODUCTION else "http://localhost:8000").rstrip("/")
HTTPS = urlsplit(SITE_URL).scheme == "https"

if PRODUCTION:
    refusals = {
        "DEBUG is on. Unset it: it shows the code and the settings to every visitor.": DEBUG,
        "SECRET_KEY is not set, or shorter than 50 characters. Make one with "
        "`python -c 'import secrets; print(secrets.token_urlsafe(64))'`.": len(SECRET_KEY) < 50,
        "A key in SECRET_KEY_FALLBACKS is shorter than 50 characters.": any(
            len(key) < 50 for key in SECRET_KEY_FALLBACKS
        ),
        "ALLOWED_HOSTS is empty or `*`. Name the host names that the site answers to.": (
            not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS
        ),
        "SITE_URL is not set. It is the address in mails: https://hub.example": not SITE_URL,
        "DATABASE_URL is not set.": not env.str("DATABASE_URL", ""),
        "REDIS_URL is not set.": not env.str("REDIS_URL", ""),
    }
    if wrong := [sentence for sentence, applies in refusals.items() if applies]:
        raise ImproperlyConfigured("The production profile does not start: " + " ".join(wrong))

INSTALLED_APPS = [
    "hub",
    "inference",
    "registry",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "allauth.idp.oidc",
    "corsheaders",
    "django_cotton",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
SOCIAL_PROVIDERS = env.list("SOCIAL_PROVIDERS", default=[])
INSTALLED_APPS += [f"allauth.socialaccount.providers.{name}" for name in SOCIAL_PROVIDERS]

MIDDLEWARE = [
    "hub.health.Probes",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hub.request_log.RequestLog",
    "hub.compression.CompressedPages",
    "corsheaders.middleware.CorsMiddleware",
    "registry.api.view.RateLimitHeaders",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "hub.accounts.form_targets.FormTargets",
    "django_htmx.middleware.HtmxMiddleware",
    "hub.errors.ErrorPages",
]

ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.context.site",
            ],
        },
    }
]
COTTON_DIR = "components"
# A component sees what it is given, not what the page happens to name the same.
COTTON_ISOLATE_BY_DEFAULT = True

# --- Database, cache, broker -------------------------------------------------------------------
DATABASES = {"default": env.db_url_config(env.str("DATABASE_URL", DATA.database_url))}
# A pooled connection is asked before use, so that a restarted Postgres costs nobody an error.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = {
    # For `registry.statements` alone: what Django itself writes is never prepared. Not behind a
    # pooler that gives each transaction another connection.
    "prepare_threshold": 0 if env.bool("DATABASE_PREPARES", True) else None,
    **DATABASES["default"].get("OPTIONS", {}),
    # As many as a web process has threads: a request that sends a file keeps its connection.
    "pool": {
        "min_size": 0,
        "max_size": env.int("DATABASE_POOL", 16),
        "timeout": 10,
        # Its pauses between attempts double: given more, it would sleep for minutes after an
        # outage of minutes. Whoever asks next starts anew.
        "reconnect_timeout": 5,
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "registry.User"
# The public name is unique in any case, by a constraint on Lower("username").
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

REDIS_URL = env.str("REDIS_URL", DATA.redis_url)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "hyperhub",
        "OPTIONS": {
            "socket_timeout": 2,
            "socket_connect_timeout": 2,
            # The client's own default waits for seconds between attempts: no request should.
            "retry": Retry(NoBackoff(), 1),
        },
    }
}

# --- Jobs ---------------------------------------------------------------------------------------
# The truth is the job's row; these are about the messages that wake workers (see registry.jobs).
CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Here and not in the URL, where it is a TypeError. Messages are acknowledged before the work,
    # so none outlasts it; one that is delivered twice finds nothing to do.
    "visibility_timeout": 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    # Of one message; without it, a request that sends one waits for seconds. Workers and beat
    # connect for as long as it takes: that is CONNECTION_MAX_RETRIES.
    "max_retries": 0,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_IGNORE_RESULT = True
# A request does not wait for a broker that is away: the reaper sends the message later.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# One job at a time, in the process itself: CUDA must not be forked, and TERM reaches the job.
CELERY_WORKER_POOL = "solo"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True  # late acks only: there are none
JOB_REAP_SECONDS = env.float("JOB_REAP_SECONDS", 15)
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA.root / "beat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "forget-expired": {"task": "hub.forget_expired", "schedule": 6 * 3600.0},
    "reap": {
        "task": "jobs.reap",
        "schedule": JOB_REAP_SECONDS,
        # What waited longer has been overtaken by the next one.
        "options": {"expires": JOB_REAP_SECONDS},
    },
    "count-downloads": {
        "task": "registry.count_downloads",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "publish-due": {
        "task": "registry.publish_due",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "sweep": {"task": "jobs.start", "args": ["registry.sweep"], "schedule": 6 * 3600.0},
    # A periodic job: "name": {"task": "jobs.start", "args": ["KIND"], "schedule": crontab(…)}
}
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", 45)
JOB_HEARTBEAT_SECONDS = env.float("JOB_HEARTBEAT_SECONDS", 10)
JOB_PROGRESS_SECONDS = env.float("JOB_PROGRESS_SECONDS", 1)
JOB_RETRY_SECONDS = env.float("JOB_RETRY_SECONDS", 10)
WORKER_PRESENCE_SECONDS = env.float("WORKER_PRESENCE_SECONDS", 5)
# The queues that `/readyz` expects a living worker for.
WORKER_QUEUES = env.list("WORKER_QUEUES", default=["ingest", "render", "train", "notify"])
# Less than this on the disk with the files, and `/readyz` says so.
MIN_FREE_BYTES = env.int("MIN_FREE_BYTES", 500 << 20)

# --- Webhooks -----------------------------------------------------------------------------------
WEBHOOKS_PER_USER = env.int("WEBHOOKS_PER_USER", 10)
# A whole call, from looking the name up to the beginning of the answer.
WEBHOOK_SECONDS = env.float("WEBHOOK_SECONDS", 10)
# The waits between the attempts at one delivery: two days in all, then it is given up.
WEBHOOK_RETRY_SECONDS = [
    float(each)
    for each in env.list(
        "WEBHOOK_RETRY_SECONDS", default=[15, 60, 300, 1800, 7200, 21600, 43200, 86400]
    )
]
# A webhook that no call got through to for so long is switched off.
WEBHOOK_FAILING_DAYS = env.float("WEBHOOK_FAILING_DAYS", 3)
WEBHOOK_KEPT_DAYS = env.int("WEBHOOK_KEPT_DAYS", 30)
# To try things out on one machine. Elsewhere members could call what is behind the firewall.
WEBHOOKS_TO_PRIVATE_NETWORKS = env.bool("WEBHOOKS_TO_PRIVATE_NETWORKS", False)

# --- Files --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA.static
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = DATA.files
# Where nginx serves MEDIA_ROOT internally, "/protected/". Empty: this process sends files itself.
ACCEL_REDIRECT = env.str("ACCEL_REDIRECT", "")
# Uploads on their way in, and what is made of them: shared by the web and the ingest workers. On
# the filesystem of the files, so that a checked file is stored by a link instead of a copy.
INCOMING_ROOT = env.str("INCOMING_ROOT", str(DATA.files / "incoming"))
# What one file, and what one person may bring; bytes.
UPLOAD_MAX_BYTES = env.int("UPLOAD_MAX_BYTES", 1 << 30)
UPLOADS_UNFINISHED = env.int("UPLOADS_UNFINISHED", 20)
UPLOAD_BYTES_UNFINISHED = env.int("UPLOAD_BYTES_UNFINISHED", 4 << 30)
STORAGE_BYTES_PER_USER = env.int("STORAGE_BYTES_PER_USER", 50 << 30)
# An upload that nobody goes on with is swept; what was received whole waits longer to be used.
UPLOAD_HOURS = env.float("UPLOAD_HOURS", 24)
UPLOAD_KEPT_DAYS = env.float("UPLOAD_KEPT_DAYS", 7)
# A form of a page with its files; more than a profile picture's 20 MB, so that its page can refuse.
FORM_MAX_BYTES = 32 << 20
FILE_UPLOAD_HANDLERS = [
    "hub.form_uploads.SmallForms",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# A connection that sends nothing for so long is dropped: its upload can be gone on with.
UPLOAD_SILENT_SECONDS = env.float("UPLOAD_SILENT_SECONDS", 30)
# After a takedown the bytes are kept, unserved, for an appeal; likewise what was quarantined.
APPEAL_DAYS = env.int("APPEAL_DAYS", 30)
QUARANTINE_DAYS = env.int("QUARANTINE_DAYS", 90)
# Second opinions on uploads: `unix:///run/clamav/clamd.ctl` or `tcp://clamav:3310`; "" asks nobody.
CLAMD_URL = env.str("CLAMD_URL", "")
STORAGES: dict[str, dict[str, object]] = {
    "default": {"BACKEND": "registry.storage.LocalStorage"},
    "staticfiles": {"BACKEND": "hub.static_files.HashedStaticFiles"},
}
if S3_BUCKET := env.str("S3_BUCKET", ""):
    STORAGES["default"] = {
        "BACKEND": "registry.object_storage.BucketStorage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("S3_ENDPOINT", "") or None,
            "access_key": env.str("S3_ACCESS_KEY", "") or None,
            "secret_key": env.str("S3_SECRET_KEY", "") or None,
            "region_name": env.str("S3_REGION", "us-east-1"),
            # Most stores other than Amazon's answer to /bucket/key only.
            "addressing_style": env.str("S3_ADDRESSING", "path"),
            "signature_version": "s3v4",
            "default_acl": None,
            "file_overwrite": True,
        },
    }

# --- Rendering ----------------------------------------------------------------------------------
# Base models on the render workers' disks, as a JSON list: see inference.base_models.
BASE_MODELS = env.json("BASE_MODELS", default=[])
if not isinstance(BASE_MODELS, list) or not all(isinstance(each, dict) for each in BASE_MODELS):
    raise ImproperlyConfigured(
        'BASE_MODELS is no JSON list of objects: [{"name": "SD 1.5", "family": "sd1", '
        '"path": "/models/v1-5.safetensors", "stands_for": ["SD 1.5"]}]'
    )
# The one that ships with the project, and its image encoder.
DEMO_BASE = BASE_DIR / "inference" / "demo" / "base"
DEMO_ENCODER = BASE_DIR / "inference" / "demo" / "encoder"
# What a render worker keeps loaded, in bytes; 0: a share of the device's memory.
RENDER_BASE_BYTES = env.int("RENDER_BASE_BYTES", 0)

# --- Language and time --------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# --- Security -----------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# In the database alone: one more row by its key, and nobody is signed out by a cache that is away.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
CSRF_TRUSTED_ORIGINS = [SITE_URL] if SITE_URL else []
CSRF_FAILURE_VIEW = "hub.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- People -------------------------------------------------------------------------------------
# Proxies in front of us that add to X-Forwarded-For: the address of a visitor is theirs to tell.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 1 if PRODUCTION else 0)
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", True)
ACCOUNT_ADAPTER = "hub.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_FORMS = {
    "add_email": "hub.accounts.allauth_forms.AddEmailForm",
    "change_password": "hub.accounts.allauth_forms.ChangePasswordForm",
    "login": "hub.accounts.allauth_forms.LoginForm",
    "reauthenticate": "hub.accounts.allauth_forms.ReauthenticateForm",
    "reset_password": "hub.accounts.allauth_forms.ResetPasswordForm",
    "reset_password_from_key": "hub.accounts.allauth_forms.ResetPasswordKeyForm",
    "set_password": "hub.accounts.allauth_forms.SetPasswordForm",
    "signup": "hub.accounts.allauth_forms.SignupForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
# One address a person: a new one takes the old one's place when it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# A reset asked for an address that nobody has: the page says the same, and strangers get no mail.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USER_DISPLAY = "hub.accounts.adapters.name_of"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_USERNAME_VALIDATORS = "registry.models.user.username_validators"
MFA_ADAPTER = "hub.accounts.adapters.MFAAdapter"
MFA_FORMS = {
    "activate_totp": "hub.accounts.allauth_forms.ActivateTOTPForm",
    "add_webauthn": "hub.accounts.allauth_forms.AddPasskeyForm",
    "authenticate": "hub.accounts.allauth_forms.SecondFactorForm",
    "edit_webauthn": "hub.accounts.allauth_forms.EditPasskeyForm",
    "reauthenticate": "hub.accounts.allauth_forms.ReauthenticateCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# Nobody is let in before an address is verified, so nobody locks another's address with 2FA.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "HyperHub"
MFA_TOTP_TOLERANCE = 1
# Browsers allow passkeys on plain http only at localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
SOCIALACCOUNT_ADAPTER = "hub.accounts.adapters.SocialAccountAdapter"
SOCIALACCOUNT_FORMS = {"signup": "hub.accounts.allauth_forms.SocialSignupForm"}
# People choose their public name; one made from their address would give it away.
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_PROVIDERS = {
    name: {
        "APPS": [
            {
                "provider_id": name,
                "name": env.str(f"SOCIAL_{name.upper()}_NAME", ""),
                "client_id": env.str(f"SOCIAL_{name.upper()}_CLIENT_ID"),
                "secret": env.str(f"SOCIAL_{name.upper()}_SECRET"),
                # For `openid_connect`: where its /.well-known/openid-configuration is.
                "settings": {"server_url": env.str(f"SOCIAL_{name.upper()}_SERVER_URL", "")},
            }
        ]
    }
    for name in SOCIAL_PROVIDERS
    if name != "dummy"
}
IDP_OIDC_ADAPTER = "hub.accounts.adapters.OIDCAdapter"
# Signs ID tokens; the device flow's own tokens need no key.
IDP_OIDC_PRIVATE_KEY = env.str("OIDC_PRIVATE_KEY", "", multiline=True) or read_oidc_key(DATA)
IDP_OIDC_DEVICE_CODE_EXPIRES_IN = 15 * 60
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = 90 * 24 * 3600
# A code is looked up by each step of its page, and again after signing in.
IDP_OIDC_RATE_LIMITS = {"device_user_code": "20/m/ip"}
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", "HyperHub <hub@localhost>")

# --- API ----------------------------------------------------------------------------------------
# Programs in other pages' browsers may call the API, with keys but never with our cookies.
CORS_URLS_REGEX = r"^/api/.*$"
CORS_ALLOW_ALL_ORIGINS = True
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "if-none-match", "range", "user-agent"),
    *("tus-resumable", "upload-length", "upload-offset", "upload-metadata", "upload-checksum"),
    *("upload-defer-length", "x-csrftoken", "x-http-method-override", "x-requested-with"),
]
CORS_EXPOSE_HEADERS = [
    *("etag", "link", "location", "retry-after", "content-disposition", "content-range"),
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"),
    *("tus-resumable", "tus-version", "tus-extension", "tus-max-size", "tus-checksum-algorithm"),
    *("upload-offset", "upload-length", "upload-expires"),
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "registry.api.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    # A view says which scope it needs; one that forgets is closed.
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["registry.api.rendering.FastJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "registry.api.schema.operations.HubSchema",
    "EXCEPTION_HANDLER": "registry.api.errors.handle",
    # `format` is a parameter of ours: which of a version's files.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HyperHub",
    "DESCRIPTION": (
        "Find, fetch and publish hypernetworks of Stable Diffusion. A superset of Civitai's "
        "public v1 API: its clients work with another base URL."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SORT_OPERATIONS": False,
    "POSTPROCESSING_HOOKS": ["registry.api.schema.document.complete"],
    "GET_MOCK_REQUEST": "registry.api.schema.document.no_request",
}
# How many requests of a kind a minute: of an address without a key, of a person with one. 0 is no
# limit. They keep the hub quick; what protects it are quotas and permissions.
API_LIMITS = {
    kind: limit_pair(f"API_LIMIT_{kind.upper()}", default)
    for kind, default in (
        ("read", "600,1200"),
        ("search", "120,300"),
        ("write", "30,120"),
        ("upload", "10,60"),
        # The parts of a resumed upload.
        ("part", "30,2400"),
        ("download", "120,600"),
        # What downloads lead to: one file in many parts is many requests.
        ("bytes", "2400,2400"),
    )
}

LOGGING = logging_settings(debug=DEBUG, json=env.bool("LOG_JSON", not DEBUG))
