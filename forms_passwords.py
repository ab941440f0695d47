"""Which new passwords are too easy to guess, and what to do instead.

`forms_passwords.txt.gz` has the 20,000 passwords that people use most (Royce Williams's list, as
Django has it). Hardly any has 15 characters or more: long ones that are easy to guess are made of
short ones, of digits and of rows of keys. So two of these in a row are refused as well.
"""

import gzip
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# What people here think of first, as far as the list does not have it.
NEAR_AT_HAND = """
    april august autumn back clinic correcthorsebatterystaple december doctor doctors february
    headache hospital january july june march medical migraine minneapolis minnesota november
    october pain patient practice september spine spring staff summer winter
""".split()
ROWS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
SPELLED = str.maketrans("4@301!$57", "aaeoiisst")
LONGEST = 64  # a longer one that is made of two of the list is a repeated one

TOO_EASY = "This password is easy to guess. Use four or five words that do not belong together."
OWN_NAME = "Leave your own name and the name of the practice out of the password."


def weakness(password: str, email: str, practice: str) -> str | None:
    """Say why a password will not do, or nothing. Names count however they are written."""
    written = squash(password)
    own = squash(email.partition("@")[0])
    words = {squash(word) for word in re.split(r"[\W_]+", password.lower())}
    if squash(practice) in written or own in words or (len(own) > 3 and own in written):
        return OWN_NAME
    if is_repeated(password) or any(map(is_listed, spellings(password))):
        return TOO_EASY
    return None


def squash(text: str) -> str:
    """Return the letters and digits alone, without accents and capitals."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def is_repeated(password: str) -> bool:
    """Whether it is one part over and over, or of very few different characters."""
    again = (password + password).find(password, 1) < len(password)
    return again or len(set(password.lower())) < 6


def spellings(password: str) -> Iterator[str]:
    """What it may be meant to say: as it is, as p4ssw0rd, without its digits, and backwards."""
    for text in (squash(password), squash(password.lower().translate(SPELLED))):
        for words in (text, re.sub(r"\d", "", text), text.strip("0123456789")):
            yield from (words, words[::-1])


def is_listed(text: str) -> bool:
    """Whether it is one or two of what is guessed first."""
    cuts = range(1, len(text) + 1 if len(text) <= LONGEST else 0)
    return any(is_easy(text[:cut]) and is_easy(text[cut:]) for cut in cuts)


def is_easy(part: str) -> bool:
    return not part or part.isdigit() or part in listed() or any(part in row for row in ROWS)


@cache
def listed() -> frozenset[str]:
    packed = Path(__file__).with_suffix(".txt.gz").read_bytes()
    return frozenset(map(squash, [*gzip.decompress(packed).decode().split(), *NEAR_AT_HAND]))
