"""Measures reads of an account with 100,000 books: filtered lists, a search, and a late numbered page.

Starts each of the given programs on the database, which must be empty or have the books of an earlier run, and
alternates between them, so that the ratios of one run are meaningful on a busy machine. PostgreSQL needs
`psql`; the role must be allowed to VACUUM.

    createdb large
    python3 benches/large_library.py postgres://localhost/large BOOKSHELF [ANOTHER_BOOKSHELF ...]
    python3 benches/large_library.py sqlite:///tmp/large.db BOOKSHELF [ANOTHER_BOOKSHELF ...]

Prints the median and the minimum time of each request, and the minimum processor time of the server and its
database, without the parallel workers of PostgreSQL (Linux only). All in milliseconds.
"""
import glob
import http.client
import json
import os
import random
import secrets
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
import uuid

BOOKS = 100_000
ROUNDS = 9
EMAIL, PASSWORD = "large@example.org", "a long passphrase of the benchmark"

WORDS = (
    "ash river stone winter garden silent letter city glass bright hidden road harbour night paper orchard "
    "empire small distant thunder copper island memory clock dust mountain daughter salt lantern broken wild "
    "northern atlas quiet machine summer house echo keeper shadow wheel field tower mirror crown signal forest "
    "hollow tide ember history study practice design theory pattern system language craft method code proof"
).split()

LIST = "query($filter: BookFilter, $orderBy: BookOrder) {" \
    " books(first: 20, filter: $filter, orderBy: $orderBy) { nodes { id title author isbn rating notes createdAt }" \
    " totalCount } }"
PAGE = "query($page: Int!) { booksPage(page: $page, perPage: 20, orderBy: { field: TITLE, direction: ASC }) {" \
    " items { id title author isbn rating notes createdAt } total } }"
BY_TITLE = {"field": "TITLE", "direction": "ASC"}
REQUESTS = [
    ("minRating: 4 by title", LIST, {"filter": {"minRating": 4}, "orderBy": BY_TITLE}),
    ("search without a match", LIST, {"filter": {"search": "zzzyx"}}),
    ("search for two words", LIST, {"filter": {"search": "harbour thunder"}}),
    ("page 5,000 by title", PAGE, {"page": 5_000}),
    ("page 5,000 by rating", PAGE.replace("TITLE", "RATING"), {"page": 5_000}),
    ("page 2,500 by title", PAGE, {"page": 2_500}),
    ("page 1 by title", PAGE, {"page": 1}),
]

COLUMNS = ["owner_id", "id", "title", "title_folded", "author", "author_folded", "isbn", "rating", "notes",
           "notes_folded", "bytes", "version", "updated_at"]


def isbn(number):
    digits = "978%09d" % number
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def books(owner):
    """The rows of the books, in the order of COLUMNS. Most have notes of 120 to 600 bytes."""
    rng = random.Random(20260327)
    words = lambda low, high: " ".join(rng.choices(WORDS, k=rng.randint(low, high)))
    start = 1_717_200_000_000
    for number in range(BOOKS):
        at = start + number * 97_000
        key = uuid.UUID(int=at << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 2 << 62 | rng.getrandbits(62))
        title = words(2, 7).capitalize()
        author = words(2, 3).title()
        notes = words(20, 90).capitalize() + "." if rng.random() < 0.7 else None
        number = isbn(number) if rng.random() < 0.7 else None
        rating = rng.randint(1, 5) if rng.random() < 0.7 else None
        fold = lambda text: text and text.lower()
        size = sum(len(text or "") for text in (title, author, number, notes))
        yield (owner, key, title, fold(title), author, fold(author), number, rating, notes, fold(notes), size, 1, at)


class Postgres:
    def __init__(self, url):
        self.url = url

    def psql(self, sql, data=None):
        command = ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url]
        return subprocess.run(command, input=data, capture_output=True, text=True, check=True).stdout.split()

    def owner(self):
        return self.psql("SELECT id FROM users WHERE email = '%s'" % EMAIL)[0]

    def count(self, owner):
        return int(self.psql("SELECT count(*) FROM books WHERE owner_id = '%s'" % owner)[0])

    def load(self, rows):
        text = "".join(
            "\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows)
        self.psql("COPY books (%s) FROM STDIN" % ", ".join(COLUMNS), text)

    def tidy(self):
        self.psql("VACUUM (ANALYZE) books")

    def processes(self):
        """The database processes of the server, and their parallel workers."""
        return self.psql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                         " AND pid <> pg_backend_pid()")


