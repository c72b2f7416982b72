"""Downloads a day. A client counts once a file and day (`registry.downloads` sees to it)."""

from django.db import models

from registry.models.file import File


class Download(models.Model):
    file = models.ForeignKey(File, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "day"], name="download_file_day")]
        indexes = [models.Index(fields=["day"], name="download_day")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.day}: {self.count}"


class DownloadBatch(models.Model):
    """Counts that were written down: their name is here, so they are not added twice."""

    name = models.UUIDField(primary_key=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.name)
