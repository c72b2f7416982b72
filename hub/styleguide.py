"""Every component in every state, for the people who build pages. Served only in debug."""

from urllib.parse import quote

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

STRENGTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]
KINDS = [("style", "Style"), ("subject", "Subject")]
ICONS = ["search", "sun", "moon", "user", "key-round", "shield-check", "download", "heart", "copy"]
# Stands in for a rendered picture: two lights in a dark room.
PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 4"><defs>
<radialGradient id="a" cx=".3" cy=".3" r=".9"><stop stop-color="{0}"/><stop offset="1" stop-color="{1}"/></radialGradient>
<radialGradient id="b" cx=".7" cy=".8" r=".6"><stop stop-color="{2}"/><stop offset="1" stop-color="{2}" stop-opacity="0"/></radialGradient>
</defs><rect width="3" height="4" fill="url(#a)"/><rect width="3" height="4" fill="url(#b)"/></svg>"""  # noqa: E501


class EveryField(forms.Form):
    """One of each kind of field, as account pages and the publish form have them."""

    name = forms.CharField(
        help_text="3 to 30 letters, digits, “_” or “-”.",
        widget=forms.TextInput(attrs={"placeholder": "watercolour-study"}),
    )
    password = forms.CharField(widget=forms.PasswordInput)
    about = forms.CharField(required=False, widget=forms.Textarea)
    base_model = forms.ChoiceField(choices=[("sd1", "SD 1.5"), ("sd2", "SD 2.1")])
    picture = forms.FileField(required=False, help_text="PNG, JPEG or WebP, up to 10 MB.")
    kind = forms.ChoiceField(choices=KINDS, widget=forms.RadioSelect)
    works_with = forms.MultipleChoiceField(
        choices=[("a1111", "AUTOMATIC1111"), ("comfyui", "ComfyUI")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    terms = forms.BooleanField(label="I made this, or may publish it", help_text="See the rules.")
    public = forms.BooleanField(label="Show on my page", required=False)
    fixed = forms.CharField(label="Address", disabled=True, required=False)

    def clean(self) -> None:
        if self.data:
            self.add_error(None, "Two fields need another look before this can be saved.")


def styleguide(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    filled = {"about": "水彩の習作。\nدراسة بالألوان المائية", "public": True, "fixed": "alice/ink"}
    context = {
        "form": EveryField(initial=filled, auto_id="empty_%s"),
        "wrong_form": EveryField({"name": "a b"}, auto_id="wrong_%s"),
        "strengths": STRENGTHS,
        "icons": ICONS,
        "pictures": [
            _picture("#c98b5a", "#1c1412", "#5a2f52"),
            _picture("#7fa3a0", "#0f1a1d", "#d9b48a"),
            _picture("#b9b3a4", "#2a2723", "#8b3f2c"),
        ],
        "long_name": "The long exposure of a harbour at night, in sixty characters",
        "trail": [("Gallery", "/"), ("alice", "/"), ("Ink wash", "")],
        "themes": ("dark", "light"),
    }
    return render(request, "styleguide.html", context)


def _picture(light: str, dark: str, glow: str) -> str:
    return "data:image/svg+xml," + quote(PICTURE.format(light, dark, glow))
