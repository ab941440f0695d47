"""Words that nobody else says, and every spelling in which they would be found again.

Each has `STEM` in it; behind that it says into which field it was typed. A phone number and a date
of birth cannot have it: those are nobody else's as they are.
"""

import re
import zlib
from base64 import b64encode, urlsafe_b64decode
from contextlib import suppress
from urllib.parse import quote, quote_plus

STEM = "Quailzephyr"
BIRTH = {"birth_month": "11", "birth_day": "23", "birth_year": "1931"}
NUMBERS = (
    "6125550167", "555-0167", "555 0167", "555.0167",
    "1931-11-23", "11/23/1931", "11-23-1931", "23.11.1931",
    "November 23, 1931", "Nov 23, 1931", "23 November 1931",
)  # fmt: skip
CODED = re.compile(rb"[\w-]{12,}")  # what can be base64, as addresses and cookies have it


def canary(field):
    return f"{STEM} {field.replace('_', ' ')}"


def contact(who):
    """How to reach somebody of whom every word is a canary."""
    address = f"{STEM.lower()}.{who}@example.org"
    return {
        **BIRTH,
        "full_name": canary(f"{who} full name"),
        "phone": "612-555-0167",
        "email": address,
    }


def in_base64(data):
    """What base64 makes of these bytes, wherever they stand among others."""
    for before, first in enumerate((0, 2, 3)):
        coded = b64encode(bytes(before) + data)[first : (before + len(data)) * 8 // 6]
        yield coded
        yield coded.translate(bytes.maketrans(b"+/", b"-_"))


def spellings(text):
    """These words in all the ways that something may have written them down, but for case."""
    yield from (text.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
    yield from (quote(text).encode(), quote_plus(text).encode())


class Hunt:
    """Looks for every canary, and for more `words` that nobody else says."""

    def __init__(self, *words):
        words = (STEM, *NUMBERS, *words)
        cased = {one for text in words for one in (text, text.lower(), text.upper())}
        self.small = {one.lower() for text in words for one in spellings(text)}
        self.small |= {text.encode().hex().encode() for text in cased}
        self.exact = {one for text in cased for one in in_base64(text.encode())}

    def traces(self, data):
        """Return what of it is in some bytes, with what stands around it."""
        small = data.lower()
        places = [small.find(one) for one in self.small] + [data.find(one) for one in self.exact]
        return {data[max(0, at - 40) : at + 80] for at in places if at >= 0}


def unpacked(data):
    """The same with all that is only signed or packed in it, as cookies and links are."""
    parts = [data]
    for word in CODED.findall(data):
        with suppress(ValueError):
            parts.append(urlsafe_b64decode(word + b"=" * (-len(word) % 4)))
            with suppress(zlib.error):
                parts.append(zlib.decompress(parts[-1]))
    return b"\n".join(parts)
