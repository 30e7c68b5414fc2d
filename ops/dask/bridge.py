#!/usr/bin/env python3
"""Bridge between VeloFlux and a Dask cluster: takes batches of texts over HTTP, splits them over the workers.

    DASK_BRIDGE_TOKEN=… python3 bridge.py --scheduler tcp://127.0.0.1:8786 [--host 127.0.0.1] [--port 8790]

Needs Debian's python3-distributed (2022.12) or a later Dask; nothing else. Only the steps of steps.py are run, never
code from a request. Dask's own port runs whatever it is sent: keep it on loopback or behind TLS.

    GET    /health      {"status": "ok", "workers": 2, "threads": 4}; 503 without a scheduler or a worker
    POST   /jobs        {"steps": [{"name", "parameters"}], "model": {…} | null, "texts": ["…"]} → 202 {"id"}
    GET    /jobs/{id}   {"status": "running" | "completed" | "failed", "done", "total", "results" | "error"}
    DELETE /jobs/{id}   cancels and forgets it: 204

A job that nobody asks about for 60 s is cancelled: its owner is gone.
"""

import argparse
import hmac
import json
import os
import pathlib
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cloudpickle
from distributed import Client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import steps  # noqa: E402

# Workers have no copy of steps.py: it travels with the tasks.
cloudpickle.register_pickle_by_value(steps)

MAX_BODY = 64 * 1024 * 1024
MAX_JOBS = 20
MAX_TEXTS = 100_000
ABANDONED_SECONDS = 60
CHUNK = 200


class Refused(Exception):
    """An answer that is no success: status and message."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Job:
    def __init__(self, client, checked, model, texts):
        self.total = len(texts)
        self.asked_at = time.monotonic()
        parts = [texts[i : i + CHUNK] for i in range(0, len(texts), CHUNK)]
        shared = client.scatter(steps.read_model(model), broadcast=True, hash=False) if model else None
        # keys with a uuid: another job with the same texts is another job
        key = f"veloflux-{uuid.uuid4().hex}"
        self.futures = [
            client.submit(steps.run_chunk, checked, shared, part, key=f"{key}-{i}", pure=False, retries=2)
            for i, part in enumerate(parts)
        ]
        self.sizes = [len(part) for part in parts]
        self.shared = shared

    def report(self):
        self.asked_at = time.monotonic()
        done = sum(size for size, future in zip(self.sizes, self.futures) if future.status == "finished")
        answer = {"status": "running", "done": done, "total": self.total}
        bad = next((f for f in self.futures if f.status in ("error", "lost", "cancelled")), None)
        if bad is not None:
            return {**answer, "status": "failed", "error": f"a task of Dask ended as {bad.status}"}
        if done < self.total:
            return answer
        results = [result for future in self.futures for result in future.result(timeout=10)]
        return {**answer, "status": "completed", "results": results}

    def cancel(self, client):
        client.cancel(self.futures, force=True)
        self.futures = []
        self.shared = None


class Bridge:
    """The jobs and the connection to the scheduler."""

    def __init__(self, address):
        self.address = address
        self.lock = threading.Lock()
        self.jobs = {}
        self.client = None

    def connected(self):
        with self.lock:
            if self.client is not None and self.client.status == "running":
                return self.client
            if self.client is not None:
                # its futures went with the scheduler
                self.jobs.clear()
                threading.Thread(target=self.client.close, kwargs={"timeout": 1}, daemon=True).start()
                self.client = None
            try:
                self.client = Client(self.address, timeout=2, set_as_default=False)
            except (OSError, TimeoutError) as error:
                raise Refused(503, "the Dask scheduler does not answer") from error
            return self.client

    def health(self):
        threads = self.connected().nthreads()
        if not threads:
            raise Refused(503, "the Dask scheduler has no workers")
        return {"status": "ok", "workers": len(threads), "threads": sum(threads.values())}

    def submit(self, body):
        texts = body.get("texts")
        if not isinstance(texts, list) or not 0 < len(texts) <= MAX_TEXTS or not all(isinstance(t, str) for t in texts):
            raise Refused(422, f"texts: must be a list of 1 to {MAX_TEXTS} texts")
        try:
            checked = steps.check_steps(body["steps"])
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(422, str(error)) from error
        model = body.get("model")
        if any(name == "sentiment_analysis" for name, _ in checked) and not model:
            raise Refused(422, "model: sentiment_analysis needs one")
        self.health()
        if len(self.jobs) >= MAX_JOBS:
            raise Refused(503, f"{MAX_JOBS} jobs run already")
        name = uuid.uuid4().hex
        self.jobs[name] = Job(self.client, checked, model, texts)
        return {"id": name}

    def report(self, name):
        self.connected()
        job = self.jobs.get(name)
        if job is None:
            raise Refused(404, "there is no such job")
        return job.report()

    def cancel(self, name):
        job = self.jobs.pop(name, None)
        if job is not None and self.client is not None:
            job.cancel(self.client)

    def sweep(self):
        while True:
            time.sleep(5)
            now = time.monotonic()
            for name, job in list(self.jobs.items()):
                if now - job.asked_at > ABANDONED_SECONDS:
                    self.cancel(name)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    bridge = None
    token = ""

    def do_GET(self):
        self.answer(lambda: (200, self.bridge.health() if self.path == "/health" else self.bridge.report(self.job())))

    def do_POST(self):
        if self.path != "/jobs":
            self.answer(lambda: (404, {"error": "not found"}))
        else:
            self.answer(lambda: (202, self.bridge.submit(self.body())))

    def do_DELETE(self):
        self.answer(lambda: (204, self.bridge.cancel(self.job())))

    def answer(self, work):
        try:
            sent = self.headers.get("Authorization", "").encode()
            if not hmac.compare_digest(sent, f"Bearer {self.token}".encode()):
                raise Refused(401, "a valid bearer token is required")
            status, body = work()
        except Refused as refused:
            status, body = refused.status, {"error": str(refused)}
        except Exception as error:  # the answer must come, whatever Dask throws
            self.log_error("%s", error)
            status, body = 503, {"error": "the Dask cluster failed"}
        data = b"" if status == 204 else json.dumps(body).encode()
        self.send_response(status)
        if status in (401, 413):
            self.close_connection = True
            self.send_header("Connection", "close")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def job(self):
        if not self.path.startswith("/jobs/"):
            raise Refused(404, "not found")
        return self.path[len("/jobs/") :]

    def body(self):
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError as error:
            raise Refused(411, "Content-Length is required") from error
        if length > MAX_BODY:
            raise Refused(413, "the body is too large")
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise Refused(400, "the body is no JSON") from error
        if not isinstance(body, dict):
            raise Refused(400, "the body must be an object")
        return body

    def log_message(self, *_):
        """Requests are the caller's log."""

    def log_error(self, message, *values):
        print(message % values, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description="Bridge between VeloFlux and a Dask cluster")
    parser.add_argument("--scheduler", required=True, help="tcp://host:port")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8790)
    options = parser.parse_args()
    Handler.token = os.environ.get("DASK_BRIDGE_TOKEN", "")
    if len(Handler.token) < 16:
        sys.exit("DASK_BRIDGE_TOKEN must be set, 16 characters or more")
    Handler.bridge = Bridge(options.scheduler)
    threading.Thread(target=Handler.bridge.sweep, daemon=True).start()
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
