"""`register-endpoints`: the catalogue says where we are, and a second run changes nothing."""

from collections.abc import Mapping
from typing import Any

import pytest
from click.testing import CliRunner, Result

from faultwire.cli import output
from faultwire.cli.register import register_endpoints

AODH = {"id": "s0", "type": "alarming", "name": "aodh"}
AODH_ENDPOINT = {
    "id": "e0",
    "service_id": "s0",
    "interface": "public",
    "region_id": "RegionOne",
    "url": "http://aodh",
    "enabled": True,
}


class Catalogue:
    """Stands for a Keystone that has services and endpoints, and for the session with it."""

    def __init__(self, base: str = "http://keystone/v3") -> None:
        self.base = base
        self.services: dict[str, Any] = {}
        self.endpoints: dict[str, Any] = {}
        self.regions: dict[str, Any] = {"RegionOne": {"id": "RegionOne"}}
        self.changed = 0

    def __call__(self, cloud: str | None) -> "Catalogue":
        return self

    def endpoint(self, service: str) -> str:
        assert service == "identity"
        return self.base

    def request(
        self, method: str, service: str, path: str, *, body: Mapping[str, Any] | None = None
    ) -> Any:
        assert service == "identity"
        path = path if self.base.endswith("/v3") else path.removeprefix("/v3")
        _, kind, *names = path.split("/")
        held, one = getattr(self, kind), kind.removesuffix("s")
        if method == "GET":
            return {kind: list(held.values())}
        self.changed += 1
        if method == "DELETE":
            del held[names[0]]
            return None
        assert body is not None
        name = names[0] if names else body[one].get("id", f"{one}{len(held)}")
        if kind == "endpoints" and method == "POST":
            assert body[one]["service_id"] in self.services
            assert body[one]["region_id"] in self.regions
        held[name] = {**held.get(name, {"id": name}), **body[one]}
        return {one: held[name]}


def run(monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue, *words: str) -> Result:
    """Run the command against it."""
    monkeypatch.setattr(output, "Session", catalogue)
    return CliRunner().invoke(register_endpoints, list(words))


@pytest.mark.parametrize("base", ["http://keystone/v3", "http://keystone/identity"])
def test_a_first_run_enters_all_and_a_second_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """Every type has three endpoints where its face is; then there is nothing to do."""
    catalogue = Catalogue(base)
    words = ("--public-url", "https://fw:8787/", "--internal-url", "http://10.0.0.1:8787")
    assert run(monkeypatch, catalogue, *words).exit_code == 0
    by_type = {one["id"]: one["type"] for one in catalogue.services.values()}
    urls = {
        (by_type[one["service_id"]], one["interface"]): one["url"]
        for one in catalogue.endpoints.values()
    }
    assert len(urls) == 15
    assert urls["alarming", "public"] == "https://fw:8787/alarming"
    assert urls["alarming", "internal"] == "http://10.0.0.1:8787/alarming"
    assert urls["os-fping", "admin"] == "https://fw:8787/compute/v2.1"
    assert urls["rpc-ping", "public"] == "https://fw:8787/database/v1.0/$(project_id)s"
    before = catalogue.changed
    second = run(monkeypatch, catalogue, *words)
    assert "nothing to do" in second.output
    assert catalogue.changed == before


def test_a_changed_url_is_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the endpoint that differs is touched, and a dry run touches none."""
    catalogue = Catalogue()
    words = ("--service", "alarming", "--public-url", "http://a:1", "--admin-url")
    run(monkeypatch, catalogue, *words, "http://b:1")
    before = catalogue.changed
    dry = run(monkeypatch, catalogue, *words, "http://c:1", "--dry-run")
    assert "would change admin endpoint of alarming" in dry.output
    assert catalogue.changed == before
    run(monkeypatch, catalogue, *words, "http://c:1")
    assert catalogue.changed == before + 1
    found = {one["interface"]: one["url"] for one in catalogue.endpoints.values()}
    assert found["admin"] == "http://c:1/alarming"
    assert found["public"] == "http://a:1/alarming"


def test_what_somebody_else_serves_is_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Aodh in the same region is named and left alone; in another region both may be."""
    catalogue = Catalogue()
    catalogue.services["s0"], catalogue.endpoints["e0"] = AODH, AODH_ENDPOINT
    refused = run(monkeypatch, catalogue, "--public-url", "http://a:1")
    assert refused.exit_code == 1
    assert "alarming is served by aodh at http://aodh in RegionOne" in refused.output
    assert catalogue.changed == 0
    elsewhere = ("--public-url", "http://a:1", "--region", "Two", "--service", "alarming")
    assert run(monkeypatch, catalogue, *elsewhere).exit_code == 0
    assert len(catalogue.endpoints) == 4


def test_removal_leaves_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our endpoints of the region go, our services with the last of them; Aodh's stay."""
    catalogue = Catalogue()
    for region in ("RegionOne", "Two"):
        run(monkeypatch, catalogue, "--public-url", "http://a:1", "--region", region)
    catalogue.services["s0"], catalogue.endpoints["e0"] = AODH, AODH_ENDPOINT
    run(monkeypatch, catalogue, "--remove", "--region", "Two")
    assert len(catalogue.services) == 6
    run(monkeypatch, catalogue, "--remove")
    assert catalogue.services == {"s0": AODH}
    assert catalogue.endpoints == {"e0": AODH_ENDPOINT}
    assert "nothing to do" in run(monkeypatch, catalogue, "--remove").output


def test_a_url_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, or with one that is none, the command is used wrongly."""
    for words in ((), ("--public-url", "fw:8787")):
        assert run(monkeypatch, Catalogue(), *words).exit_code == 2
