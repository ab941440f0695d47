"""The second factor: codes from an app on the phone (TOTP, RFC 6238), and recovery codes."""

import re
import secrets

import segno
import sqlalchemy as sa
from flask_security import hash_password, verify_password
from passlib.exc import TokenError
from passlib.totp import TOTP

from content import library
from models import CROCKFORD, db
from models_events import log
from models_staff import RecoveryCode, User

RECOVERY_CODES = 8


def new_secret() -> str:
    """Return 160 random bits as an app wants them typed."""
    return TOTP.new().base32_key


def step_of(secret: str, code: str, *, after: int = 0) -> int | None:
    """Return the time step of a code that is right now, or None.

    A clock may be off by 30 seconds. Codes up to the step `after` were used and are wrong.
    """
    try:
        return TOTP(key=secret).match(code, last_counter=after).counter
    except TokenError:
        return None


def address(secret: str, email: str) -> str:
    """What an authenticator app reads in the QR code."""
    return TOTP(key=secret).to_uri(label=email, issuer=library().practice.name)


def squares(text: str) -> tuple[int, str]:
    """Draw a QR code: how many squares wide it is, and its dark squares as an SVG path."""
    rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
    dark = [(x, y) for y, row in enumerate(rows) for x, square in enumerate(row) if square]
    return len(rows), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)


def new_recovery_codes() -> dict[str, str]:
    """Make codes of 50 random bits: as they are shown, and as they are kept."""
    db.session.commit()  # hashing takes long; a transaction would keep others from writing
    codes = ["".join(secrets.choice(CROCKFORD) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    return {f"{code[:5]}-{code[5:]}": hash_password(code) for code in codes}


def keep_recovery_codes(user: User, codes: dict[str, str]) -> None:
    """Put these in the place of all that there were."""
    user.recovery_codes = [RecoveryCode(hash=kept) for kept in codes.values()]


def use_code(user: User, typed: str) -> bool:
    """Use up a code, of either kind, of somebody who is locked `to_change`. Say if it was right."""
    code = re.sub(r"[\s-]", "", typed).upper()
    if len(code) == 6 and user.totp_sealed:
        step = step_of(user.totp, code, after=user.totp_step)
        user.totp_step = step or user.totp_step
        return step is not None
    return len(code) == 10 and use_recovery_code(user, code.translate(str.maketrans("OIL", "011")))


def use_recovery_code(user: User, code: str) -> bool:
    for kept in user.recovery_codes:
        if verify_password(code, kept.hash):
            left = len(user.recovery_codes) - 1
            db.session.execute(sa.delete(RecoveryCode).where(RecoveryCode.id == kept.id))
            log("authn_recovery_code", user_id=user.id, detail=f"{left} left")
            return True
    return False
