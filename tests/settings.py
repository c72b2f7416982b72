"""The hub's settings, with servers that live as long as the tests and nothing slow on purpose.

pytest-django imports settings before any conftest, so the servers are started from here.
"""

import os

from tests.servers import running_servers

# "gw3" of xdist; the controller and a plain run have none.
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
servers = running_servers()
os.environ.pop("HYPERHUB_PROFILE", None)
os.environ |= {
    "DATABASE_URL": servers.database_url("hyperhub"),
    "REDIS_URL": servers.redis_url(int(worker.removeprefix("gw") or -1) + 1),
    "HYPERHUB_DATA": str(servers.folder / f"data-{worker or 'main'}"),
    "SECRET_KEY": "only-for-tests-" + "x" * 50,
    "SITE_URL": "http://testserver",
    # allauth's own stand-in for a site that people sign in with.
    "SOCIAL_PROVIDERS": "dummy",
}
# A test asks more in a second than a person in a minute; those of the limits set their own.
for kind in ("READ", "SEARCH", "WRITE", "UPLOAD", "PART", "DOWNLOAD", "BYTES"):
    os.environ[f"API_LIMIT_{kind}"] = "1000000,1000000"

from hub.settings import *  # noqa: E402, F403
from hub.settings import CACHES, DATABASES, STORAGES  # noqa: E402

# A pool keeps connections to a test database that is about to be dropped.
DATABASES["default"]["OPTIONS"].pop("pool")
CACHES["default"]["KEY_PREFIX"] = "tests"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
vars().update(ACCOUNT_RATE_LIMITS=False, MFA_RATE_LIMITS=False, IDP_OIDC_RATE_LIMITS=False)
