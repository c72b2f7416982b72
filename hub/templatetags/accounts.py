"""What the templates of the account area need."""

from collections.abc import Iterable

from django import forms, template

from registry.models import Scope

register = template.Library()


@register.filter
def without_placeholders(form: forms.BaseForm) -> forms.BaseForm:
    """allauth repeats each label inside its field; a label once is enough."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
    return form


@register.filter
def scope_names(scopes: Iterable[str]) -> list[str]:
    """["upload"] -> ["upload and edit your networks"], in the order of the scopes."""
    wanted = set(scopes)
    return [str(scope.label) for scope in Scope if scope in wanted]
