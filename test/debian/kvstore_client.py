"""A foreign client: Debian's python3-grpcio, no generated code, only the field numbers of kvstore.proto.

Takes host:port, prints one JSON object that says what the server answered.
"""

import concurrent.futures
import json
import sys

import grpc


def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def string(field, text):
    content = text.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def call(channel, method, request, timeout=10):
    """The answer in hex, or status, message and trailing metadata."""
    try:
        return channel.unary_unary(f"/proto.KeyValueStore/{method}")(request, timeout=timeout).hex()
    except grpc.RpcError as error:
        trailers = {key: value for key, value in error.trailing_metadata() if key.startswith("kvorum-")}
        return [error.code().name, error.details(), trailers]


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        answers = {
            "set": call(channel, "Set", string(1, "grüße") + string(2, "wert")),
            "get": call(channel, "Get", string(1, "grüße")),
            "delete": call(channel, "Delete", string(1, "grüße")),
            "missing": call(channel, "Get", string(1, "grüße")),
            "deleteMissing": call(channel, "Delete", string(1, "grüße")),
            "emptyKey": call(channel, "Set", string(2, "wert")),
            "longKey": call(channel, "Set", string(1, "k" * 65537)),
            "malformed": call(channel, "Get", b"\xff"),
            "join": call(channel, "Join", string(1, "node2") + string(2, "localhost:60052")),
            "unknownMethod": call(channel, "Nothing", b""),
        }

        def set_and_get(number):
            call(channel, "Set", string(1, f"key{number}") + string(2, "v" * number))
            return call(channel, "Get", string(1, f"key{number}")) == string(1, "v" * number).hex()

        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            answers["manyAtOnce"] = all(threads.map(set_and_get, range(1, 200)))
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
