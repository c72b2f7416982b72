"""The first administrator: by a link that only who starts the hub sees, once and for a day."""

from typing import Final

from allauth.account.internal.flows.login import record_authentication
from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from hub.accounts.allauth_forms import PASSWORD_HINT
from registry.audit import record
from registry.models import AuditEvent, User

SALT: Final = "first-admin"
LIFETIME: Final = 24 * 3600  # seconds
MADE: Final = "user.made_first_admin"
# Any number that nothing else here uses as an advisory lock.
LOCK: Final = 0x41444D4E


class FirstAdminExists(Exception):
    """The link was used already, or an administrator was made in another way."""


def first_admin_link() -> str:
    """Its full address; empty once there is an administrator."""
    if has_had_an_admin():
        return ""
    token = signing.dumps("", salt=SALT)
    return f"{settings.SITE_URL}{reverse('account_first_admin', args=[token])}"


def has_had_an_admin() -> bool:
    """The audit line stays when the account goes: the link does not come back to life."""
    return (
        User.objects.filter(role=User.Role.ADMIN).exists()
        or AuditEvent.objects.filter(action=MADE).exists()
    )


def is_good(token: str) -> bool:
    try:
        signing.loads(token, salt=SALT, max_age=LIFETIME)
    except signing.BadSignature:
        return False
    return not has_had_an_admin()


@transaction.atomic
def make_first_admin(*, username: str, email: str, password: str) -> User:
    """Raises FirstAdminExists, ValidationError."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    if has_had_an_admin():
        raise FirstAdminExists
    user = User.objects.create_superuser(username, email, password)
    # Who reads the hub's terminal need not prove that mail arrives.
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    record(MADE, by=user, on=user)
    return user


class FirstAdminForm(forms.ModelForm):  # type: ignore[type-arg]  # no [] at run time
    password = forms.CharField(
        label=_("Password"),
        help_text=PASSWORD_HINT,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("username", "email")
        help_texts = {"email": _("Never shown to anyone.")}

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.instance)
        return password


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def first_admin(request: HttpRequest, token: str) -> HttpResponse:
    if not is_good(token):
        return render(request, "account/first_admin_gone.html", status=410)
    form = FirstAdminForm(request.POST or None)
    if not form.is_valid():
        return render(request, "account/first_admin.html", {"form": form})
    try:
        user = make_first_admin(**form.cleaned_data)
    except FirstAdminExists:
        return render(request, "account/first_admin_gone.html", status=410)
    except ValidationError as error:
        form.add_error(None, error)
        return render(request, "account/first_admin.html", {"form": form})
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    # The password was typed a moment ago; the first key or second factor need not ask for it.
    record_authentication(request, user, method="password")
    return redirect("/")
