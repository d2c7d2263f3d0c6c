"""Mails, sent through the site's mail server: plain text, one connection for all that are due."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, getaddresses
from urllib.parse import urlsplit

from compute.notices.carrier import Failure, Report
from compute.settings import BadSettings, Settings
from data.deliveries import Delivery

#: Without an answer of the mail server.
PATIENCE_S = 10.0
#: Plain ASCII goes as it is, in lines up to this length; so a long link is not broken.
POLICY = SMTP.clone(cte_type="7bit", max_line_length=900)
LONGEST_SUBJECT = 250


class BadAddress(ValueError):
    """Not one address; or one that smuggles in a second, or a header."""


class Postman:
    def __init__(self, settings: Settings) -> None:
        self._mail = settings.mail
        self._site = settings.public_url
        self._sender = _sender(settings)

    def send(self, batch: list[Delivery], report: Report, stopping: Callable[[], bool]) -> None:
        """A server that is away, or lets us not in, is asked once for the whole batch."""
        if not self._mail.host:
            report(batch, Failure(problem="This site sends no mail any more.", final=True))
            return
        left = list(batch)
        try:
            with self._connected() as server:
                while left and not stopping():
                    failure = self._send_one(server, left[0])
                    report([left.pop(0)], failure)
        except (OSError, smtplib.SMTPException) as trouble:
            # Saying goodbye can fail too, when all is sent.
            if left:
                report(left, Failure(problem=_problem(trouble)))

    def _send_one(self, server: smtplib.SMTP, delivery: Delivery) -> Failure | None:
        """None when the server took it. Raises what concerns the server rather than this mail."""
        try:
            message = compose(delivery, self._sender, self._site)
            server.send_message(message, to_addrs=[delivery.target])
        except BadAddress:
            return Failure(problem="This is no e-mail address.", final=True)
        except smtplib.SMTPRecipientsRefused as refusal:
            code = next(iter(refusal.recipients.values()))[0]
            return Failure(problem=f"The mail server refused the address ({code}).", final=code >= 500)
        except smtplib.SMTPDataError as refusal:
            code = refusal.smtp_code
            return Failure(problem=f"The mail server refused the mail ({code}).", final=code >= 500)
        except smtplib.SMTPNotSupportedError:
            return Failure(problem="The mail server takes no address with letters beyond ASCII.", final=True)
        return None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings, context = self._mail, ssl.create_default_context()
        # Otherwise smtplib asks the network for this machine's full name, which can take long.
        name = socket.gethostname()
        server: smtplib.SMTP
        if settings.security == "tls":
            server = smtplib.SMTP_SSL(settings.host, settings.port, name, timeout=PATIENCE_S, context=context)
        else:
            server = smtplib.SMTP(settings.host, settings.port, name, timeout=PATIENCE_S)
        with server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, settings.password or "")
            yield server


def _sender(settings: Settings) -> Address:
    host = urlsplit(settings.public_url).hostname or "localhost"
    own = f"Wellplate <wellplate@{'localhost' if ':' in host else host}>"  # ':' is in IPv6 addresses only
    try:
        (given,) = getaddresses([settings.mail.sender or own])
        return Address(_line(given[0]), addr_spec=given[1])
    except (MessageError, ValueError, IndexError) as error:
        raise BadSettings(f"setting mail.sender = {settings.mail.sender!r}: no e-mail address") from error


def compose(delivery: Delivery, sender: Address, site: str) -> EmailMessage:
    """The mail, in which no text of a person's becomes a header. Raises BadAddress."""
    message = EmailMessage(policy=POLICY)
    message["From"] = sender
    message["To"] = _address(delivery.target)
    message["Subject"] = _line(delivery.subject)
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{delivery.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_text(delivery, site))
    return message


def _text(delivery: Delivery, site: str) -> str:
    if delivery.job is None and delivery.batch is None:
        return delivery.body
    page = f"jobs?jobId={delivery.job}" if delivery.job else f"batch?batchId={delivery.batch}"
    link = f"{site}/app/{page}"
    return f"{delivery.body}\n\n{link}\n\nYou asked for this on your Account page: {site}/app/account\n"


def _address(target: str) -> Address:
    if not target.isprintable() or " " in target or "=?" in target:
        raise BadAddress
    try:
        address = Address(addr_spec=target)
    except (MessageError, ValueError, IndexError, AttributeError) as error:
        # Python's parser stumbles over some: `a@["` raises AttributeError.
        raise BadAddress from error
    if smtplib.quoteaddr(target) != f"<{target}>":
        # With a comment, `ada(home)@example.org` say, it would go to the mailbox without.
        raise BadAddress
    return address


def _line(text: str) -> str:
    line = "".join(c for c in " ".join(text.split()) if c.isprintable())
    # Python decodes what is written as encoded words, `=?utf-8?q?=0d=0aBcc:...?=`, and writes its line ends as such.
    return line.replace("=?", "= ?")[:LONGEST_SUBJECT]


def _problem(trouble: Exception) -> str:
    """In our words: a server's own may quote the mail, and so a link that signs somebody in."""
    if isinstance(trouble, smtplib.SMTPAuthenticationError):
        return f"The mail server refused the site's name or password ({trouble.smtp_code})."
    if isinstance(trouble, smtplib.SMTPSenderRefused):
        return f"The mail server refused the site's address as sender ({trouble.smtp_code})."
    if isinstance(trouble, smtplib.SMTPNotSupportedError):
        return "The mail server does not offer the security or sign-in that the settings name."
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return "The certificate of the mail server is not valid."
    return "The mail server did not answer as it should; it may be away."
