"""Where notices may be posted to: an address of a person's choice, at the hosts that the site's settings name."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from data.errors import BadInput

LONGEST = 2000
PORTS = {"https": 443, "http": 80}


def check(url: str, hosts: tuple[str, ...]) -> None:
    """Refuse an address to which nothing may be posted from here."""
    if not hosts:
        raise BadInput("This site posts to no webhooks. Ask the person who runs it.", field="webhook_url")
    parts = _parts(url)
    if parts is None:
        raise BadInput("Give an address such as https://hooks.example.org/abc.", field="webhook_url")
    if _origin(parts) not in {_named(host) for host in hosts}:
        allowed = ", ".join(hosts)
        raise BadInput(f"Notices may be posted to these hosts only: {allowed}.", field="webhook_url")


def allowed(url: str, hosts: tuple[str, ...]) -> bool:
    try:
        check(url, hosts)
    except BadInput:
        return False
    return True


def host_of(url: str) -> str:
    """For messages and logs: the rest of an address is often as good as a password."""
    parts = _parts(url)
    return parts.hostname or "" if parts else ""


def _parts(url: str) -> SplitResult | None:
    """None for what is no address of the web, or holds a password."""
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        known = parts.scheme in PORTS and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port or an IPv6 address that is none
        return None
    return parts if known and "@" not in parts.netloc else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def _named(host: str) -> tuple[str, str | None, int] | None:
    """`hooks.example.org` or `hooks.example.org:8443` for https, `http://10.0.0.5:9000` for one without TLS."""
    parts = _parts(host if "://" in host else f"https://{host}")
    return _origin(parts) if parts else None
