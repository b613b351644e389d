"""Opens subscriptions that receive no events, so that requests can be measured at the same time.

    LIMIT_CONNECTIONS_PER_CLIENT=4096 bookshelf serve
    python3 benches/idle_subscribers.py http://127.0.0.1:8000 ACCESS_TOKEN 1000
"""
import socket
import sys
import time
from urllib.parse import urlsplit

BODY = b'{"query": "subscription { bookChanged { kind } }"}'


def main(url, token, number):
    url = urlsplit(url)
    head = "\r\n".join([
        "POST /graphql HTTP/1.1", "Host: %s" % url.netloc, "Accept: text/event-stream",
        "Content-Type: application/json", "Content-Length: %d" % len(BODY), "Authorization: Bearer " + token,
        "", ""]).encode()
    streams = []
    for _ in range(int(number)):
        stream = socket.create_connection((url.hostname, url.port))
        stream.sendall(head + BODY)
        answer = stream.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode(errors="replace"))
        streams.append(stream)
    print("%s subscribers" % number, flush=True)
    while True:
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