class Sqlite:
    def __init__(self, url):
        self.path = url.removeprefix("sqlite://")

    def run(self, sql, rows=None):
        with sqlite3.connect(self.path, timeout=30) as db:
            return db.execute(sql).fetchall() if rows is None else db.executemany(sql, rows)

    def owner(self):
        return uuid.UUID(bytes=self.run("SELECT id FROM users WHERE email = '%s'" % EMAIL)[0][0])

    def count(self, owner):
        return self.run("SELECT count(*) FROM books WHERE owner_id = x'%s'" % owner.hex)[0][0]

    def load(self, rows):
        values = ", ".join("?" * len(COLUMNS))
        plain = ((value.bytes if isinstance(value, uuid.UUID) else value for value in row) for row in rows)
        self.run("INSERT INTO books (%s) VALUES (%s)" % (", ".join(COLUMNS), values), map(tuple, plain))

    def tidy(self):
        pass

    def processes(self):
        return []


class Server:
    def __init__(self, program, url):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.environment = {
            **os.environ, "DATABASE_URL": url, "LISTEN": "127.0.0.1:%d" % self.port, "RATE_LIMITS": "off",
            "JWT_SECRETS": secrets.token_hex(32), "RUST_LOG": "warn", "ACCESS_TOKEN_TTL": "6h"}
        self.program = program
        self.process = subprocess.Popen([program, "serve"], env=self.environment)
        self.headers = {"Content-Type": "application/json"}
        for _ in range(200):
            time.sleep(0.05)
            try:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                self.connection.request("GET", "/health/ready")
                response = self.connection.getresponse()
                response.read()
                if response.status == 200:
                    return
            except OSError:
                pass
        raise SystemExit(program + " did not start")

    def ask(self, query, variables):
        body = json.dumps({"query": query, "variables": variables})
        self.connection.request("POST", "/graphql", body, self.headers)
        answer = json.loads(self.connection.getresponse().read())
        if "errors" in answer:
            raise SystemExit(answer["errors"])
        return answer["data"]

    def enter(self):
        """Signs in, or registers the account."""
        login = "mutation($i: LoginInput!) { login(input: $i) { accessToken userErrors { code } } }"
        token = self.ask(login, {"i": {"email": EMAIL, "password": PASSWORD}})["login"]["accessToken"]
        if token is None:
            register = "mutation($i: RegisterInput!) { register(input: $i) { accessToken userErrors { code } } }"
            account = {"username": "large", "email": EMAIL, "password": PASSWORD}
            token = self.ask(register, {"i": account})["register"]["accessToken"]
        self.headers["Authorization"] = "Bearer " + token

    def recount(self):
        subprocess.run([self.program, "recount"], env=self.environment, check=True, capture_output=True)


def cpu(processes):
    """Processor time of processes in milliseconds, without that of threads and workers that have ended."""
    time = 0
    for process in processes:
        for thread in glob.glob("/proc/%s/task/*/schedstat" % process):
            try:
                with open(thread) as stat:
                    time += int(stat.read().split()[0]) / 1e6
            except OSError:
                pass
    return time


def main(url, *programs):
    database = (Sqlite if url.startswith("sqlite:") else Postgres)(url)
    servers = [Server(program, url) for program in programs]
    for server in servers:
        server.enter()
    owner = database.owner()
    if database.count(owner) < BOOKS:
        database.load(books(owner))
        servers[-1].recount()
        database.tidy()
    print("load average %.1f, %.1f, %.1f" % os.getloadavg())
    for name, query, variables in REQUESTS:
        times, used, answers = {}, {}, []
        for server in servers:
            answers = [server.ask(query, variables) for _ in range(3)][-1:] + answers
            times[server], used[server] = [], []
        if any(answer != answers[0] for answer in answers):
            raise SystemExit("different results of " + name)
        for _ in range(ROUNDS):
            for server in servers:
                processes = [server.process.pid, *database.processes()]
                before, start = cpu(processes), time.perf_counter()
                server.ask(query, variables)
                times[server].append((time.perf_counter() - start) * 1_000)
                used[server].append(cpu(processes) - before)
        for server in servers:
            print("%-24s median %6.1f  min %6.1f  cpu min %6.1f  %s" % (
                name, statistics.median(times[server]), min(times[server]), min(used[server]),
                server.program))
    for server in servers:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
