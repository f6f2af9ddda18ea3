"""Stands for engines that cannot be had everywhere: Ollama, which serves what it has pulled, and Text
Generation Inference, which names a model by its repository. Speaks as much of their APIs as getting them
ready takes, and tells on its output what it was asked to load. Called with a port and `ollama` or a
repository."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KIND = sys.argv[2]
PULLED = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, *lines):
        self.send_response(status)
        self.end_headers()
        for line in lines:
            self.wfile.write(json.dumps(line).encode() + b"\n")

    def do_GET(self):
        if self.path == "/health" and KIND != "ollama":
            self.answer(200)
        elif self.path == "/v1/models" and KIND == "ollama":
            self.answer(200, {"object": "list", "data": [{"id": name, "owned_by": "library"} for name in PULLED]})
        elif self.path == "/v1/models":
            self.answer(200, {"object": "list", "data": [{"id": KIND, "owned_by": KIND}]})
        elif self.path == "/api/version" and KIND == "ollama":
            self.answer(200, {"version": "0.12.6"})
        elif self.path == "/info" and KIND != "ollama":
            self.answer(200, {"model_id": KIND, "version": "3.3.6", "router": "text-generation-router"})
        else:
            self.answer(404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/api/pull" and body["model"].startswith("absent"):
            self.answer(200, {"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"})
        elif self.path == "/api/pull":
            PULLED.append(body["model"])
            self.answer(
                200,
                {"status": "pulling manifest"},
                {"status": "pulling 5c1", "digest": "sha256:5c1", "total": 2 << 20, "completed": 1 << 20},
                {"status": "success"},
            )
        elif self.path == "/api/generate":
            print("loaded", body["model"], body["keep_alive"], flush=True)
            self.answer(200, {"done": True, "done_reason": "load"})
        else:
            self.answer(404)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
