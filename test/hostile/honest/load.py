"""Honest calls by Debian's python3-grpcio: puts and gets, one after the other in four threads.

    load.py -endpoints=HOST:PORT[,HOST:PORT...] -seconds=N

The last line on stdout is one JSON object: calls, errors (their number by status code), messages (of the first ten),
get and put ({calls, p50Ms, p99Ms, maxMs}).
"""

import json
import sys
import threading
import time

import grpc

THREADS = 4
PAUSE_S = 0.02
CALL_TIMEOUT_S = 10


def field(number, text):
    content = text.encode()
    return bytes([number << 3 | 2, len(content)]) + content


class Load:
    def __init__(self):
        self.lock = threading.Lock()
        self.times = {"get": [], "put": []}
        self.errors = {}
        self.messages = []

    def call(self, kind, method, request, expected):
        began = time.monotonic()
        try:
            answer = method(request, timeout=CALL_TIMEOUT_S)
            if answer != expected:
                self.failed("WRONG_ANSWER", f"{kind} of {request!r} was answered by {answer!r}")
        except grpc.RpcError as error:
            self.failed(error.code().name, error.details())
            return
        with self.lock:
            self.times[kind].append((time.monotonic() - began) * 1000)

    def failed(self, code, message):
        with self.lock:
            self.errors[code] = self.errors.get(code, 0) + 1
            if len(self.messages) < 10:
                self.messages.append(f"{code}: {message}")

    def run(self, endpoint, name, end):
        with grpc.insecure_channel(endpoint) as channel:
            put = channel.unary_unary("/proto.KeyValueStore/Set")
            get = channel.unary_unary("/proto.KeyValueStore/Get")
            count = 0
            while time.monotonic() < end:
                key, value = f"python/{name}/{count % 20}", f"{count}"
                self.call("put", put, field(1, key) + field(2, value), b"\x08\x01")
                if not self.errors:
                    self.call("get", get, field(1, key), field(1, value))
                count += 1
                time.sleep(PAUSE_S)

    def summary(self):
        return {
            "calls": sum(len(times) for times in self.times.values()),
            "errors": self.errors,
            "messages": self.messages,
            **{kind: figures(times) for kind, times in self.times.items()},
        }


def figures(times):
    times = sorted(times) or [0]
    last = len(times) - 1
    return {"calls": len(times), "p50Ms": times[last // 2], "p99Ms": times[last * 99 // 100], "maxMs": times[last]}


def main():
    given = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
    endpoints = given["endpoints"].split(",")
    end = time.monotonic() + float(given["seconds"])
    load = Load()
    threads = [
        threading.Thread(target=load.run, args=(endpoints[at % len(endpoints)], at, end)) for at in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(load.summary()))


if __name__ == "__main__":
    main()
