"""What holds for every answer: headers, sessions, CSRF, proxies, limits, signed addresses."""

import hmac
import logging
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf.csrf import CSRFProtect
from itsdangerous import BadSignature, URLSafeSerializer
from limits import parse_many
from werkzeug.middleware.proxy_fix import ProxyFix

logger = logging.getLogger("site")
csrf = CSRFProtect()

# Addresses that may know who is asking. Everywhere else there is no session: it reads as empty and
# is never saved, so a public page can neither set a cookie nor depend on one.
PRIVATE = ("/staff", "/appointment", "/intake", "/received", "/requests")

# Patients and staff have a cookie each, so that neither's life or end touches the other's. The
# patients' one outlives the browser, for as long as a draft does.
STAFF = "/staff"
PATIENTS_COOKIE, PATIENTS_COOKIE_LIFE = "form", timedelta(days=7)

# What one network address, or one phone number or email address, may do. Many patients can share
# a network. Each worker process counts its own, unless RATELIMIT_STORAGE_URI names a store that
# they share. Failures to sign in are counted alone; per account is for the database to count.
LIMITS = {
    "sign in": "10 per minute; 100 per day",
    "page": "6000 per hour",
    "send": "600 per hour",
    "contact": "30 per day",
    "link": "5 per day",
    "links": "60 per hour",
    "birth": "30 per hour",
    "told": "1 per hour",  # how often the audit trail is told that a network is over its budget
}

STORE_WITHIN = 1  # seconds that the store of the limits may take for an answer

# Mozilla's HTTP Observatory gives these its full marks; all of our own files are same-origin.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Cache-Control": "no-store",  # unless the page says otherwise
}
HTTPS_HEADERS = {
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; upgrade-insecure-requests",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
}


class PrivateSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, on `PRIVATE` addresses only."""

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        staff = request.path.startswith(STAFF)
        return name if staff else name.replace("session", PATIENTS_COOKIE)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if is_private(request.path):
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SecureCookieSession, response: Response) -> None:
        if is_private(request.path):
            super().save_session(app, session, response)


def is_private(path: str) -> bool:
    return path.startswith(PRIVATE)


def refuse_cross_site() -> None:
    """Answer 403 to a form that another site sent (OWASP CSRF cheat sheet, fetch metadata).

    Browsers too old for Sec-Fetch-Site send Origin. Without either, the CSRF token still decides.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site not in {None, "same-origin", "none"}:
        abort(403)
    if site is None and origin is not None and origin.partition("://")[2] != request.host:
        abort(403)


def add_headers(response: Response) -> Response:
    for name, value in current_app.extensions["headers"].items():
        response.headers.setdefault(name, value)
    return response


def limit_posts(app: Flask, endpoint: str, act: str, *, failed: int = 200) -> None:
    """Hold the failures of an endpoint's form to the budget for an act; over it, answer 429.

    Who succeeds is sent on; only an answer that shows the form again, with this status, counts.
    """
    limited = app.extensions["limits"].limit(
        LIMITS[act], methods=["POST"], deduct_when=lambda response: response.status_code == failed
    )
    app.view_functions[endpoint] = limited(app.view_functions[endpoint])


def network() -> str:
    """The network of who is asking: the address, or for IPv6 the /64 that one household has."""
    text = get_remote_address()
    try:
        address = ip_address(text)
    except ValueError:
        return text
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 4:
        return str(address)
    return str(ip_network((address, 64), strict=False))


def within(act: str, key: str) -> bool:
    """Count one act by this key, and say whether it is within the budget for acts of its kind.

    The store sees a keyed hash, never a contact. When the store is down, patients go before it.
    """
    limiter = current_app.extensions["limits"]
    if not limiter.enabled:
        return True
    secret = current_app.config["SECRET_KEY"].encode()
    hidden = hmac.new(secret, f"{act}:{key}".encode(), sha256).hexdigest()
    try:
        return all(limiter.limiter.hit(limit, act, hidden) for limit in parse_many(LIMITS[act]))
    except Exception as error:  # noqa: BLE001 (each kind of store fails in its own way)
        logger.error("limits are not counted: %s", type(error).__name__)  # noqa: TRY400
        return True


def signing_keys(app: Flask) -> list[str]:
    """Every key whose signatures count. The last one signs, as itsdangerous has it."""
    return [*app.config["SECRET_KEY_FALLBACKS"], app.config["SECRET_KEY"]]


def sign(purpose: str, value: str) -> str:
    """Return `value` as part of an address that nobody else can make. Same in, same out."""
    return URLSafeSerializer(signing_keys(current_app), salt=purpose).dumps(value)


def unsign(purpose: str, token: str) -> str | None:
    """Return the value that was signed for this purpose, or None for any other token."""
    try:
        return URLSafeSerializer(signing_keys(current_app), salt=purpose).loads(token)
    except BadSignature:
        return None


def counting(store: str) -> dict[str, Any]:
    """How the limits use their store. When it is down, each process counts by itself.

    Redis has a second for an answer. Without that limit it would hold up every form if it hangs.
    """
    timeouts = {"socket_connect_timeout": STORE_WITHIN, "socket_timeout": STORE_WITHIN}
    return {
        "RATELIMIT_HEADERS_ENABLED": True,  # says when to try again
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_STORAGE_OPTIONS": timeouts if store.startswith("redis") else {},
    }


def init_app(app: Flask) -> None:
    over_https = app.config["SITE_URL"].startswith("https://")
    hosts = app.config["TRUSTED_HOSTS"]
    site_host = urlsplit(app.config["SITE_URL"]).hostname
    app.config.update(
        SESSION_COOKIE_NAME="__Host-session" if over_https else "session",
        SESSION_COOKIE_SECURE=over_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=list({site_host, app.config["HOST"], "127.0.0.1", "localhost", *hosts}),
        MAX_CONTENT_LENGTH=1_000_000,  # bytes; the longest honest form is a fiftieth of it
        **counting(app.config["RATELIMIT_STORAGE_URI"]),
        PERMANENT_SESSION_LIFETIME=PATIENTS_COOKIE_LIFE,
        WTF_CSRF_SECRET_KEY=signing_keys(app),  # else it would know the newest only
        WTF_CSRF_TIME_LIMIT=None,  # a form may stay open as long as its session lives
        WTF_CSRF_SSL_STRICT=False,  # it wants a Referer, which some people's browsers withhold
    )
    app.session_interface = PrivateSessions()
    app.extensions["headers"] = {**HEADERS, **(HTTPS_HEADERS if over_https else {})}
    if hops := app.config["TRUSTED_PROXIES"]:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
    app.before_request(refuse_cross_site)
    app.after_request(add_headers)
    csrf.init_app(app)
    app.extensions["limits"] = Limiter(network, app=app)
