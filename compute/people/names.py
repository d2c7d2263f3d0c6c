"""Names and addresses of people in the form in which they are kept."""

from __future__ import annotations

from data.errors import BadInput


def clean_email(text: str) -> str:
    """An address in the form in which it is kept and compared."""
    address = "".join(_small(letter) for letter in text.strip())
    local, at, domain = address.partition("@")
    plain = address.isprintable() and not any(c.isspace() for c in address)
    if not (local and at and domain and plain) or "@" in domain or len(address) > 254:
        raise BadInput("Give an e-mail address such as ada@example.org.", field="email")
    return address


def _small(letter: str) -> str:
    """Capitals count as small letters. A letter beyond ASCII never becomes one of ASCII, as casefold makes `k` of the
    Kelvin sign and `ss` of `ß`: that would be the address of somebody else."""
    small = letter.lower()
    return letter if small.isascii() and not letter.isascii() else small


def clean_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadInput("Give a name of 1 to 100 characters.", field="name")
    return name
