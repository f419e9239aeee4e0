"""Sets of runs in databases that are servers (S77)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from faultwire_profiler import to_json
from faultwire_profiler.command import profile, profile_list
from faultwire_profiler.database import DatabaseError, StoredProfiles
from tests.databases.fixtures import SERVERS, Databases, databases
from tests.unit.profiler.sets import good, poor

__all__ = ["databases"]

pytestmark = pytest.mark.system


@pytest.mark.parametrize("kind", SERVERS)
def test_sets_are_kept_by_any_database(databases: Databases, tmp_path: Path, kind: str) -> None:
    """S77, S79: two deployments are stored, listed and compared; a foreign character stays."""
    url = databases.new(kind)
    for label, runs in (("apex ü", good()), ("fuel", poor())):
        path = tmp_path / f"{label}.json"
        path.write_text(json.dumps([to_json(one) for one in runs]))
        arguments = ["--database", url, "--store", label, str(path)]
        stored = CliRunner().invoke(profile, arguments)
        assert stored.exit_code == 0, stored.output
    listed = CliRunner().invoke(profile_list, ["--json", url])
    assert [(row["label"], row["runs"], row["missed"]) for row in json.loads(listed.output)] == [
        ("apex ü", 5, 0),
        ("fuel", 5, 5),
    ]
    compared = CliRunner().invoke(
        profile, ["--database", url, "@apex ü", "--compare", "@fuel", "--format", "json"]
    )
    assert json.loads(compared.output)["explained_by"] == "inspector"
    with pytest.raises(DatabaseError) as refused:
        StoredProfiles(make_url(url).set(password="wrong").render_as_string(hide_password=False))
    assert "wrong" not in str(refused.value)
