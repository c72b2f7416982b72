"""A network's page: what it says, to whom, in every state that a network can be in."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inference.models import BaseModel, Cell, PreviewGrid
from registry.formats.compatibility import SENTENCES
from registry.formats.hypernetwork import HypernetworkSpec
from registry.models import Finding, Network, Original, User, Version
from registry.networks import delete_network, take_down_network
from registry.publishing import schedule_version, yank_version
from registry.versions import take_down_version, update_version
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    VersionFactory,
    published,
)
from tests.grids import grid_of, paint
from tests.hub.network.conftest import page, rendered
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


def text_of(source: str) -> str:
    """What is read, tags and line breaks aside."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", source)))


class TestFacts:
    def test_what_people_take_home(self, version: Version, anonymous: Client) -> None:
        shown = page(anonymous)
        file = version.files.get(is_primary=True)
        for address in (
            f"/api/download/models/{version.pk}",
            f"/api/download/models/{version.pk}/bundle",
            f"/api/download/models/{version.pk}?type=Model&amp;format=SafeTensor&amp;flavor=portable",
        ):
            assert f'href="{address}"' in shown
        assert file.sha256.upper() in shown
        assert file.autov2.upper() in shown
        assert "&lt;hypernet:InkWash:0.75&gt;" in shown
        assert "inkwash" in shown

    def test_what_it_is_made_of(self, network: Network, anonymous: Client) -> None:
        spec = HypernetworkSpec(
            name="InkWash",
            layer_structure=(1, 2, 2, 1),
            activation_func="gelu",
            use_dropout=True,
            dropout_structure=(0, 0.3, 0, 0),
            step=12_500,
        )
        PublishedVersionFactory(
            network=network,
            stem="InkWash",
            spec=spec,
            trained_on_name="nice-model",
            trained_on_hash="0123456789",
        )
        said = text_of(page(anonymous))
        for fact in ("1 · 2 · 2 · 1", "gelu", "0.3", "12,500", "nice-model (0123456789)"):
            assert fact in said
        assert "320, 640, 768, 1280" in said

    def test_each_program_with_its_reason(self, network: Network, anonymous: Client) -> None:
        spec = HypernetworkSpec(name="x", activation_func="gelu", activate_output=False)
        PublishedVersionFactory(network=network, spec=spec)
        said = text_of(page(anonymous))
        assert "Works in A1111" in said
        assert SENTENCES["comfyui-activation"].format(activation="gelu") in said
        assert SENTENCES["sdnext"] in said

    def test_the_original_where_it_differed(self, network: Network, anonymous: Client) -> None:
        version = CheckedVersionFactory(network=network)
        refused = {
            "app": "A1111 ≤1.9",
            "verdict": "refused",
            "rule": "a1111-member",
            "data": {"member": "byteorder"},
        }
        version.facts["compatibility_of"]["uploaded"] = [refused]
        version.save()
        published(version)
        said = text_of(page(anonymous))
        assert "The file as it was uploaded: refused." in said
        assert "byteorder" in said

    def test_what_the_check_found_in_words(self, network: Network, anonymous: Client) -> None:
        version = PublishedVersionFactory(network=network)
        sentence = "Not scanned by ClamAV: no scanner is set up here."
        opinion = {"scanner": "ClamAV", "version": "", "verdict": "not-scanned"}
        Original.objects.update(opinions=[opinion | {"message": sentence}])
        Finding.objects.create(
            original=version.original, rule="renamed", severity="info", message="It was renamed."
        )
        said = text_of(page(anonymous))
        assert "Checked by us: 1 remark" in said
        assert "It was renamed." in said
        assert sentence in said

    def test_licence_and_permissions(self, version: Version, anonymous: Client) -> None:
        said = text_of(page(anonymous))
        assert "CreativeML OpenRAIL-M" in said
        assert "Merge it and train it further : allowed" in said
        assert "Sell it, or merges of it : not allowed" in said

    def test_the_words_of_people_are_text(self, alice: User, anonymous: Client) -> None:
        evil = "<img src=x onerror=alert(1)>"
        network = NetworkFactory(creator=alice, slug="ink", name=evil, description=evil)
        PublishedVersionFactory(network=network, changelog=evil, trigger_words=[evil])
        assert "<img src=x" not in page(anonymous)

    def test_description_and_changelog_are_html(self, version: Version, anonymous: Client) -> None:
        shown = page(anonymous)
        assert "Wet ink on <strong>rough</strong> paper." in shown
        assert "First <strong>try</strong>." in shown


