"""What the site is made of: nothing that nobody asked for, each file known by its hash."""

import re
from hashlib import sha256
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from settings import ROOT

PAIRS = [("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")]
# What may be used by anybody for anything. The LGPL too, as long as it stays a package of its own.
FREE = r"MIT|BSD|Apache|ISC|Unlicense|PSF|MPL|Lesser|LGPL|UNKNOWN"


def asked(name):
    """The requirements in a list that is kept by hand."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def pinned(name):
    """Each package of a list that `make lock` wrote, with the number of its hashes."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    for line in re.findall(r"^[a-z].*", text, re.MULTILINE):
        words, *hashes = line.split("--hash=sha256:")
        yield Requirement(words), len(hashes)


@pytest.mark.parametrize(("by_hand", "written"), PAIRS)
def test_what_is_asked_for_is_what_is_pinned(by_hand, written):
    pins = {(pin.name, str(pin.specifier)) for pin, _hashes in pinned(written)}
    for one in asked(by_hand):
        assert (canonicalize_name(one.name), str(one.specifier)) in pins, f"{one}: type make lock"


@pytest.mark.parametrize(("by_hand", "written"), PAIRS)
def test_every_pin_is_exact_and_has_hashes(by_hand, written):
    for pin, hashes in pinned(written):
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), pin
        assert hashes >= 1, pin


def test_both_lists_pin_the_same_version():
    pins = [{pin.name: pin.specifier for pin, _hashes in pinned(name)} for _hand, name in PAIRS]
    for name in pins[0].keys() & pins[1].keys():
        assert pins[0][name] == pins[1][name]


def test_what_is_installed_is_what_is_pinned():
    for pin, _hashes in pinned("requirements.txt"):
        if pin.marker is None or pin.marker.evaluate():
            assert version(pin.name) in pin.specifier, pin


def test_no_list_names_a_place_to_fetch_from():
    for name in (name for pair in PAIRS for name in pair):
        assert "://" not in (ROOT / name).read_text("utf-8")
        assert "index-url" not in (ROOT / name).read_text("utf-8")


def test_the_license_of_every_pin_is_listed_and_free():
    lines = (ROOT / "docs" / "licenses.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in lines if "|" in line][2:]
    listed = {(canonicalize_name(name), f"=={number}") for name, number, _license in rows}
    assert {(pin.name, str(pin.specifier)) for pin, _hashes in pinned("requirements.txt")} == listed
    for name, _number, words in rows:
        assert re.search(FREE, words), name


def test_the_only_package_that_names_no_license_is_one_we_have_read():
    """Its file says zlib's."""
    text = (ROOT / "docs" / "licenses.md").read_text("utf-8")
    assert re.findall(r"\| ([\w-]+) .*UNKNOWN", text) == ["pysqlite3"]


def test_the_one_file_of_others_is_the_one_that_is_described():
    file = ROOT / "forms_passwords.txt.gz"
    assert sha256(file.read_bytes()).hexdigest() in (ROOT / "docs" / "security.md").read_text(
        "utf-8"
    )
