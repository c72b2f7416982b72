"""What allauth asks us about: names, mails, links, secrets at rest, scopes."""

import base64
import hashlib
import time
from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hub.request_log import address_of
from registry.models import Scope, User

MAILED_LINKS = ("activate_url", "password_reset_url")
SHOWN_LINK = "mailed_link"  # in the session, in DEBUG only


def name_of(user: User) -> str:
    return user.name


def signed_in_lately(request: HttpRequest) -> bool:
    """By a password or a second factor; a link in a mail, or another site, is not the same."""
    proofs = [
        record["at"]
        for record in get_authentication_records(request, request.user)
        if record["method"] in ("password", "mfa")
    ]
    return bool(proofs) and time.time() - max(proofs) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def mail_goes_to_the_console() -> bool:
    return str(settings.EMAIL_BACKEND).endswith(".console.EmailBackend")


def on_our_site(address: str) -> str:
    """Links in mails lead to the site's own address, whatever host the request named.

    On the console they stay as asked for: nobody is mailed, and one machine has many names.
    """
    if mail_goes_to_the_console():
        return address
    parts = urlsplit(address)
    return f"{settings.SITE_URL}{parts._replace(scheme='', netloc='').geturl()}"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This account is closed."),
        "duplicate_email": _("This is your address already."),
        "email_taken": _("This address belongs to another account."),
        "enter_current_password": _("This is not your current password."),
        "same_as_current": _("This is what it is already."),
        "email_password_mismatch": _("The e-mail address or the password is wrong."),
        "username_password_mismatch": _("The name or the password is wrong."),
        "incorrect_password": _("The password is wrong."),
        "incorrect_code": _("This code is wrong, or too old."),
        "rate_limited": _("Too many attempts. Wait a minute, then try again."),
        "too_many_login_attempts": _(
            "Too many failed attempts. Wait five minutes, then try again."
        ),
        "username_taken": _("This name is taken."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.SIGNUP_OPEN)

    def get_client_ip(self, request: HttpRequest) -> str:
        address = address_of(request)
        if address is None:
            raise PermissionDenied
        return address

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Signing in a moment ago is proof enough; allauth would ask again at once."""
        if signed_in_lately(self.request):
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        return on_our_site(super().get_email_confirmation_url(request, emailconfirmation))

    def get_reset_password_from_key_url(self, key: str) -> str:
        return on_our_site(super().get_reset_password_from_key_url(key))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        super().send_mail(template_prefix, email, context)
        links = [context[name] for name in MAILED_LINKS if name in context]
        if links and settings.DEBUG and mail_goes_to_the_console():
            # Without a mail server the log has the mail; whoever develops need not look there.
            self.request.session[SHOWN_LINK] = links[0]


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return bool(settings.SIGNUP_OPEN)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of authenticator apps and recovery codes are encrypted in the database."""

    error_messages: ClassVar[dict[str, Any]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is wrong, or too old."),
    }

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()

    def get_totp_label(self, user: User) -> str:
        return user.username

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user=user, type=type).count()
        return gettext("Passkey") if count == 0 else f"{gettext('Passkey')} {count + 1}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": context.request.get_host().partition(":")[0], "name": "HyperHub"}


def _cipher() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(f"two-factor secrets:{text!s}".encode()) for text in secrets]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(each.digest())) for each in digests])


class OIDCAdapter(DefaultOIDCAdapter):  # type: ignore[misc]
    scope_display: ClassVar[dict[str, Any]] = {
        "openid": _("know who you are"),
        "profile": _("know your public name"),
        "email": _("know your e-mail address"),
        **dict(Scope.choices),
    }
