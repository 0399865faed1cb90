"""gRPC's C core against `interop.Test`: all kinds of calls, small and of 4 MiB.

Takes host:port and, for TLS, the file of a certificate to trust. Prints one JSON object that says for each call
whether its answer was the right one. Messages are google.protobuf.BytesValue, written and read by hand.
"""

import concurrent.futures
import json
import sys
import threading

import grpc

SMALL = b"hello"
LARGE = b"four mebibytes  " * (4 * 1024 * 1024 // 16)


def encode(value):
    length = len(value)
    if length == 0:
        return b""
    prefix = bytearray(b"\x0a")
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + value


def decode(message):
    at = 1
    while at < len(message) and message[at] & 0x80:
        at += 1
    return message[at + 1 :]


def open_channel(address, certificate):
    options = [("grpc.max_receive_message_length", -1)]
    if certificate is None:
        return grpc.insecure_channel(address, options)
    with open(certificate, "rb") as file:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), options)


def chat_in_step(chat, message):
    """Each request waits for the answer to the one before."""
    answered = threading.Semaphore(1)

    def requests():
        for turn in range(3):
            answered.acquire()
            yield message[turn:]

    count = 0
    for response in chat(requests(), timeout=60):
        if response != message[count:]:
            return False
        count += 1
        answered.release()
    return count == 3


def all_kinds(channel, message):
    def method(kind, name):
        return getattr(channel, kind)("/interop.Test/" + name, encode, decode)

    half = message[: len(message) // 2]
    joined = method("stream_unary", "Join")(iter([half, b"", half, SMALL]), timeout=60)
    repeated = list(method("unary_stream", "Repeat")(message, timeout=60))
    return {
        "unary": method("unary_unary", "Echo")(message, timeout=60) == message,
        "clientStreaming": joined == half + half + SMALL,
        "serverStreaming": repeated == [message] * 3,
        "bidirectional": chat_in_step(method("stream_stream", "Chat"), message),
    }


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


def ends(channel):
    def unary(name):
        return channel.unary_unary("/interop.Test/" + name, encode, decode)

    failed = failure(lambda: unary("Fail")(SMALL, timeout=60))
    trailers = {key: list(value) if isinstance(value, bytes) else value for key, value in failed.trailing_metadata()}
    waiting = unary("Wait").future(SMALL)
    waiting.cancel()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        requests = [b"request %d" % number for number in range(500)]
        echoed = list(threads.map(lambda request: unary("Echo")(request, timeout=60), requests))
    return {
        "failed": [failed.code().name, failed.details(), trailers["x-why"], trailers["x-why-bin"]],
        "deadline": failure(lambda: unary("Wait")(SMALL, timeout=0.05)).code().name,
        "cancelled": waiting.cancelled(),
        "manyAtOnce": echoed == requests,
    }


def main():
    certificate = sys.argv[2] if len(sys.argv) > 2 else None
    with open_channel(sys.argv[1], certificate) as channel:
        answers = {"small": all_kinds(channel, SMALL), "large": all_kinds(channel, LARGE), **ends(channel)}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
