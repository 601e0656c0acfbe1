"""What stands before every handler: headers, limits, and the check that a form comes from our own pages.

This file must never look at who is signed in.
"""

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from litestar.types import BeforeMessageSendHookHandler, Message, Scope

from tenants.platform.setting_forms import Network

SIGN_IN_COOKIE: Final = "archipel_sign_in"
BODY_BYTES_MAX: Final = 512 * 1024
"""Enough for our longest form with every field far too long: it is then refused field by field, and nothing typed is lost."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; connect-src 'self'; manifest-src 'self'"
)
HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # What does not say otherwise is kept nowhere: answers of the API, redirections that bear a cookie.
    "cache-control": "no-store",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


def security_headers(*, https: bool) -> BeforeMessageSendHookHandler:
    """Put the security headers on every answer, also on failures; over https strict transport security too."""
    headers = dict(HEADERS)
    if https:
        headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]

    async def add(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            # On every answer, hence in bytes: through a mapping of headers this took half of a hot endpoint's time.
            sent = list(message["headers"])
            present = {name.lower() for name, _value in sent}
            message["headers"] = sent + [header for header in encoded if header[0] not in present]

    return add


def is_cross_site(headers: dict[bytes, bytes], *, base_url: str, signed_in: bool) -> bool:
    """Whether a writing request was not sent by one of our own pages.

    Browsers say where a request comes from in ``Sec-Fetch-Site`` and in ``Origin``; a request with our
    cookie (``signed_in``) and neither header is from no browser that we serve. Without the cookie another site
    is refused all the same, or it could sign its victim in as somebody else, by the sign-in form or by a link of
    its own. (Fetch Metadata, W3C; OWASP's page on CSRF, "login CSRF".)
    """
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site not in {b"same-origin", b"none"}
    origin = headers.get(b"origin")
    if origin is None:
        return signed_in
    host = headers.get(b"host", b"").decode("latin-1")
    sent_from = urlsplit(origin.decode("latin-1")).netloc
    return sent_from not in {host, urlsplit(base_url).netloc}


def client_address(peer: str, forwarded: str, *, proxies: Sequence[Network]) -> str:
    """Where a request comes from: ``peer``, or what our own proxies say in ``X-Forwarded-For``.

    Each proxy adds the address it saw at the end; so the list is read from there, and only as long as a trusted proxy
    speaks. What stands before was sent by the client, who may write what they like.
    """
    for hop in reversed(forwarded.split(",")):
        if not _is_of(peer, proxies) or _read_address(hop) is None:
            break
        peer = hop.strip()
    return peer


def subscriber_of(address: str) -> str:
    """What attempts are counted by: the address, of IPv6 the /64 that one subscriber has to themself."""
    found = _read_address(address)
    if found is None or found.version == 4:
        return str(found or "")
    return str(ipaddress.ip_network((found, 64), strict=False))


def _is_of(address: str, networks: Sequence[Network]) -> bool:
    found = _read_address(address)
    return found is not None and any(found in network for network in networks)


def _read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    return found.ipv4_mapped or found if found.version == 6 else found