class TestStrength:
    def test_measured_with_its_curve_and_the_table_behind(
        self, version: Version, anonymous: Client
    ) -> None:
        shown = page(anonymous)
        said = text_of(shown)
        assert "0.75 works from 0.5 to 1" in said
        assert "Measured by the hub from its pictures on Small SD" in said
        assert shown.count('class="curve-point') == 6
        assert "0.260" in said and "88%" in said

    def test_the_creators_own_beside_the_measured(
        self, version: Version, alice: User, anonymous: Client
    ) -> None:
        update_version(version=version, by=alice, recommended_strength=0.5)
        said = text_of(page(anonymous))
        assert "Chosen by alice. The hub measured 0.75." in said
        assert "&lt;hypernet:InkWash:0.5&gt;" in page(anonymous)

    def test_not_measured_is_said_with_the_reason(
        self, network: Network, base_model: BaseModel, anonymous: Client
    ) -> None:
        grid_of(PublishedVersionFactory(network=network, stem="InkWash"), base_model=base_model)
        said = text_of(page(anonymous))
        assert "Not measured There is no image encoder for this base model." in said
        assert "<hypernet:InkWash:1>" in said


class TestViewer:
    def test_the_recommended_strength_is_on_the_stage(
        self, version: Version, anonymous: Client
    ) -> None:
        shown = page(anonymous)
        stage = re.search(r"<img class=\"stage-picture shown\".*?>", shown)
        cell = Cell.objects.get(row=0, multiplier=0.75)
        assert stage is not None and cell.picture is not None
        assert cell.picture.sha256 in stage[0]
        assert f"“{cell.prompt}” at strength 0.75" in html.unescape(stage[0])

    def test_an_address_chooses_prompt_and_strength(
        self, version: Version, anonymous: Client
    ) -> None:
        shown = page(anonymous, prompt="2", strength="0.25")
        stage = re.search(r"<img class=\"stage-picture shown\".*?>", shown)
        cell = Cell.objects.get(row=1, multiplier=0.25)
        assert stage is not None and cell.picture is not None and cell.picture.sha256 in stage[0]
        assert "&lt;hypernet:InkWash:0.25&gt;" in shown

    @pytest.mark.parametrize("asked", ["0", "99", "-1", "one", "²", "9" * 30])
    def test_what_makes_no_sense_is_as_if_it_was_not_asked(
        self, version: Version, anonymous: Client, asked: str
    ) -> None:
        assert "stage-picture shown" in page(anonymous, prompt=asked, grid=asked)
        assert "stage-picture shown" in page(anonymous, strength=asked)
        assert "stage-picture shown" in page(anonymous, strength="nan")

    def test_every_picture_is_in_the_table_with_its_words(
        self, version: Version, anonymous: Client
    ) -> None:
        table = re.search(r"<table class=\"grid-table\">.*?</table>", page(anonymous), re.DOTALL)
        assert table is not None
        for cell in Cell.objects.select_related("picture"):
            assert cell.picture is not None and cell.picture.sha256 in table[0]
        words = html.unescape(table[0])
        assert "“a red fox in the snow”, without the network" in words
        assert "“a red fox in the snow” at strength 1.25" in words

    def test_no_base_model_for_it(self, network: Network, anonymous: Client) -> None:
        PublishedVersionFactory(network=network)
        said = text_of(page(anonymous))
        assert "No pictures yet" in said
        assert "This hub has no base model that this network was made for (SD 1.5)" in said

    def test_rendered_on_another_base(self, network: Network, anonymous: Client) -> None:
        other = make_base_model(name="Anything", stands_for=["SD 1.4"])
        rendered(PublishedVersionFactory(network=network), other)
        said = text_of(page(anonymous))
        assert "The network is made for SD 1.5; on Anything it may do something else." in said

    def test_two_base_models_are_a_choice(
        self, version: Version, network: Network, anonymous: Client
    ) -> None:
        other = make_base_model(name="Anything")
        grid = grid_of(version, base_model=other, prompts=["another prompt"])
        first = page(anonymous)
        assert f"?grid={grid.pk}#viewer" in first and "another prompt" not in first
        assert "another prompt" in page(anonymous, grid=str(grid.pk))


