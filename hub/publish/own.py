"""One's own things by their number: 404 for others' too, which says nothing of what is there."""

from uuid import UUID

from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from hub.accounts.people import signed_in
from registry.models import Network, Upload, Version
from registry.versions import UNPUBLISHED


def own_network(request: HttpRequest, network_id: int) -> Network:
    mine = Network.objects.filter(creator=signed_in(request)).select_related("creator")
    network = mine.defer("search").filter(pk=network_id).first()
    if network is None:
        raise Http404(_("There is no such network of yours."))
    return network


def own_version(request: HttpRequest, version_id: int) -> Version:
    mine = Version.objects.filter(network__creator=signed_in(request))
    related = mine.select_related("network__creator").defer("network__search")
    version = related.filter(pk=version_id).first()
    if version is None:
        raise Http404(_("There is no such version of yours."))
    return version


def own_draft(request: HttpRequest, version_id: int) -> Version:
    """Drafts, those being checked, and scheduled ones."""
    version = own_version(request, version_id)
    if version.status not in UNPUBLISHED:
        raise Http404(_("This is published: it is no draft any more."))
    return version


def own_upload(request: HttpRequest, upload_id: UUID) -> Upload:
    mine = Upload.objects.filter(owner=signed_in(request))
    related = ("job", "owner", "version__network__creator")
    upload = mine.select_related(*related).defer("version__network__search").filter(pk=upload_id)
    if (found := upload.first()) is None:
        raise Http404(_("There is no such upload of yours."))
    return found


def address_of(network: Network) -> str:
    """Its page; "" while the site has none."""
    try:
        return reverse("network", args=[network.creator.username, network.slug])
    except NoReverseMatch:
        return ""
