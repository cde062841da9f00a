"""A real server on loopback that speaks OpenAI's API, and vLLM's additions, around an engine of ours."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from whet.generate.protocol import GenerateSettings


class Served:
    """What the server answers with, what it was asked, and which failures it is to make first.

    `answer` makes (text, tokens, finish, number of prompt tokens) of a request. `fails` are taken one a request: a
    status, or a function that gets the handler.
    """

    def __init__(self, answer: Callable[[str, dict[str, Any]], tuple[str, list, str, int]]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.fails: list[Any] = []
        self.control: list[tuple[str, Any]] = []
        self.on_control: Callable[[str, Any], Any] = lambda path, body: None
        self.models = ["tiny"]
        self.url = ""
        self.busy, self.most_busy, self.lock = 0, 0, threading.Lock()


def engine_answer(engine: Any, tokenizer: Any) -> Callable[[str, dict[str, Any]], tuple[str, list, str, int]]:
    """Answers of an engine of ours, asked as the request says."""
    lock = threading.Lock()

    def answer(path: str, body: dict[str, Any]) -> tuple[str, list, str, int]:
        is_chat = path.endswith("/chat/completions")
        logprobs = body.get("logprobs")
        settings = GenerateSettings(
            max_new_tokens=body.get("max_completion_tokens") or body["max_tokens"],
            temperature=body["temperature"], top_p=body.get("top_p", 1.0), top_k=body.get("top_k", 0),
            stop=tuple(body.get("stop", ())), seed=body.get("seed", 0),
            logprobs=logprobs is not None and logprobs is not False,
            top_logprobs=body.get("top_logprobs", 0) if is_chat else int(logprobs or 0),
        )  # fmt: skip
        with lock:
            done = engine.complete([body["messages"] if is_chat else body["prompt"]], [settings][0])[0]
        return done.text, list(done.tokens), done.finish, done.num_prompt_tokens

    return answer


class _Handler(BaseHTTPRequestHandler):
    served: Served
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a reply's body waits 40 ms for its head to be acknowledged

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.reply(
                200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.served.models]}
            )
        else:
            self.reply(404, {"error": {"message": "Not Found"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        self.served.asked.append((self.path, body, dict(self.headers)))
        if self.served.fails:
            failure = self.served.fails.pop(0)
            if callable(failure):
                failure(self)
            else:
                self.reply(failure, {"error": {"message": f"made to fail with {failure}"}})
            return
        if not self.path.endswith("/completions"):
            self.served.control.append((self.path, body))
            result = self.served.on_control(self.path, body)
            self.reply(*(result if isinstance(result, tuple) else (200, result or {})))
            return
        self._complete(body, *self._answer(body))

    def _answer(self, body: dict[str, Any]) -> tuple[str, list, str, int]:
        """Counted until it is made: who asks may have sent more by the time that a reply has been written."""
        with self.served.lock:
            self.served.busy += 1
            self.served.most_busy = max(self.served.most_busy, self.served.busy)
        try:
            return self.served.answer(self.path, body)
        finally:
            with self.served.lock:
                self.served.busy -= 1

    def reply(self, status: int, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def _complete(self, body: dict[str, Any], text: str, tokens: list, finish: str, num_prompt: int) -> None:
        is_chat = self.path.endswith("/chat/completions")
        usage = {"prompt_tokens": num_prompt, "completion_tokens": len(tokens)}
        if body.get("stream"):
            self._stream(text, finish, is_chat)
            return
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        choice |= {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
        if body.get("return_token_ids"):
            choice["token_ids"] = [token.id for token in tokens]
        if body.get("logprobs") is not None and body["logprobs"] is not False:  # 0 asks for the chosen tokens' own
            choice["logprobs"] = _told(tokens, is_chat)
        self.reply(200, {"object": "completion", "choices": [choice], "usage": usage})

    def _stream(self, text: str, finish: str, is_chat: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        pieces: list[Any] = [text[i : i + 3] for i in range(0, len(text), 3)]
        for piece in [*pieces, None]:
            content = {"content": piece} if piece else {}
            choice = {"delta": content} if is_chat else {"text": piece or ""}
            event = {"choices": [{**choice, "index": 0, "finish_reason": None if piece else finish}]}
            self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _told(tokens: list, is_chat: bool) -> dict[str, Any]:
    """Log-probabilities in the form of either endpoint, tokens named by their ids as vLLM does when asked to."""
    if is_chat:
        content = [
            {"token": f"token_id:{t.id}", "logprob": t.logprob,
             "top_logprobs": [{"token": f"token_id:{i}", "logprob": p} for i, p in t.top]} for t in tokens
        ]  # fmt: skip
        return {"content": content}
    return {
        "tokens": [f"token_id:{t.id}" for t in tokens],
        "token_logprobs": [t.logprob for t in tokens],
        "top_logprobs": [{f"token_id:{i}": p for i, p in t.top} for t in tokens],
    }


@contextmanager
def serving(answer: Callable[[str, dict[str, Any]], tuple[str, list, str, int]]) -> Iterator[Served]:
    """The server, until the block ends."""
    served = Served(answer)
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def hang(seconds: float) -> Callable[[Any], None]:
    """A failure: say nothing for so long, then close."""

    def stall(handler: Any) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return stall


def cut(handler: Any) -> None:
    """A failure: begin an answer and close the connection in its middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.close_connection = True
    handler.connection.close()
