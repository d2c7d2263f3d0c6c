"""Talks to an OpenID provider through Authlib: where a browser signs in, and who came back.

The code flow with PKCE, state and nonce. What must be remembered in between lies in `request.session`.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client.errors import MismatchingStateError, OAuthError
from joserfc.errors import JoseError
from starlette.requests import Request

from compute.settings import OidcSettings
from data.errors import Forbidden, Unavailable, WrongState

with warnings.catch_warnings():
    # Said at every start: that httpx will be replaced, which is for Authlib's next release.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.starlette_client import OAuth

log = logging.getLogger(__name__)

#: Seconds for one answer of the provider.
PATIENCE_S = 10.0
ALSO = "Try again later, or sign in with your password."


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who somebody is at the provider; issuer and subject together never change."""

    issuer: str
    subject: str
    email: str
    email_verified: bool
    name: str


class Provider:
    def __init__(self, settings: OidcSettings, redirect_uri: str) -> None:
        self._name = settings.name
        self._issuer = settings.issuer.rstrip("/")
        self._client_id = settings.client_id
        self._redirect_uri = redirect_uri
        # Made anew for every sign-in, so that the provider's keys and addresses are those of now.
        self._client = OAuth().register(
            "provider",
            client_id=settings.client_id,
            client_secret=settings.secret,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": PATIENCE_S,
            },
        )

    async def begin(self, request: Request) -> str:
        """The provider's address where the browser signs in. Raises Unavailable."""
        with self._answers():
            await self._known_issuer()
            asked = await self._client.create_authorization_url(self._redirect_uri)
            await self._client.save_authorize_data(request, redirect_uri=self._redirect_uri, **asked)
            return str(asked["url"])

    async def end(self, request: Request) -> Identity:
        """Who the provider says came back. Raises WrongState for a sign-in that did not begin here."""
        with self._answers():
            issuer = await self._known_issuer()
            ours = {"essential": True, "value": self._client_id}
            token = await self._client.authorize_access_token(
                request, claims_options={"iss": {"essential": True, "value": issuer}, "aud": ours}
            )
            claims = await self._claims(token)
        return self._identity(claims)

    async def _known_issuer(self) -> str:
        """The issuer as the provider writes it: the one that this site trusts."""
        metadata = await self._client.load_server_metadata()
        issuer = metadata.get("issuer")
        if not isinstance(issuer, str) or issuer.rstrip("/") != self._issuer:
            log.warning("the OpenID provider calls itself %r, not %r", issuer, self._issuer)
            raise Unavailable(f"{self._label} is set up for another address. Tell who runs this server.")
        return issuer

    async def _claims(self, token: dict[str, Any]) -> Mapping[str, Any]:
        """What the ID token says, and where it names no address, the provider's page about the person."""
        claims: Mapping[str, Any] | None = token.get("userinfo")
        if claims is None:
            raise ValueError("no ID token")
        if "email" in claims or "userinfo_endpoint" not in self._client.server_metadata:
            return claims
        more: Mapping[str, Any] = await self._client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise ValueError("the userinfo is about somebody else")
        return {**more, **claims}

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        email = str(claims.get("email") or "")
        names = (claims.get("name"), claims.get("preferred_username"), email.partition("@")[0])
        name = next((name for name in names if name), claims["sub"])
        return Identity(
            issuer=self._issuer,
            subject=str(claims["sub"]),
            email=email,
            # Some providers write the word.
            email_verified=claims.get("email_verified") in (True, "true"),
            name=" ".join(str(name).split())[:100],
        )

    @property
    def _label(self) -> str:
        return f"{self._name[:1].upper()}{self._name[1:]}"

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turn what can go wrong between us and the provider into a sentence; the log has the cause."""
        try:
            yield
        except MismatchingStateError as error:
            raise WrongState(
                "This sign-in was begun in another window or longer than 10 minutes ago. Begin again."
            ) from error
        except OAuthError as error:
            # Also words of whoever wrote the address: quoted.
            log.warning("the OpenID provider refused: %r %r", error.error, error.description)
            if error.error == "access_denied":
                raise Forbidden(f"{self._label} did not let you in, or you did not allow it.") from error
            raise Unavailable(f"{self._label} refused the sign-in. {ALSO}") from error
        except httpx.HTTPError as error:
            log.warning("the OpenID provider does not answer: %r", error)
            raise Unavailable(f"{self._label} does not answer. {ALSO}") from error
        except (JoseError, ValueError, RuntimeError) as error:
            log.warning("the OpenID provider's answer does not hold", exc_info=error)
            raise Unavailable(f"{self._label} gave an answer that does not hold. {ALSO}") from error
