"""Profiles in a database of any kind (S77)."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from faultwire_profiler import database
from faultwire_profiler.collection import merged_to_json
from faultwire_profiler.database import DatabaseError, StoredProfiles
from faultwire_profiler.documents import read_document
from faultwire_profiler.merging import merge
from tests.unit.profiler.sets import many


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'profiles.sqlite'}"


def test_runs_come_back_by_label(url: str) -> None:
    """S77: what was stored is listed and gives the same runs again, also after a reopening."""
    runs = merged_to_json(many())["runs"]
    profiles = StoredProfiles(url)
    assert profiles.labels() == ()
    assert profiles.add("apex", runs, 1_800_000_000_000_000_000) == 6
    assert profiles.add("fuel", runs[:2], 5) == 2
    assert profiles.add("none", [], 5) == 0
    profiles.close()
    again = StoredProfiles(url)
    assert [(one.label, one.runs, one.missed) for one in again.labels()] == [
        ("apex", 6, 1),
        ("fuel", 2, 0),
    ]
    assert again.labels()[0].law_ms_max == 1260
    evidence = read_document({"runs": again.runs("apex")}, "stored")
    assert [run.profile for run in merge(evidence).runs] == [run.profile for run in many().runs]
    assert again.runs("other") == []
    again.close()


def test_a_newer_schema_is_refused(url: str) -> None:
    """Profiles of a newer program are left as they are."""
    StoredProfiles(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE faultwire_profile_schema SET version = 99"))
    engine.dispose()
    with pytest.raises(DatabaseError, match="version 99, newer"):
        StoredProfiles(url)


def test_an_older_schema_is_brought_up_to_date(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S77: what an older program stored is kept, and each step is taken once."""
    runs = merged_to_json(many())["runs"]
    older = StoredProfiles(url)
    older.add("apex", runs, 5)
    older.close()
    taken: list[int] = []

    def second(connection: Connection) -> None:
        taken.append(1)
        connection.execute(text("ALTER TABLE faultwire_profile_runs ADD COLUMN place INTEGER"))

    steps = (*database._STEPS, second)
    monkeypatch.setattr(database, "_STEPS", steps)
    for _ in range(2):
        newer = StoredProfiles(url)
        assert newer.labels()[0].runs == len(runs)
        newer.close()
    assert taken == [1]


def test_a_label_has_a_length(url: str) -> None:
    """An empty or endless label is refused."""
    profiles = StoredProfiles(url)
    for label in ("", "x" * 256):
        with pytest.raises(DatabaseError, match="1 to 255"):
            profiles.add(label, [], 0)
    profiles.close()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nosuch://host/db",
        "not a url",
        "sqlite:////no/such/folder/x.sqlite",
        "postgresql+psycopg://127.0.0.1:1/x",
    ],
)
def test_a_database_that_cannot_be_used_is_an_error_of_ours(wrong: str) -> None:
    """No error of a driver leaves the module, and its text has one line."""
    with pytest.raises(DatabaseError, match=r"^database: [^\n]+$"):
        StoredProfiles(wrong)
