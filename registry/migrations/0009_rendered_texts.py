from typing import Any

from django.db import migrations

import registry.models.rendered
from registry.markdown import to_html

AT_ONCE = 500


def render(apps: Any, schema_editor: Any) -> None:
    """HTML for the texts that are there already."""
    for name, text in (("Network", "description"), ("Version", "changelog")):
        model = apps.get_model("registry", name)
        rows = model.objects.exclude(**{text: ""}).only("pk", text)
        waiting = []
        for row in rows.iterator(AT_ONCE):
            setattr(row, f"{text}_html", to_html(getattr(row, text)))
            waiting.append(row)
            if len(waiting) == AT_ONCE:
                model.objects.bulk_update(waiting, [f"{text}_html"])
                waiting.clear()
        model.objects.bulk_update(waiting, [f"{text}_html"])


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0008_level_of_moderators"),
    ]

    operations = [
        migrations.AddField(
            model_name="network",
            name="description_html",
            field=registry.models.rendered.RenderedField(
                blank=True, db_default="", default="", editable=False, of="description"
            ),
        ),
        migrations.AddField(
            model_name="version",
            name="changelog_html",
            field=registry.models.rendered.RenderedField(
                blank=True, db_default="", default="", editable=False, of="changelog"
            ),
        ),
        migrations.RunPython(render, migrations.RunPython.noop, elidable=True),
    ]
