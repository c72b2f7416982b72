"""allauth's forms in our words: a label once, not again inside the field, and hints that help."""

from typing import Any, ClassVar, Final

from allauth.account import forms as account
from allauth.idp.oidc import forms as oidc
from allauth.mfa.base import forms as second_factor
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as webauthn
from allauth.socialaccount import forms as social
from django import forms
from django.utils.translation import gettext_lazy as _

PASSWORD_HINT: Final = _("At least 8 characters, not only digits, and none that everyone uses.")

EMAIL: Final = (_("E-mail address"), _("Never shown to anyone."))
PUBLIC_NAME: Final = (
    _("Public name"),
    _("Letters, digits, “_” and “-”. It stands in the address of your work."),
)
NEW_PASSWORD: Final = (_("New password"), PASSWORD_HINT)
AGAIN: Final = (_("New password again"), "")
CODE: Final = (
    _("Code"),
    _("Six digits from your authenticator app, or one of your recovery codes."),
)
KEY_NAME: Final = (_("Name"), _("To know it again: the device or the app that keeps it."))


class InOurWords(forms.Form):
    """Mixed in before a form of allauth: `words` has a label and a hint for its fields."""

    words: ClassVar[dict[str, tuple[Any, Any]]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            if name in self.words:
                field.label, field.help_text = self.words[name]


class LoginForm(InOurWords, account.LoginForm):  # type: ignore[misc]
    words: ClassVar = {"login": (_("Name or e-mail address"), ""), "password": (_("Password"), "")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autocomplete"] = "username"


class SignupForm(InOurWords, account.SignupForm):  # type: ignore[misc]
    words: ClassVar = {
        "email": EMAIL,
        "username": PUBLIC_NAME,
        "password1": (_("Password"), PASSWORD_HINT),
    }


class SocialSignupForm(InOurWords, social.SignupForm):  # type: ignore[misc]
    words: ClassVar = {"email": EMAIL, "username": PUBLIC_NAME}


class AddEmailForm(InOurWords, account.AddEmailForm):  # type: ignore[misc]
    words: ClassVar = {
        "email": (_("New address"), _("A link goes there, to prove that it is yours."))
    }


class ChangePasswordForm(InOurWords, account.ChangePasswordForm):  # type: ignore[misc]
    words: ClassVar = {
        "oldpassword": (_("Current password"), ""),
        "password1": NEW_PASSWORD,
        "password2": AGAIN,
    }


class SetPasswordForm(InOurWords, account.SetPasswordForm):  # type: ignore[misc]
    words: ClassVar = {"password1": NEW_PASSWORD, "password2": AGAIN}


class ResetPasswordForm(InOurWords, account.ResetPasswordForm):  # type: ignore[misc]
    words: ClassVar = {"email": (_("E-mail address"), "")}


class ResetPasswordKeyForm(InOurWords, account.ResetPasswordKeyForm):  # type: ignore[misc]
    words: ClassVar = {"password1": NEW_PASSWORD, "password2": AGAIN}


class ReauthenticateForm(InOurWords, account.ReauthenticateForm):  # type: ignore[misc]
    words: ClassVar = {"password": (_("Password"), "")}


class SecondFactorForm(InOurWords, second_factor.AuthenticateForm):  # type: ignore[misc]
    words: ClassVar = {"code": CODE}


class ReauthenticateCodeForm(InOurWords, second_factor.ReauthenticateForm):  # type: ignore[misc]
    words: ClassVar = {"code": CODE}


class ActivateTOTPForm(InOurWords, totp.ActivateTOTPForm):  # type: ignore[misc]
    words: ClassVar = {"code": (_("Code"), _("The six digits that the app shows now."))}


class AddPasskeyForm(InOurWords, webauthn.AddWebAuthnForm):  # type: ignore[misc]
    words: ClassVar = {
        "name": KEY_NAME,
        "passwordless": (
            _("Sign in with it alone"),
            _("A passkey: no name, no password. Otherwise it is the second step after them."),
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["passwordless"].initial = True


class DeviceCodeForm(InOurWords, oidc.ConfirmCodeForm):  # type: ignore[misc]
    words: ClassVar = {"code": (_("Code"), "")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"autocapitalize": "characters", "spellcheck": "false"}


class EditPasskeyForm(InOurWords, webauthn.EditWebAuthnForm):  # type: ignore[misc]
    words: ClassVar = {"name": KEY_NAME}
