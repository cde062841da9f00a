"""A server that plays an engine: `play.py PORT BEHAVIOUR FOLDER`; each start leaves a file in FOLDER.

It answers /health, chats and completions with the words of a script, and does what BEHAVIOUR says besides: `dies` at
start, `dies-once` a while after the first one, `deaf` says nothing at /health after the first answers there.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, BEHAVIOUR, FOLDER = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
KEY = os.environ.get("PLAY_KEY", "")
START = len(list(FOLDER.glob("start-*")))
(FOLDER / f"start-{START}").write_text(str(os.getpid()))
print("loading weights", flush=True)
if BEHAVIOUR == "dies":
    print("RuntimeError: the weights do not fit", flush=True)
    raise SystemExit(3)


class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    num_checks = 0

    def log_message(self, *given):
        pass

    def do_GET(self):
        Engine.num_checks += 1
        if BEHAVIOUR == "deaf" and START == 0 and Engine.num_checks > 2:
            time.sleep(60)
        self.reply(200, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (FOLDER / "asked.jsonl").open("a").write(json.dumps({"path": self.path, "body": body}) + "\n")
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self.reply(401, {"error": {"message": "no"}})
            return
        prompt = body.get("messages", [{"content": body.get("prompt", "")}])[-1]["content"]
        if prompt.startswith("answer "):
            _, status, told = prompt.split(" ", 2)
            self.reply(int(status), json.loads(told))
        elif prompt == "die":
            os._exit(9)
        elif body.get("stream"):
            self.stream(prompt)
        else:
            if prompt == "wait":
                time.sleep(30)
            self.reply(200, {**HEAD, "choices": [choice("message", "Hello there", "stop")], "usage": USAGE})

    def stream(self, prompt):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.event({**HEAD, "choices": [choice("delta", "Hello", None)]})
        if prompt == "fail":
            self.event({"error": {"message": "EngineCore died, see /home/me/log", "code": 500}})
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True
            return
        if prompt == "break":
            self.wfile.flush()
            os._exit(9)
        while prompt == "on":
            try:
                self.event({**HEAD, "choices": [choice("delta", " on", None)]})
                time.sleep(0.02)
            except OSError:
                (FOLDER / "left").write_text("")
                return
        self.event({**HEAD, "choices": [choice("delta", " there", "stop")]})
        self.event({**HEAD, "choices": [], "usage": USAGE})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, told):
        self.wfile.write(b"data: " + json.dumps(told).encode() + b"\n\n")

    def reply(self, status, told):
        content = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


HEAD = {"id": "chatcmpl-1", "created": 1, "model": "played"}
USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def choice(name, text, finish):
    return {"index": 0, name: {"role": "assistant", "content": text}, "finish_reason": finish}


server = ThreadingHTTPServer(("127.0.0.1", PORT), Engine)
server.daemon_threads = True
if BEHAVIOUR == "dies-once" and START == 0:
    import threading

    threading.Timer(0.5, os._exit, (9,)).start()
server.serve_forever()
