from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

SORTS = (
    ("last_version_at", "newest"),
    ("download_count", "downloads"),
    ("like_count", "likes"),
    ("comment_count", "comments"),
    ("collected_count", "collected"),
    ("picture_count", "pictures"),
)


class Migration(migrations.Migration):
    # The lists are read while large indexes are made; the old ones go when all new ones are there.
    atomic = False

    dependencies = [
        ("registry", "0010_network_labels"),
    ]

    operations = [
        *(
            AddIndexConcurrently(
                model_name="network",
                index=models.Index(
                    fields=[f"-{field}", "-id"],
                    include=["kind", "content_level", "base_models", "tag_ids"],
                    condition=models.Q(is_listed=True),
                    name=f"network_list_by_{name}",
                ),
            )
            for field, name in SORTS
        ),
        *(
            RemoveIndexConcurrently(model_name="network", name=f"network_by_{name}")
            for _, name in SORTS
        ),
    ]