class TestRendering:
    """While the worker paints: as far as it is, then anew."""

    @pytest.fixture
    def grid(self, network: Network, base_model: BaseModel) -> PreviewGrid:
        version = PublishedVersionFactory(network=network, stem="InkWash")
        return grid_of(version, base_model=base_model, done=False)

    def address(self, shown: str) -> str:
        found = re.search(r'hx-get="(/alice/ink/[^"]+)"', shown)
        assert found is not None
        return html.unescape(found[1])

    def test_it_waits_and_asks_again(self, grid: PreviewGrid, anonymous: Client) -> None:
        shown = page(anonymous)
        assert "Waiting for a render worker" in shown and "0 of 12" in shown
        assert "every 2s" in shown
        assert anonymous.get(self.address(shown)).status_code == 204

    def test_what_came_meanwhile_is_given(self, grid: PreviewGrid, anonymous: Client) -> None:
        address = self.address(page(anonymous))
        cell = grid.cells.all()[0]
        picture = paint(cell)
        cell.save()
        PreviewGrid.objects.update(status=PreviewGrid.Status.RENDERING)
        anew = anonymous.get(address).content.decode()
        assert picture.sha256 in anew and "1 of 12" in anew
        assert "<html" not in anew and "hx-get" in anew
        assert 'id="recommended"' not in anew

    def test_the_end_brings_the_strength_and_no_further_question(
        self, grid: PreviewGrid, network: Network, base_model: BaseModel, anonymous: Client
    ) -> None:
        address = self.address(page(anonymous))
        for cell in grid.cells.all():
            paint(cell)
            cell.save()
        PreviewGrid.objects.update(
            status=PreviewGrid.Status.DONE, finished_at=timezone.now(), measured={}
        )
        anew = anonymous.get(address).content.decode()
        assert "hx-get" not in anew
        assert 'id="recommended" hx-swap-oob="true"' in anew

    def test_it_asks_ever_less_often(self, grid: PreviewGrid, anonymous: Client) -> None:
        PreviewGrid.objects.update(created_at=timezone.now() - timedelta(minutes=1))
        assert "every 15s" in page(anonymous)
        PreviewGrid.objects.update(created_at=timezone.now() - timedelta(hours=5))
        assert "every 30s" in page(anonymous)

    def test_a_failure_says_why(self, grid: PreviewGrid, anonymous: Client) -> None:
        PreviewGrid.objects.update(
            status=PreviewGrid.Status.FAILED,
            finished_at=timezone.now(),
            reason="The base model's file has changed.",
        )
        shown = page(anonymous)
        assert "Rendering failed." in shown and "file has changed." in text_of(shown)
        assert 'hx-get="/alice/' not in shown


class TestStates:
    @pytest.mark.parametrize(
        ("who", "status"), [("anonymous", 404), ("bob", 404), ("alice", 200), ("mod", 200)]
    )
    def test_a_draft_is_its_creators(
        self,
        request: pytest.FixtureRequest,
        network: Network,
        who: str,
        status: int,
    ) -> None:
        CheckedVersionFactory(network=network)
        client = request.getfixturevalue(who if who == "anonymous" else f"{who}_client")
        shown = page(client, status=status)
        if status == 200:
            assert "This is a draft" in shown
            assert "/api/download/" not in shown

    def test_a_network_without_a_version(self, network: Network, alice_client: Client) -> None:
        assert "It has no version yet." in page(alice_client)

    def test_a_version_without_a_file(self, network: Network, alice_client: Client) -> None:
        VersionFactory(network=network)
        assert "once its file is uploaded and checked" in page(alice_client)

    def test_being_checked(self, network: Network, alice_client: Client) -> None:
        VersionFactory(network=network, status=Version.Status.PROCESSING)
        assert "Its file is being checked." in page(alice_client)

    def test_scheduled(self, network: Network, alice: User, alice_client: Client) -> None:
        at = timezone.now() + timedelta(days=3)
        schedule_version(version=CheckedVersionFactory(network=network), at=at, by=alice)
        assert "This version will be published on" in page(alice_client)

    def test_a_new_draft_leaves_the_page_as_it_is_for_others(
        self, version: Version, network: Network, anonymous: Client, alice_client: Client
    ) -> None:
        CheckedVersionFactory(network=network, name="secret")
        assert "secret" not in page(anonymous)
        assert "secret" in page(alice_client)
        assert anonymous.get("/alice/ink/versions/2").status_code == 404
        assert "This version is a draft" in page(alice_client, "/alice/ink/versions/2")

    def test_yanked_says_why_and_can_still_be_had(
        self, version: Version, alice: User, anonymous: Client
    ) -> None:
        yank_version(version=version, reason="Trained on the wrong set.", by=alice)
        shown = page(anonymous)
        assert "Its creator has withdrawn this version." in shown
        assert "Trained on the wrong set." in shown
        assert f'href="/api/download/models/{version.pk}"' in shown

    def test_a_version_taken_down_keeps_its_hashes_alone(
        self, version: Version, mod: User, anonymous: Client
    ) -> None:
        PublishedVersionFactory(network=version.network)
        take_down_version(version=version, reason="A living person.", by=mod)
        shown = page(anonymous, "/alice/ink/versions/1")
        assert "A living person." in shown
        assert version.files.get(is_primary=True).sha256.upper() in shown
        assert "/api/download/" not in shown and "/pictures/" not in shown

    @pytest.mark.parametrize("ending", ["deleted", "taken down"])
    def test_a_tombstone(
        self, version: Version, alice: User, mod: User, anonymous: Client, ending: str
    ) -> None:
        hashes = list(version.files.values_list("sha256", flat=True))
        hashes.append(version.original.sha256)
        if ending == "deleted":
            delete_network(network=version.network, reason="I changed my mind.", by=alice)
        else:
            take_down_network(network=version.network, reason="I changed my mind.", by=mod)
        shown = page(anonymous, status=410)
        assert "I changed my mind." in shown
        for digest in hashes:
            assert digest.upper() in shown
        assert "/api/download/" not in shown and "<img" not in shown

    def test_other_versions_have_their_own_address(
        self, version: Version, network: Network, anonymous: Client
    ) -> None:
        PublishedVersionFactory(network=network, stem="InkWash2")
        assert "InkWash2" in page(anonymous)
        old = page(anonymous, "/alice/ink/versions/1")
        assert "&lt;hypernet:InkWash:0.75&gt;" in old
        assert "This is not the latest version." in old

    def test_the_address_is_the_one_that_is_written(
        self, version: Version, anonymous: Client
    ) -> None:
        response = anonymous.get("/ALICE/Ink")
        assert (response.status_code, response["Location"]) == (301, "/alice/ink")
        assert anonymous.get("/alice/nothing").status_code == 404

    @pytest.mark.parametrize("name", ["墨絵の風景 " * 8, "حبر على ورق", "x" * 60])
    def test_names_in_every_script(self, alice: User, anonymous: Client, name: str) -> None:
        network = NetworkFactory(creator=alice, slug="ink", name=name[:60])
        PublishedVersionFactory(network=network)
        assert f"<bdi>{name[:60]}</bdi>" in page(anonymous)


