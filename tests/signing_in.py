"""How staff come in: the only place in the tests that knows it."""

from datetime import UTC, datetime
from functools import cache

import sqlalchemy as sa
from flask_security import hash_password
from passlib.totp import TOTP

from models import db
from models_staff import User

PASSWORD = "nine blue pianos walk home"
OWN_PASSWORD = "seven quiet lamps under water"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # the one of accounts that `add_staff` makes


def add_staff(app, email, role, *, phone=True, **columns):
    """Add an account whose password is `PASSWORD`, with its phone unless the password is new."""
    datastore = app.extensions["security"].datastore
    user = datastore.create_user(
        email=email,
        password=hashed(app),
        roles=[datastore.find_or_create_role(role)],
        **columns,
    )
    db.session.flush()
    if phone and not columns.get("must_change_password"):
        user.totp = SECRET
    db.session.commit()
    return user


@cache
def hashed(app):
    """`PASSWORD` as this app keeps it. Making that is slow, as it is meant to be."""
    with app.app_context():
        return hash_password(PASSWORD)


def code(secret=SECRET, *, later=0):
    """What the app on the phone shows now, or some seconds later."""
    moment = datetime.now(UTC).timestamp() + later
    return TOTP(key=secret).generate(moment).token


def fresh_code(email):
    """The code of this account, as if none had been used. Needs the app's context."""
    user = db.session.scalar(sa.select(User).where(User.email == email))
    user.totp_step, secret = 0, user.totp
    db.session.commit()
    return code(secret)


def sign_in(page, email="ada@example.org", password=PASSWORD):
    """Sign in on the sign-in page, with a code where one is asked for. Needs the app's context."""
    page = page.submit(email=email, password=password)
    return page.submit(code=fresh_code(email)) if page.path == "/staff/code" else page


def choose_password(page, password, new=OWN_PASSWORD):
    return page.submit(password=password, new_password=new, new_password_confirm=new)


def shown_secret(page):
    return page.soup.select_one("main code").get_text().replace(" ", "")


def add_phone(page):
    """Set up the second factor; return the page of recovery codes."""
    return page.submit(code=code(shown_secret(page)))


def begin(page, email, password, new=OWN_PASSWORD):
    """Come in for the first time, from the sign-in page to the submissions."""
    page = choose_password(page.submit(email=email, password=password), password, new)
    return add_phone(page).link("I have kept them")
