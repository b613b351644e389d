"""Measures imports of 10,000 and of 100,000 books, and compares them with the fastest insert of the same rows.

Starts the given program on the database, which must be empty. In each round a new account imports a file over the API,
and then the rows that this has written are copied to another account: on PostgreSQL by `COPY`, on SQLite by one
transaction of prepared inserts. Both write the same rows with the same indexes, so that the ratio of one run is meaningful
on a busy machine. PostgreSQL needs `psql`.

    createdb import
    python3 benches/import.py postgres://localhost/import BOOKSHELF [ROWS ...]
    python3 benches/import.py sqlite:///tmp/import.db BOOKSHELF [ROWS ...]

Prints the median times in seconds, their ratio, and the highest memory of the server above that before the import, in MiB
(Linux only).
"""
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
import tempfile
import threading
import time

ROUNDS = 3
PASSWORD = "a long passphrase of the benchmark"
BOUNDARY = "import-benchmark"
WORDS = (
    "ash river stone winter garden silent letter city glass bright hidden road harbour night paper orchard "
    "empire small distant thunder copper island memory clock dust mountain daughter salt lantern broken wild"
).split()
HEADER = "Title,Author,ISBN,Rating,Status,Finished On,Publisher,Published Year,Page Count,Tags,Notes,Created At"


def isbn(number):
    digits = "978%09d" % number
    total = sum(int(digit) * (1, 3)[index % 2] for index, digit in enumerate(digits))
    return digits + str(-total % 10)


def make_file(rows):
    """A file of books with all values that most exports have; every third book has notes of 300 characters."""
    source = random.Random(rows)
    lines = [HEADER]
    for number in range(rows):
        title = " ".join(source.choices(WORDS, k=4)).capitalize() + " %d" % number
        author = " ".join(source.choices(WORDS, k=2)).title()
        notes = " ".join(source.choices(WORDS, k=50)) if number % 3 == 0 else ""
        day = "20%02d-%02d-%02d" % (10 + number % 15, number % 12 + 1, number % 28 + 1)
        lines.append(",".join([
            title, author, isbn(number), str(number % 5 + 1), "READ", day, "Publisher %d" % (number % 200),
            str(1900 + number % 120), str(100 + number % 700), '"fiction, tag %d"' % (number % 30), notes, day,
        ]))
    return "\n".join(lines) + "\n"


class Server:
    def __init__(self, program, database):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            **os.environ, "DATABASE_URL": database, "LISTEN": "127.0.0.1:%d" % self.port,
            "JWT_SECRETS": secrets.token_hex(32), "RATE_LIMITS": "off", "BCRYPT_COST": "10", "RUST_LOG": "error",
        }
        self.process = subprocess.Popen([program, "serve"], env=environment, stdout=subprocess.DEVNULL)
        while True:
            try:
                self.request("GET", "/health/ready", None, {})
                break
            except OSError:
                time.sleep(0.05)

    def request(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, body, headers)
        response = connection.getresponse().read()
        connection.close()
        return response

    def graphql(self, query, variables, token=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = "Bearer " + token
        body = json.dumps({"query": query, "variables": variables})
        response = json.loads(self.request("POST", "/graphql", body, headers))
        if "errors" in response:
            raise SystemExit(response)
        return response["data"]

    def register(self):
        name = "user%s" % secrets.token_hex(6)
        query = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }"
        account = {"username": name, "email": name + "@example.org", "password": PASSWORD}
        return name, self.graphql(query, {"input": account})["register"]["accessToken"]

    def import_file(self, token, content):
        query = "mutation($input: ImportBooksInput!) {" \
            " importBooks(input: $input) { job { id } userErrors { message } } }"
        parts = [
            ("operations", json.dumps({"query": query, "variables": {"input": {"file": None}}})),
            ("map", json.dumps({"0": ["variables.input.file"]})), ("0", content),
        ]
        body = "".join(
            "--%s\r\ncontent-disposition: form-data; name=\"%s\"; filename=\"f\"\r\n\r\n%s\r\n" % (BOUNDARY, *part)
            for part in parts) + "--%s--\r\n" % BOUNDARY
        headers = {
            "content-type": "multipart/form-data; boundary=" + BOUNDARY, "authorization": "Bearer " + token,
            "apollo-require-preflight": "true",
        }
        started = json.loads(self.request("POST", "/graphql", body.encode(), headers))
        job = started["data"]["importBooks"]["job"]
        if not job:
            raise SystemExit(started)
        query = "query($id: ID!) { importJob(id: $id) { state created total } }"
        while True:
            state = self.graphql(query, {"id": job["id"]}, token)["importJob"]
            if state["state"] != "RUNNING":
                if state["created"] != state["total"]:
                    raise SystemExit(state)
                return
            time.sleep(0.01)

    def memory(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()


class PeakMemory(threading.Thread):
    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.before, self.peak, self.done = server, server.memory(), 0, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.005):
            self.peak = max(self.peak, self.server.memory())

    def above_idle(self):
        self.done.set()
        self.join()
        return self.peak - self.before


def psql(database, sql):
    command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def copy_postgres(database, source, target):
    """The time to copy the books of an account to another one."""
    columns = psql(database, "SELECT string_agg(column_name, ', ' ORDER BY ordinal_position)"
                             " FROM information_schema.columns WHERE table_name = 'books'")
    owner = "(SELECT id FROM users WHERE username = '%s')" % source
    other = psql(database, "SELECT id FROM users WHERE username = '%s'" % target)
    values = columns.replace("owner_id", "'%s'::uuid" % other, 1)
    with tempfile.NamedTemporaryFile("w", suffix=".copy") as file:
        os.chmod(file.name, 0o666)
        rows = psql(database, "COPY (SELECT %s FROM books WHERE owner_id = %s) TO STDOUT" % (values, owner))
        file.write(rows + "\n")
        file.flush()
        start = time.perf_counter()
        psql(database, "\\copy books (%s) FROM '%s'" % (columns, file.name))
        return time.perf_counter() - start


def copy_sqlite(database, source, target):
    connection = sqlite3.connect(database.removeprefix("sqlite://"), isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    ids = {name: connection.execute("SELECT id FROM users WHERE username = ?", (name,)).fetchone()[0]
           for name in (source, target)}
    cursor = connection.execute("SELECT * FROM books WHERE owner_id = ? ORDER BY id", (ids[source],))
    names = [column[0] for column in cursor.description]
    owner = names.index("owner_id")
    rows = [row[:owner] + (ids[target],) + row[owner + 1:] for row in cursor]
    random.Random(1).shuffle(rows)
    insert = "INSERT INTO books (%s) VALUES (%s)" % (", ".join(names), ", ".join("?" * len(names)))
    start = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(insert, rows)
    connection.execute("COMMIT")
    elapsed = time.perf_counter() - start
    connection.close()
    return elapsed


def main():
    database, program = sys.argv[1:3]
    sizes = [int(size) for size in sys.argv[3:]] or [10_000, 100_000]
    copy = copy_sqlite if database.startswith("sqlite") else copy_postgres
    server = Server(program, database)
    try:
        server.import_file(server.register()[1], make_file(100))
        print("%8s %8s %8s %6s %8s" % ("rows", "import", "insert", "ratio", "MiB"))
        for size in sizes:
            content, times, copies, peaks = make_file(size), [], [], []
            for _ in range(ROUNDS):
                (source, token), (target, _) = server.register(), server.register()
                peak = PeakMemory(server)
                start = time.perf_counter()
                server.import_file(token, content)
                times.append(time.perf_counter() - start)
                peaks.append(peak.above_idle())
                copies.append(copy(database, source, target))
            times, copies = statistics.median(times), statistics.median(copies)
            print("%8d %8.2f %8.2f %6.2f %8.1f" % (size, times, copies, times / copies, max(peaks)))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
