"""Measures memory and latency while one account requests large responses and does not read them.

    RATE_LIMITS=off LIMIT_COST=20000 LISTEN=127.0.0.1:8001 bookshelf serve
    python3 benches/large_responses.py http://127.0.0.1:8001 PROCESS_ID [ALIASES]

One account has 100 books with notes of 20,000 characters. It sends five requests for ALIASES lists of all
notes (20 if absent) and leaves the responses unread. Meanwhile another account asks for `{ viewer { id } }`.
Linux only: the memory is read from /proc.
"""
import json
import secrets
import socket
import sys
import threading
import time
import urllib.request
from urllib.parse import urlsplit

UNREAD = 5
SECONDS = 4


def ask(url, query, variables=None, token=None):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = "Bearer " + token
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + "/graphql", body, headers)) as response:
        answer = json.load(response)
    if "errors" in answer:
        raise SystemExit(answer["errors"])
    return answer["data"]


def register(url):
    name = "user" + secrets.token_hex(6)
    user = {"username": name, "email": name + "@example.org", "password": secrets.token_hex(12)}
    query = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }"
    return ask(url, query, {"input": user})["register"]["accessToken"]


def memory(process):
    """Resident memory in MiB."""
    with open("/proc/%s/status" % process) as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise SystemExit("no such process")


def send_unread(url, token, query):
    url = urlsplit(url)
    body = json.dumps({"query": query}).encode()
    head = "\r\n".join([
        "POST /graphql HTTP/1.1", "Host: " + url.netloc, "Content-Type: application/json",
        "Content-Length: %d" % len(body), "Authorization: Bearer " + token, "", ""]).encode()
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.connect((url.hostname, url.port))
    stream.sendall(head + body)
    return stream


def main(url, process, aliases="20"):
    reader, other = register(url), register(url)
    create = "mutation($input: CreateBookInput!) { createBook(input: $input) { userErrors { code } } }"
    for number in range(100):
        book = {"title": "Title %d" % number, "author": "Author", "notes": "n" * 20000}
        ask(url, create, {"input": book}, reader)
    for _ in range(100):
        ask(url, "{ viewer { id } }", token=other)
    lists = " ".join("a%d: books(first: 100) { nodes { notes } }" % n for n in range(int(aliases)))

    before = peak = memory(process)
    end = time.monotonic() + SECONDS
    streams = []
    sender = threading.Thread(target=lambda: streams.extend(
        send_unread(url, reader, "{ %s }" % lists) for _ in range(UNREAD)))
    sender.start()
    latencies = []
    while time.monotonic() < end:
        start = time.monotonic()
        ask(url, "{ viewer { id } }", token=other)
        latencies.append(time.monotonic() - start)
        peak = max(peak, memory(process))
    sender.join()
    latencies.sort()
    print("memory before %.0f MiB, growth: at most %.0f MiB, in the end %.0f MiB" % (
        before, peak - before, memory(process) - before))
    print("viewer: median %.1f ms, p99 %.1f ms, slowest %.1f ms of %d" % (
        1000 * latencies[len(latencies) // 2], 1000 * latencies[int(len(latencies) * 0.99)],
        1000 * latencies[-1], len(latencies)))
    for number, stream in enumerate(streams):
        stream.settimeout(2)
        try:
            answer = stream.recv(4096).split(b"\r\n\r\n")[-1][:120].decode()
        except TimeoutError:
            answer = "not yet"
        print("response %d: %s" % (number, answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
