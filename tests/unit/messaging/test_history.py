"""The history of versions in words, the records of releases, and what the table promises."""

import inspect

import orjson
import pytest

from faultwire.messaging import apis, history
from faultwire.messaging.table import TABLE
from faultwire.messaging.versions import Version
from tests.rpc.records import FOLDER, RECORDS, as_of, document

CLASSES = {
    "baseapi": apis.BaseApi,
    "taskmanager": apis.TaskManagerApi,
    "guestagent": apis.GuestApi,
    "conductor": apis.ConductorApi,
}


@pytest.mark.parametrize("api", TABLE.apis, ids=lambda api: api.name)
def test_the_docstring_of_each_api_holds_its_history(api: object) -> None:
    """What the class says of its versions is what the table says (S217)."""
    known = next(one for one in TABLE.apis if one is api)
    said = inspect.getdoc(CLASSES[known.name]) or ""
    assert history.of(known) in said, f"the docstring must hold:\n{history.of(known)}"


@pytest.mark.parametrize("api", TABLE.apis, ids=lambda api: api.name)
def test_each_api_has_a_class_with_its_methods(api: object) -> None:
    """A method of the table can be called by its name."""
    known = next(one for one in TABLE.apis if one is api)
    for method in known.methods:
        assert hasattr(CLASSES[known.name], method.name), method.name


@pytest.mark.parametrize("release", TABLE.releases)
def test_the_table_tells_each_release_as_it_was(release: str) -> None:
    """What a release once promised stands in the table for ever, and its record is kept."""
    assert release in RECORDS, f"record it: python -m tests.rpc.records {release}"
    assert as_of(TABLE, release) == RECORDS[release]
    raw = orjson.loads((FOLDER / f"{release}.json").read_bytes())
    assert raw == document(RECORDS[release])


@pytest.mark.parametrize("api", TABLE.apis, ids=lambda api: api.name)
def test_versions_only_grow(api: object) -> None:
    """Versions rise without a gap, each in a release that is named, each bringing something."""
    known = next(one for one in TABLE.apis if one is api)
    versions = [step.version for step in known.history]
    majors = {version.major for version in versions}
    for major in majors:
        minors = [version.minor for version in versions if version.major == major]
        assert minors == list(range(len(minors)))
    assert versions == sorted(versions)
    brought = {method.since for method in known.methods} | {
        one.since for method in known.methods for one in method.arguments if one.since
    }
    assert brought == set(versions)
    ages = [TABLE.releases.index(step.release) for step in known.history]
    assert ages == sorted(ages)
    for method in known.methods:
        for one in method.arguments:
            assert one.since is None or one.since > method.since
            assert one.since is None or not one.required
            assert one.name.isidentifier()
    assert known.newest >= Version(1, 0)
