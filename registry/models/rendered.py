"""HTML of people's Markdown, kept beside it: a page of the API shows hundreds of such texts."""

from typing import TYPE_CHECKING, Any

from django.db import models

from registry.markdown import to_html

if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField


class RenderedField(TextField):
    """The HTML of another field, `of`, made anew whenever a row is saved.

    A save that names its fields must name both. Empty beside a text that was never rendered.
    """

    def __init__(self, *, of: str, **words: Any) -> None:
        words |= {"blank": True, "default": "", "db_default": "", "editable": False}
        super().__init__(**words)
        self.of = of

    def deconstruct(self) -> Any:
        name, path, args, words = super().deconstruct()
        return name, path, args, {**words, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        text: str = getattr(model_instance, self.of)
        html = to_html(text) if text else ""
        setattr(model_instance, self.attname, html)
        return html
