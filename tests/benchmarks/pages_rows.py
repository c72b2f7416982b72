"""What `./bench pages` puts into its hub, and how it counts a page's queries."""

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inference.models import Cell, PreviewGrid
from registry.models import Network, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory
from tests.grids import grid_of
from tests.inference.conftest import make_base_model

TAGS = ("ink", "portrait", "landscape", "night", "pastel", "paper", "anime", "film")
CREATORS = 12


def fill(networks: int, *, pictured: int) -> None:
    """The first `pictured` networks have drawn grids; the others show the same pictures."""
    base_model = make_base_model(name="Bench SD")
    creators = UserFactory.create_batch(CREATORS)
    grids = []
    for number in range(networks):
        network = NetworkFactory(
            creator=creators[number % CREATORS],
            name=f"Study {number} in ink and light",
            slug=f"study-{number}",
            kind=Network.Kind.STYLE if number % 3 else Network.Kind.SUBJECT,
            tags=[TAGS[number % len(TAGS)], TAGS[(number // 8) % len(TAGS)]],
        )
        version = PublishedVersionFactory(network=network)
        if number < pictured:
            grids.append(grid_of(version, base_model=base_model, drawn=True))
        else:
            _again(grids[number % pictured], version)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _again(grid: PreviewGrid, version: Version) -> None:
    cells = list(grid.cells.all())
    grid = PreviewGrid.objects.get(pk=grid.pk)
    grid.pk, grid.version, grid._state.adding = None, version, True
    grid.save()
    for cell in cells:
        cell.pk, cell.grid, cell._state.adding = None, grid, True
    Cell.objects.bulk_create(cells)


def a_network() -> str:
    return Network.objects.visible_to(AnonymousUser()).earliest("pk").get_absolute_url()


def paths() -> list[str]:
    creator = User.objects.get(pk=Network.objects.earliest("pk").creator_id)
    some = Version.objects.order_by("pk").values_list("pk", flat=True)[:3]
    return [
        "/",
        "/?types=style&tag=ink",
        "/?q=ink+light",
        a_network(),
        f"{reverse('compare')}?v={','.join(map(str, some))}",
        reverse("find"),
        reverse("tag", args=[TAGS[0]]),
        reverse("creator", args=[creator.username]),
        reverse("account_login"),
        reverse("account_signup"),
        reverse("api-docs"),
        *(reverse(name) for name in ("help", "collections") if _exists(name)),
    ]


def _exists(name: str) -> bool:
    from django.urls import NoReverseMatch

    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


def queries_of(path: str) -> int:
    """Of a second visit: what is kept in the cache is there."""
    client = Client(SERVER_NAME="localhost")
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200, path  # noqa: S101
    return len(queries)
