"""What the hub itself has to say of a file that the reader takes: where else its weights are, which
base model it fits, what it will be called, what others say of it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from registry.base_models import family_of, fitting
from registry.formats.errors import Finding, Severity
from registry.formats.report import Report
from registry.models import Network, Upload, User, Version
from registry.opinions import Says


def remarks(
    upload: Upload, report: Report, *, stem: str, opinions: Iterable[Mapping[str, str]]
) -> list[Finding]:
    """Findings on an accepted file, beside the reader's own."""
    return [
        *_renamed(upload, stem),
        *_misfit(upload.version, report),
        *_same_weights(upload, str(report.hashes["weights"])),
        *_warnings(opinions),
    ]


def taken_down_before(report: Report, *, owner: User) -> Finding | None:
    """The refusal of weights that the moderators have taken down, whoever brings them back."""
    if owner.is_moderator:
        return None
    taken_down = (
        Version.objects.filter(weights_hash=report.hashes["weights"])
        .filter(Q(status=Version.Status.TAKEN_DOWN) | Q(network__status=Network.Status.TAKEN_DOWN))
        .select_related("network")
        .first()
    )
    if taken_down is None:
        return None
    reason = taken_down.status_reason or taken_down.network.status_reason
    sentence = _(
        "The moderators have taken these weights down before (%(reason)s). If you think that was "
        "wrong, appeal against it instead of uploading them again."
    )
    return Finding(
        "weights-taken-down",
        Severity.UNSUPPORTED,
        sentence % {"reason": reason},
        {"reason": reason},
    )


def _renamed(upload: Upload, stem: str) -> Iterator[Finding]:
    if upload.name.rpartition(".")[0] == stem:
        return
    sentence = _(
        "The file will be called “%(stem)s”, and so will the network in prompts: names are kept "
        "to what every system and every WebUI takes."
    )
    yield Finding("renamed", Severity.INFO, sentence % {"stem": stem}, {"stem": stem})


def _misfit(version: Version | None, report: Report) -> Iterator[Finding]:
    expected = [str(each) for each in fitting(report.dims)]
    if version is None or not version.base_model or version.base_model in expected:
        return
    data = {"base_model": version.base_model, "listed": ", ".join(expected)}
    sentence = _(
        "You said that it is for %(base_model)s, but its layers fit %(listed)s. Correct the base "
        "model, or upload the right file: it cannot be published like this."
    )
    family = family_of(report.dims)
    yield Finding("base-model", Severity.WARNING, sentence % data, {**data, "family": family})


def _same_weights(upload: Upload, weights_hash: str) -> Iterator[Finding]:
    """Whose these weights are already; only what the creator may see is named."""
    others = Version.objects.with_weights(weights_hash).exclude(pk=upload.version_id or 0)
    published = others.filter(published_at__isnull=False) | others.filter(
        network__creator=upload.owner
    )
    if not published.exists():
        return
    visible = Version.objects.visible_to(upload.owner).filter(pk__in=published)
    found = visible.select_related("network__creator").order_by("published_at", "pk").first()
    if found is None:
        sentence = _("Someone else has published these very weights already.")
        yield Finding("same-weights", Severity.WARNING, sentence, {})
        return
    own = found.network.creator == upload.owner
    data: dict[str, Any] = {
        "creator": found.network.creator.username,
        "network": found.network.name,
        "version": found.name,
        "network_id": found.network_id,
        "version_id": found.pk,
    }
    sentence = (
        _("These very weights are already in your “%(network)s”, version %(version)s.")
        if own
        else _(
            "%(creator)s has published these very weights as “%(network)s”, version %(version)s. "
            "Publish them only if you may, and say where they are from."
        )
    )
    yield Finding("same-weights", Severity.WARNING, sentence % data, data)


def _warnings(opinions: Iterable[Mapping[str, str]]) -> Iterator[Finding]:
    for opinion in opinions:
        if opinion["verdict"] == Says.INFECTED:
            data = {"scanner": opinion["scanner"], "version": opinion["version"]}
            yield Finding("second-opinion", Severity.WARNING, opinion["message"], data)
