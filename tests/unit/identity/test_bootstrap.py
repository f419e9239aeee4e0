"""First start: accounts, passwords that survive, and clouds.yaml."""

import json
from pathlib import Path

import pytest
import yaml

from faultwire.domain.accounts import Role
from faultwire.domain.errors import Broken
from faultwire.identity import bootstrap
from faultwire.identity.directory import MemoryDirectory

PASSWORDS = {"admin": "a-word", "demo": "d-word"}
URL = "http://127.0.0.1:8779"


def test_the_first_commit_makes_both_accounts() -> None:
    """User admin administers project admin; user demo is a member of project demo."""
    ids = bootstrap.draw_ids()
    changes = bootstrap.first_changes(ids, {"admin": "h1", "demo": "h2"}, 7)
    known = MemoryDirectory()
    for change in changes:
        known.apply(change)
    for name, role in (("admin", Role.ADMIN), ("demo", Role.MEMBER)):
        user, project = known.user_named(name), known.project_named(name)
        assert user is not None
        assert project is not None
        assert (user.id, project.id) == (ids[name].user, ids[name].project)
        assert user.default_project == project.id
        assert user.password_ns == 7
        assert known.granted(user.id, project.id) == {role}
    assert known.user_named("admin") is not None


def test_passwords_are_drawn_once(tmp_path: Path) -> None:
    """A restart finds the passwords of the first start, in a file of its owner alone."""
    first = bootstrap.keep_passwords(tmp_path)
    assert set(first) == {"admin", "demo"}
    assert first["admin"] != first["demo"]
    assert bootstrap.keep_passwords(tmp_path) == first
    path = tmp_path / bootstrap.PASSWORDS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    for broken in ("{", "[]", json.dumps({"admin": "x"})):
        path.write_text(broken)
        with pytest.raises(Broken, match=bootstrap.PASSWORDS_FILE):
            bootstrap.keep_passwords(tmp_path)


def test_clouds_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    """Both clouds are there with where to ask, mode 0600, and nothing else is left behind."""
    path = bootstrap.write_clouds(tmp_path, URL, PASSWORDS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["clouds.yaml"]
    clouds = yaml.safe_load(path.read_text())["clouds"]
    assert clouds["faultwire"]["auth"] == {
        "auth_url": f"{URL}/identity/v3",
        "username": "admin",
        "password": "a-word",
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    assert clouds["faultwire-demo"]["auth"]["username"] == "demo"
    assert clouds["faultwire"]["region_name"] == "RegionOne"


def test_a_restart_changes_the_address_and_keeps_what_its_owner_wrote(tmp_path: Path) -> None:
    """A password that was changed, other options and other clouds stay."""
    path = bootstrap.write_clouds(tmp_path, URL, PASSWORDS)
    document = yaml.safe_load(path.read_text())
    document["clouds"]["faultwire"]["auth"]["password"] = "changed"
    document["clouds"]["faultwire"]["verify"] = False
    document["clouds"]["elsewhere"] = {"auth": {"auth_url": "https://other"}}
    document["cache"] = {"auth": True}
    path.write_text(yaml.safe_dump(document))
    bootstrap.write_clouds(tmp_path, "https://10.0.0.1:1234", PASSWORDS, cacert="ca.pem")
    again = yaml.safe_load(path.read_text())
    ours = again["clouds"]["faultwire"]
    assert ours["auth"]["auth_url"] == "https://10.0.0.1:1234/identity/v3"
    assert ours["auth"]["password"] == "changed"
    assert ours["verify"] is False
    assert ours["cacert"] == "ca.pem"
    assert again["clouds"]["elsewhere"] == document["clouds"]["elsewhere"]
    assert again["cache"] == {"auth": True}


def test_a_first_start_replaces_passwords_of_another_store(tmp_path: Path) -> None:
    """A password that was left over from a store that is gone cannot be right."""
    bootstrap.write_clouds(tmp_path, URL, {"admin": "old", "demo": "old"})
    path = bootstrap.write_clouds(tmp_path, URL, PASSWORDS, first_start=True)
    clouds = yaml.safe_load(path.read_text())["clouds"]
    assert clouds["faultwire"]["auth"]["password"] == "a-word"


@pytest.mark.parametrize(
    "content",
    [b"clouds: [", b"\xff\xfe\x00", b"[]", b"", b"clouds: 7", b"clouds: {faultwire: [1]}"],
)
def test_a_file_that_is_none_does_not_stop_the_server(tmp_path: Path, content: bytes) -> None:
    """What cannot be used is replaced or put aside, and the clouds are written afresh."""
    path = tmp_path / "clouds.yaml"
    path.write_bytes(content)
    bootstrap.write_clouds(tmp_path, URL, PASSWORDS)
    clouds = yaml.safe_load(path.read_text())["clouds"]
    assert clouds["faultwire"]["auth"]["password"] == "a-word"


def test_the_log_quotes_no_line_of_a_broken_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A password in a file that cannot be read does not reach the log."""
    (tmp_path / "clouds.yaml").write_text("password: [hush-hush\n: }")
    bootstrap.write_clouds(tmp_path, URL, PASSWORDS)
    assert "put aside" in caplog.text
    assert "hush-hush" not in caplog.text
    assert (tmp_path / "clouds.yaml.unreadable").exists()
