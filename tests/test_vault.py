"""What patients tell us is sealed for one place; anything else does not open."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault import Vault, VaultError

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
PLACE = "submissions.answers:7"
ANSWERS = {"full_name": "Siobhán O'Brien", "birth": "1975-03-31", "flags": ["none"], "phone": None}
SEALED = Vault([NEW]).seal(ANSWERS, PLACE)
OTHER_VERSION = b"\x02" + SEALED[1:]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def refusal(sealed, place=PLACE, keys=(NEW,)):
    """Return why it does not open; neither the message nor its cause says what is inside."""
    with pytest.raises(VaultError) as error:
        Vault(keys).open(sealed, place)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    for secret in ("Siobh", "1975", "none", "full_name", *(key.hex() for key in keys)):
        assert secret not in str(error.value)
    return str(error.value)


def test_what_is_sealed_opens_in_its_place():
    assert Vault([NEW]).open(SEALED, PLACE) == ANSWERS


def test_nothing_can_be_read_in_what_is_sealed():
    for secret in ("Siobh", "1975", "full_name"):
        assert secret.encode() not in SEALED


def test_the_same_answers_are_sealed_differently_each_time():
    assert len({Vault([NEW]).seal(ANSWERS, PLACE) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "place",
    ["submissions.answers:8", "submissions.record:7", "drafts.answers:7", "", PLACE + " "],
)
def test_answers_moved_to_another_row_or_column_do_not_open(place):
    assert "changed or moved" in refusal(SEALED, place)


@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_answers_with_any_byte_changed_do_not_open(bit):
    for at in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[at] ^= bit
        assert PLACE in refusal(bytes(changed))


def test_answers_cut_short_anywhere_do_not_open():
    for length in range(len(SEALED)):
        assert PLACE in refusal(SEALED[:length])


@pytest.mark.parametrize("sealed", [b"", b"\0", SEALED + b"\0", SEALED * 2, OTHER_VERSION])
def test_what_this_vault_did_not_seal_does_not_open(sealed):
    assert PLACE in refusal(sealed)


def test_answers_sealed_with_a_lost_key_say_which_key_is_needed():
    message = refusal(SEALED, keys=[OLD])
    assert f"key {SEALED[1:5].hex()}, which is not in VAULT_KEYS" in message
    assert "Add that key" in message


def test_an_older_key_still_opens_and_the_newest_seals():
    before, after = Vault([OLD]), Vault([NEW, OLD])
    assert after.open(before.seal(ANSWERS, PLACE), PLACE) == ANSWERS
    sealed = after.seal(ANSWERS, PLACE)
    assert Vault([NEW]).open(sealed, PLACE) == ANSWERS
    assert "not in VAULT_KEYS" in refusal(sealed, keys=[OLD])


def test_a_mark_tells_nothing_without_its_key_and_stays_when_a_newer_one_seals():
    mark = Vault([OLD]).mark("last four", "1975")
    assert Vault([NEW, OLD]).mark("last four", "1975") == mark
    assert Vault([NEW]).mark("last four", "1975") != mark
    assert Vault([OLD]).mark("birth", "1975") != mark
    assert Vault([OLD]).mark("last four", "1976") != mark


@settings(deadline=None)
@given(value=json_values, place=st.text())
def test_any_answer_comes_back_as_it_was(value, place):
    vault = Vault([NEW, OLD])
    assert vault.open(vault.seal(value, place), place) == value
