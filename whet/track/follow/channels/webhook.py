"""The channel `webhook`: JSON of your own shape, posted to an address of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message, filled
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets

BODY = {name: f"{{{name}}}" for name in ("title", "text", "level", "run", "step", "time")}


@channel("webhook", secrets=("url",), optional_secrets=("authorization",))
def webhook(secrets: Secrets, allowed: Allowed, *, body: dict[str, Any] | None = None) -> Channel:
    """JSON posted to an address, the secret `url`; the secret `authorization` is sent as that header.

    The header `Idempotency-Key` is the same where a message comes again.

    body: the JSON, in whose texts {title}, {text}, {level}, {run}, {step}, {time} and {id} are filled in; by default
        all but the last
    """
    return Webhook(secrets["url"], secrets.find("authorization"), body or BODY, allowed)


class Webhook:
    """Posts a template that is filled in."""

    def __init__(self, url: str, authorization: str | None, body: Mapping[str, Any], allowed: Allowed) -> None:
        self._url, self._body, self._allowed = url, body, allowed
        self._headers = {"Authorization": authorization} if authorization else {}

    def send(self, message: Message) -> None:
        headers = {**self._headers, "Idempotency-Key": message.id}
        post_json(self._url, filled(self._body, message), self._allowed, headers)
