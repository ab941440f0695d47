"""Passwords that are guessed first are refused, and those that are not are taken."""

import pytest

from forms_passwords import OWN_NAME, TOO_EASY, listed, weakness

PRACTICE = "Minneapolis Back Pain Doctors"


def judged(password, email="sam.olson@example.org"):
    return weakness(password, email, PRACTICE)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password12345678",
        "P4ssw0rd!P4ssw0rd!",
        "drowssapdrowssap1",
        "qwertyuiop123456",
        "qwertyuiopasdfghjkl",
        "1234567890123456",
        "abcdefghijklmnopq",
        "zyxwvutsrqponmlkj",
        "aaaaaaaaaaaaaaaaaa",
        "ababababababababab",
        "x7" * 40,
        "Summer2026Summer2026!",
        "letmeinletmein2026",
        "correct horse battery staple",
        "iloveyou iloveyou 1",
        "Welcome-January-2026",
        "headachedoctor123",
        "!!!!!!!!!!!!!!!!!!!!",
        "1q2w3e4r5t6y7u8i",
        "manchesterunited",
        "zaq12wsx-qazwsx99",
    ],
)
def test_a_long_password_that_is_guessed_first_is_refused(password):
    assert len(password) >= 15
    assert judged(password) == TOO_EASY


def test_what_people_use_most_is_refused_as_it_is_and_filled_up():
    common = sorted(listed())
    assert len(common) > 19_000
    long = [password for password in common if len(password) >= 15]
    filled = [(password + "123456789012345")[:16] for password in common if len(password) < 12]
    assert {judged(password) for password in long + filled[::50]} == {TOO_EASY}


@pytest.mark.parametrize(
    "password",
    [
        "Minneapolis Back Pain Doctors!",
        "minneapolisbackpaindoctors",
        "sam.olson likes long walks",
        "I am sám olson, really I am",
        "xkq-SAMOLSON-vwz-plm",
    ],
)
def test_names_are_refused(password):
    assert judged(password) == OWN_NAME


def test_a_short_name_is_refused_as_a_word_and_not_inside_one():
    assert judged("ada climbs nine ladders", "ada@example.org") == OWN_NAME
    assert judged("nine adapters climb ladders", "ada@example.org") is None


@pytest.mark.parametrize(
    "password",
    [
        "nine blue pianos walk home",
        "seven green ladders sing",
        "k8Wq-3vTz-9pLm-x2Rd",
        "vier Pferde trinken süßen Tee",
        "四匹の馬が甘いお茶を飲んでいる朝の海辺",
        "a monkey ate my winter bicycle",
    ],
)
def test_a_password_that_nobody_guesses_is_taken(password):
    assert judged(password) is None