class TestContentLevel:
    @pytest.fixture
    def mature(self, version: Version) -> Version:
        Network.objects.update(content_level="mature")
        return version

    def test_stronger_pictures_wait_to_be_asked_for(
        self, mature: Version, anonymous: Client
    ) -> None:
        shown = page(anonymous)
        assert "Mature pictures" in shown and "/pictures/" not in shown
        assert "&lt;hypernet:InkWash:0.75&gt;" in shown
        asked = page(anonymous, show="1")
        assert "stage-picture shown" in asked
        assert "show=1&amp;prompt=2" in asked

    def test_a_member_who_has_chosen_them_sees_them(
        self, mature: Version, bob: User, bob_client: Client
    ) -> None:
        assert "Mature pictures" in page(bob_client)
        User.objects.filter(pk=bob.pk).update(content_level="mature")
        assert "stage-picture shown" in page(bob_client)

    def test_explicit_ones_need_an_account(
        self, version: Version, anonymous: Client, bob_client: Client
    ) -> None:
        Network.objects.update(content_level="explicit")
        assert "/pictures/" not in page(anonymous, show="1")
        assert "/account/login/?next=/alice/ink" in page(anonymous)
        assert "Explicit pictures" in page(bob_client)
        assert "stage-picture shown" in page(bob_client, show="1")

    def test_its_creator_and_moderators_see_it(
        self, mature: Version, alice_client: Client, mod_client: Client
    ) -> None:
        assert "stage-picture shown" in page(alice_client)
        assert "stage-picture shown" in page(mod_client)

    def test_the_grid_alone_is_behind_the_same_gate(
        self, mature: Version, anonymous: Client
    ) -> None:
        assert anonymous.get("/alice/ink/versions/1/grid").status_code == 404
        assert anonymous.get("/alice/ink/versions/1/grid?show=1").status_code == 200


class TestQueries:
    @pytest.mark.parametrize("who", ["anonymous", "bob_client", "alice_client", "mod_client"])
    def test_few_and_as_many_for_thirty_versions(
        self,
        request: pytest.FixtureRequest,
        version: Version,
        network: Network,
        base_model: BaseModel,
        who: str,
    ) -> None:
        client = request.getfixturevalue(who)
        page(client)
        with CaptureQueriesContext(
            connection,
        ) as few:
            page(client)
        for _ in range(29):
            PublishedVersionFactory(network=network, changelog="More.")
        rendered(network.versions.all()[0], base_model, prompts=[f"prompt {n}" for n in range(6)])
        with CaptureQueriesContext(connection) as many:
            shown = page(client)
        assert "25 older versions" in shown
        assert len(many) == len(few) <= MOST_QUERIES, "\n".join(q["sql"] for q in many)

    def test_looking_for_new_pictures_is_cheap(
        self, network: Network, base_model: BaseModel, anonymous: Client
    ) -> None:
        grid_of(PublishedVersionFactory(network=network), base_model=base_model, done=False)
        with CaptureQueriesContext(connection) as asked:
            anonymous.get("/alice/ink/versions/1/grid")
        assert len(asked) <= MOST_QUERIES
