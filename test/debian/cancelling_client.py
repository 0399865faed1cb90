"""Debian's python3-grpcio, which gives thousands of calls up: by deadlines, by cancellations, watches all at once.

Takes host:port, prints one JSON object: for each pattern, and for one last call, the status codes that came.
"""

import json
import sys
import threading

import grpc

KEY = b"\x0a\x03key"


class Counts:
    def __init__(self):
        self.lock = threading.Lock()
        self.codes = {}

    def add(self, code):
        with self.lock:
            self.codes[code.name] = self.codes.get(code.name, 0) + 1


def in_threads(count, act):
    threads = [threading.Thread(target=act) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def deadlines(channel, counts):
    get = channel.unary_unary("/proto.KeyValueStore/Get")

    def act():
        for _ in range(200):
            try:
                get(KEY, timeout=0.001)
            except grpc.RpcError as error:
                counts.add(error.code())

    in_threads(10, act)


def cancellations(channel, counts):
    get = channel.unary_unary("/proto.KeyValueStore/Get")

    def act():
        for _ in range(20):
            calls = [get.future(KEY, timeout=60) for _ in range(10)]
            for call in calls:
                call.cancel()
            for call in calls:
                counts.add(call.code())

    in_threads(10, act)


def watches(channel, counts):
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
    # Each open stream is a thread in this library.
    for _ in range(10):
        calls = [watch(b"", timeout=60) for _ in range(150)]
        for call in calls:
            next(call)
        for call in calls:
            call.cancel()
        for call in calls:
            counts.add(call.code())


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        answers = {}
        for act in (deadlines, cancellations, watches):
            counts = Counts()
            act(channel, counts)
            answers[act.__name__] = counts.codes
        last = Counts()
        try:
            channel.unary_unary("/proto.KeyValueStore/Get")(KEY, timeout=60)
        except grpc.RpcError as error:
            last.add(error.code())
        answers["last"] = last.codes
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
