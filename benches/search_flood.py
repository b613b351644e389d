"""Measures what one account with slow searches does to another account.

The first account has 400 books with notes of 20,000 times `a`, and runs 40 searches for 199 times `a` and a `b`
at once, again and again. Meanwhile another process reads the books of a second account a hundred times a second
and checks readiness ten times a second. The server must be running; its RATE_LIMITS should be off, since
otherwise the rate limits stop the searches.

    RATE_LIMITS=off bookshelf serve
    python3 benches/search_flood.py http://127.0.0.1:8000 [SECONDS]
"""
import http.client
import json
import multiprocessing
import secrets
import sys
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

BOOKS = 400
SEARCHES = 40
NOTES = "a" * 20_000
WORD = "a" * 199 + "b"

REGISTER = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }"
CREATE = "mutation($input: CreateBookInput!) { createBook(input: $input) { book { id } } }"
SEARCH = "query($word: String!) { books(filter: { search: $word }) { nodes { id } totalCount } }"
LIST = "{ viewer { books { nodes { title } totalCount } } }"


class Client:
    def __init__(self, url, token=None):
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = "Bearer " + token

    def run(self, query, **variables):
        body = json.dumps({"query": query, "variables": variables})
        self.connection.request("POST", "/graphql", body, self.headers)
        return json.loads(self.connection.getresponse().read())

    def status(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        response.read()
        return response.status


def register(url):
    name = "reader" + secrets.token_hex(6)
    account = {"username": name, "email": name + "@example.org", "password": secrets.token_urlsafe(24)}
    return Client(url).run(REGISTER, input=account)["data"]["register"]["accessToken"]


def add_books(url, token, number, **fields):
    client = Client(url, token)
    for index in range(number):
        book = {"title": "Book %d" % index, "author": "A", **fields}
        client.run(CREATE, input=book)["data"]["createBook"]["book"]["id"]


def search(url, token, end, results):
    client = Client(url, token)
    while time.monotonic() < end:
        response = client.run(SEARCH, word=WORD)
        errors = response.get("errors")
        results[errors[0]["extensions"]["code"] if errors else "ok"] += 1


def flood(url, token, seconds, queue):
    end, results = time.monotonic() + seconds, Counter()
    threads = [threading.Thread(target=search, args=(url, token, end, results)) for _ in range(SEARCHES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(results)


def percentile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)] * 1_000


def main(url, seconds="60"):
    seconds = float(seconds)
    searcher, reader = register(url), register(url)
    add_books(url, searcher, BOOKS, notes=NOTES)
    add_books(url, reader, 30)
    queue = multiprocessing.Queue()
    flooding = multiprocessing.Process(target=flood, args=(url, searcher, seconds, queue))
    flooding.start()
    time.sleep(1)
    client, times, failures, ready = Client(url, reader), [], Counter(), Counter()
    end = time.monotonic() + seconds - 2
    while time.monotonic() < end:
        started = time.monotonic()
        response = client.run(LIST)
        times.append(time.monotonic() - started)
        if "errors" in response:
            failures[response["errors"][0]["extensions"]["code"]] += 1
        if len(times) % 10 == 0:
            ready[client.status("/health/ready")] += 1
        time.sleep(max(0, started + 0.01 - time.monotonic()))
    results = queue.get()
    flooding.join()
    print("lists: %d, failed: %s" % (len(times), dict(failures)))
    print("list: p50 %.1f ms, p99 %.1f ms, max %.1f ms" % (
        percentile(times, 0.5), percentile(times, 0.99), max(times) * 1_000))
    print("readiness by status: %s" % dict(ready))
    print("searches by result: %s" % dict(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
