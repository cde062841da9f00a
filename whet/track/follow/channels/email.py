"""The channel `email`: a mail over SMTP."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed, connected
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import DEADLINE_S, deadline
from whet.track.follow.secrets import Secrets
from whet.track.follow.undelivered import Undelivered

Port = Annotated[int, Ge(1), Le(65535)]
Security = Literal["starttls", "ssl", "none"]
_PORTS = {"starttls": 587, "ssl": 465, "none": 25}


@channel("email", optional_secrets=("password",))
def email(
    secrets: Secrets,
    allowed: Allowed,
    *,
    to: list[str],
    host: str,
    sender: str | None = None,
    user: str | None = None,
    security: Security = "starttls",
    port: Port | None = None,
) -> Channel:
    """A mail over SMTP; the secret `password` is that of `user`.

    to: who gets it, such as [me@example.org]
    host: the mail server, such as smtp.example.org
    sender: whom it is from; `user`, or else the first of `to`
    user: whom the server knows, where it asks for a login
    security: `starttls` (port 587), `ssl` (465) or `none` (25), which only goes to addresses that are allowed
    port: the server's port, if it is another
    """
    login = (user, secrets["password"]) if user else None
    return Email(host, port or _PORTS[security], security, login, sender or user or to[0], to, allowed)


class Email:
    """Sends plain text, each message over a connection of its own."""

    def __init__(
        self, host: str, port: int, security: Security, login: tuple[str, str] | None, sender: str,
        to: Sequence[str], allowed: Allowed,
    ) -> None:  # fmt: skip
        self._host, self._port, self._security, self._login = host, port, security, login
        self._sender, self._to, self._allowed = sender, list(to), allowed

    def send(self, message: Message) -> None:
        mail = self._mail(message)
        try:
            raw, address = connected(self._host, self._port, self._allowed, DEADLINE_S)
            if self._security == "none" and not self._allowed.names(address):
                raw.close()
                raise Undelivered(f"`{self._host}` is spoken to without TLS: allow: [{address}]", is_final=True)
            with raw, deadline(raw, DEADLINE_S):
                self._send(raw, mail)
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"`{self._host}` answered {error.smtp_code}", is_final=error.smtp_code >= 500) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise Undelivered(f"`{self._host}` refused recipients ({codes[0]})", is_final=codes[0] >= 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"`{self._host}` broke off: {type(error).__name__}") from None

    def _send(self, raw: socket.socket, mail: EmailMessage) -> None:
        context = ssl.create_default_context()
        ready = context.wrap_socket(raw, server_hostname=self._host) if self._security == "ssl" else raw
        with _Over(self._host, self._port, ready) as server:
            if self._security == "starttls":
                server.starttls(context=context)
            if self._login:
                server.login(*self._login)
            server.send_message(mail)

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = f"[{message.level}] {message.run}: {message.title}"
        mail["From"], mail["To"] = self._sender, ", ".join(self._to)
        mail["Date"], mail["Message-ID"] = formatdate(message.time), f"<{message.id}@whet.invalid>"
        mail.set_content(message.as_text() + "\n")
        return mail


class _Over(smtplib.SMTP):
    """SMTP over a connection that stands already."""

    def __init__(self, host: str, port: int, ready: socket.socket) -> None:
        self._ready = ready
        super().__init__(host, port, timeout=DEADLINE_S)

    def _get_socket(self, host: str, port: int, timeout: Any) -> socket.socket:
        return self._ready
