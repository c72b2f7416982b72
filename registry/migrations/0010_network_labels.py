import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):
    # The lists are read while a large index is made.
    atomic = False

    dependencies = [
        ("registry", "0009_rendered_texts"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="network",
            index=django.contrib.postgres.indexes.GinIndex(
                fields=["tag_ids", "base_models", "activations", "works_with"],
                name="network_labels",
            ),
        ),
        RemoveIndexConcurrently(model_name="network", name="network_tags"),
    ]
