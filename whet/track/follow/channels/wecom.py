"""The channel `wecom`: a group robot of WeCom (WeChat Work)."""

from __future__ import annotations

from whet.base.catalogue import channel
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import Channel, Message
from whet.track.follow.post import post_json
from whet.track.follow.secrets import Secrets
from whet.track.follow.undelivered import Undelivered

_LONGEST_BYTES = 2048
# Too many messages a minute, and the server is busy.
_LATER = (45009, -1)


@channel("wecom", secrets=("url",))
def wecom(secrets: Secrets, allowed: Allowed) -> Channel:
    """A group robot of WeCom; its address is the secret `url`."""
    return WeCom(secrets["url"], allowed)


class WeCom:
    """Posts text (https://developer.work.weixin.qq.com/document/path/91770)."""

    def __init__(self, url: str, allowed: Allowed) -> None:
        self._url, self._allowed = url, allowed

    def send(self, message: Message) -> None:
        text = message.as_text().encode()[:_LONGEST_BYTES].decode(errors="ignore")
        answer = post_json(self._url, {"msgtype": "text", "text": {"content": text}}, self._allowed)
        code = answer.get("errcode", 0) if isinstance(answer, dict) else 0
        if code:
            raise Undelivered(f"WeCom answered errcode {code}", is_final=code not in _LATER)
