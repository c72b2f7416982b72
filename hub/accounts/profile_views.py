"""The account's first page: who you are to others."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.avatars import change_avatar, remove_avatar
from hub.accounts.forms import AvatarForm, ProfileForm
from hub.accounts.people import posted_from, signed_in
from hub.accounts.profile import change_profile
from registry.picture_uploads import UnusablePicture

FOREVER = "public, max-age=31536000, immutable"


@login_required
def profile(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if request.method != "POST":
        return _page(request, ProfileForm(instance=user), AvatarForm())
    form = ProfileForm(request.POST, instance=user)
    if form.is_valid():
        change_profile(user=user, **form.cleaned_data)
        messages.success(request, _("Your profile is saved."))
        return redirect("account_profile")
    # A failed form has already changed the instance: the page shows who he was.
    user.refresh_from_db()
    return _page(request, form, AvatarForm(), status=400)


@posted_from("account_profile")
@login_required
def avatar(request: HttpRequest) -> HttpResponse:
    """Take the uploaded picture, or remove the present one."""
    user = signed_in(request)
    if "remove" in request.POST:
        remove_avatar(user=user)
        return redirect("account_profile")
    form = AvatarForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            change_avatar(user=user, upload=form.cleaned_data["picture"])
        except UnusablePicture as refused:
            form.add_error("picture", refused.message)
        else:
            messages.success(request, _("Your picture is saved."))
            return redirect("account_profile")
    return _page(request, ProfileForm(instance=user), form, status=400)


def _page(
    request: HttpRequest, form: ProfileForm, avatar_form: AvatarForm, status: int = 200
) -> HttpResponse:
    context = {"form": form, "avatar_form": avatar_form}
    return render(request, "account/profile.html", context, status=status)


@require_safe
def avatar_file(request: HttpRequest, digest: str) -> FileResponse:
    """A face, by the SHA256 of its bytes; it never changes."""
    name = f"avatars/{digest}.webp"
    try:
        file = default_storage.open(name)
    except FileNotFoundError as missing:
        raise Http404 from missing
    return FileResponse(
        file,
        content_type="image/webp",
        headers={
            "Cache-Control": FOREVER,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )
