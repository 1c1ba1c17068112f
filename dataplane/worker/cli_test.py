#!/usr/bin/env python3
"""Usage: cli_test.py SLUICE_WORKER

The program as people and pods run it: exit codes by cause, build to serve, the three cluster roles, drain on
SIGTERM. Needs nothing but loopback.
"""

import base64
import functools
import gzip
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

WORKER = sys.argv.pop(1)
DEADLINE = 30


def documents(count=50):
    lines = []
    for n in range(count):
        lines.append(json.dumps({"_id": f"d{n}", "title": f"Title {n}", "text": f"the cat number{n} sat here",
                                 "metadata": {"section": "even" if n % 2 == 0 else "odd"}}))
    return "\n".join(lines) + "\n"


def golden():
    return "".join(json.dumps({"id": f"q{n}", "query": f"number{n}", "relevant": {f"d{n}": 1}}) + "\n"
                   for n in range(10))


def spec(url):
    return {"source": {"http": {"url": url + "/corpus.jsonl.gz"}},
            "documents": {"metadata": [{"name": "section", "type": "keyword"}]},
            "retrieval": {"mode": "bm25"},
            "evaluation": {"goldenSet": {"http": {"url": url + "/golden.jsonl"}}}}


def fetch(url, body=None, token=None):
    """Status, headers and body, also for errors."""
    data = None if body is None else json.dumps(body).encode()
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        request = urllib.request.Request(url, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Process:
    """A worker that serves; its port is read from its log or given."""

    def __init__(self, *arguments):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        if arguments[0] == "serve" and "--drain-delay" not in arguments:
            arguments = (*arguments, "--drain-delay", "0s")
        self.process = subprocess.Popen(
            [WORKER, *arguments, "--address", "127.0.0.1", "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_ready(self):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.process.stderr.read()}")
            try:
                if fetch(self.url + "/ready")[0] == 200:
                    return
            except OSError:
                pass
            threading.Event().wait(0.02)
        raise AssertionError("not ready in time")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)
        return self.process.returncode


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(*arguments):
    done = subprocess.run([WORKER, *arguments], capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr


class Worker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.site_folder = cls.path("site")
        os.mkdir(cls.site_folder)
        with open(f"{cls.site_folder}/corpus.jsonl.gz", "wb") as file:
            file.write(gzip.compress(documents().encode(), mtime=0))
        for name, text in (("golden.jsonl", golden()), ("corpus.jsonl", documents())):
            with open(f"{cls.site_folder}/{name}", "w") as file:
                file.write(text)
        handler = functools.partial(QuietHandler, directory=cls.site_folder)
        cls.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=cls.site.serve_forever, daemon=True).start()
        cls.site_url = f"http://127.0.0.1:{cls.site.server_address[1]}"
        with open(cls.path("index.yaml"), "w") as file:
            json.dump({"apiVersion": "sluice.dev/v1alpha1", "kind": "RagIndex", "metadata": {"name": "x"},
                       "spec": spec(cls.site_url)}, file)

    @classmethod
    def tearDownClass(cls):
        cls.site.shutdown()
        cls.site.server_close()
        cls.folder.cleanup()

    @classmethod
    def path(cls, name):
        return os.path.join(cls.folder.name, name)

    def build(self, out):
        code, stdout, stderr = run("build", "--spec", self.path("index.yaml"), "--out", out)
        self.assertEqual(code, 0, stderr)
        return json.loads(stdout)

    def test_build_and_evaluate(self):
        summary = self.build(self.path("a.idx"))
        self.assertEqual(summary["documents"], 50)
        self.assertEqual(summary["evaluation"]["ndcgAt10"], 1.0)
        again = self.build(self.path("b.idx"))
        self.assertEqual(summary["indexDigest"], again["indexDigest"])
        code, stdout, _ = run("evaluate", "--index", self.path("a.idx"), "--golden",
                              f"{self.site_folder}/golden.jsonl", "--json")
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(stdout)["ndcgAt10"], 1.0)
        self.assertEqual([n for n in os.listdir(self.folder.name) if "partial" in n or "documents" in n], [])

    def test_exit_codes_name_the_cause(self):
        index = self.path("codes.idx")
        self.build(index)
        with open(self.path("bad.yaml"), "w") as file:
            file.write("kind: RagIndex\nspec: {source: {http: {url: 'http://x/'}}, retrieval: {mode: magic}}\n")
        with open(self.path("bad.jsonl"), "w") as file:
            file.write("nonsense\n" * 30)
        with open(self.path("bad.idx"), "wb") as file:
            with open(index, "rb") as good:
                file.write(good.read()[:-100])
        yaml = self.path("index.yaml")
        queries = ["--golden", f"{self.site_folder}/golden.jsonl"]
        cases = [
            (0, ["--help"], None),
            (0, ["serve", "--help"], None),
            (2, [], "VERB"),
            (2, ["dance"], "unknown verb"),
            (2, ["build", "--spek", "x"], "spek"),
            (2, ["build"], "needs --spec"),
            (2, ["serve", "--index", index, "--port", "70000"], "--port"),
            (2, ["serve", "--index", index, "--data-dir", "x", "--index-digest", "0" * 64], "either"),
            (3, ["build", "--spec", self.path("bad.yaml"), "--out", self.path("x")], "mode"),
            (3, ["build", "--spec", self.path("none.yaml"), "--out", self.path("x")], "none.yaml"),
            (5, ["build", "--spec", yaml, "--corpus", self.path("bad.jsonl"), "--out", self.path("x")], "lines are bad"),
            (5, ["build", "--spec", yaml, "--corpus", self.path("none.jsonl"), "--out", self.path("x")], "none.jsonl"),
            (6, ["build", "--spec", yaml, "--out", "/proc/none/x"], "/proc/none"),
            (7, ["evaluate", "--index", self.path("bad.idx"), *queries], "truncated"),
            (7, ["serve", "--index", self.path("bad.idx"), "--address", "127.0.0.1", "--port", "0"], "truncated"),
            (7, ["evaluate", "--index", yaml, *queries], "not a Sluice index"),
            (8, ["evaluate", "--index", index, "--golden", self.path("bad.jsonl")], "line 1"),
            (4, ["fetch", "--data-dir", self.folder.name, "--from", self.site_url, "--artifact", "0" * 64,
                 "--timeout", "1ms"], "could not be fetched"),
        ]
        for code, arguments, message in cases:
            with self.subTest(arguments=arguments):
                got, stdout, stderr = run(*arguments)
                self.assertEqual(got, code, stderr)
                if message:
                    self.assertIn(message, stderr)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_serve_answers_and_drains(self):
        index = self.path("serve.idx")
        self.build(index)
        with Process("serve", "--index", index, "--revision", "r-7") as worker:
            worker.wait_ready()
            status, headers, body = fetch(worker.url + "/query",
                                          {"query": "cat", "top_k": 3, "filter": {"section": "odd"}})
            self.assertEqual(status, 200)
            answer = json.loads(body)
            self.assertEqual(answer["revision"], "r-7")
            self.assertEqual([hit["id"] for hit in answer["hits"]], ["d1", "d3", "d5"])
            self.assertEqual(answer["hits"][0]["metadata"], {"section": "odd"})
            self.assertEqual(len(base64.b64decode(headers["X-Sluice-Hits"])), 24)
            self.assertEqual(headers["X-Sluice-Revision"], "r-7")
            self.assertEqual(fetch(worker.url + "/query", {"query": ""})[0], 400)
            self.assertEqual(fetch(worker.url + "/query")[0], 405)
            self.assertEqual(fetch(worker.url + "/health")[0], 200)
            self.assertEqual(fetch(worker.url + "/evaluation")[0], 404)
            self.assertEqual(json.loads(fetch(worker.url + "/manifest")[2])["documents"], 50)
            self.assertIn(b'sluice_worker_queries_total{code="200",revision="r-7"} 1',
                          fetch(worker.url + "/metrics")[2])
            self.assertEqual(worker.stop(), 0)

    def test_serve_evaluates_again_on_another_golden_set(self):
        index = self.path("again.idx")
        self.build(index)
        with open(f"{self.site_folder}/golden-2.jsonl", "w") as file:
            file.write(golden().replace('{"d0": 1}', '{"d0": 1, "d1": 1}'))
        with Process("serve", "--index", index) as worker:
            worker.wait_ready()
            self.assertEqual(fetch(worker.url + "/evaluate")[0], 404)
            self.assertEqual(fetch(worker.url + "/evaluate", {"url": "file:///etc/passwd"})[0], 400)
            self.assertEqual(fetch(worker.url + "/evaluate", {"lines": "x" * 70000})[0], 413)
            status, _, body = fetch(worker.url + "/evaluate", {"url": self.site_url + "/golden-2.jsonl"})
            self.assertEqual(status, 202)
            job = self.end_of_job(worker)
            self.assertEqual((job["state"], job["id"]), ("Done", json.loads(body)["id"]))
            self.assertEqual(len(job["results"]["ids"]), 10)
            self.assertLess(job["summary"]["ndcgAt10"], 1.0)
            self.assertEqual(fetch(worker.url + "/query", {"query": "cat"})[0], 200)
            fetch(worker.url + "/evaluate", {"url": self.site_url + "/none.jsonl"})
            job = self.end_of_job(worker)
            self.assertEqual(job["state"], "Failed")
            self.assertIn("HTTP 404", job["message"])
            self.assertIn(b'sluice_worker_evaluations_total{result="failed"} 1', fetch(worker.url + "/metrics")[2])
            self.assertEqual(worker.stop(), 0)

    def test_serve_asks_for_the_token_where_it_gives_more_than_answers(self):
        index = self.path("token.idx")
        self.build(index)
        with open(self.path("token"), "w") as file:
            file.write("s3cret")
        with Process("serve", "--index", index, "--token-file", self.path("token")) as worker:
            worker.wait_ready()
            for path in ("/evaluate", "/artifacts/sha256:" + "0" * 64):
                self.assertEqual(fetch(worker.url + path)[0], 401)
                self.assertEqual(fetch(worker.url + path, token="s3cret")[0], 404)
            self.assertEqual(fetch(worker.url + "/evaluate", {"lines": "{}"})[0], 401)
            self.assertEqual(fetch(worker.url + "/query", {"query": "cat"})[0], 200)
            self.assertEqual(worker.stop(), 0)

    def end_of_job(self, worker):
        end = time.monotonic() + DEADLINE
        job = {}
        while job.get("state", "Running") == "Running" and time.monotonic() < end:
            job = json.loads(fetch(worker.url + "/evaluate")[2])
        return job

    def test_serve_is_unready_but_answers_while_it_drains(self):
        index = self.path("drain.idx")
        self.build(index)
        with Process("serve", "--index", index, "--drain-delay", "20s") as worker:
            worker.wait_ready()
            worker.process.send_signal(signal.SIGTERM)
            end = time.monotonic() + DEADLINE
            while fetch(worker.url + "/ready")[0] == 200 and time.monotonic() < end:
                pass
            self.assertEqual(fetch(worker.url + "/ready")[0], 503)
            status, headers, _ = fetch(worker.url + "/query", {"query": "cat"})
            self.assertEqual((status, headers["Connection"]), (200, "close"))
            self.assertEqual(worker.stop(), 0)  # A second signal: no more waiting.

    def test_builder_hands_over_to_workers_and_they_to_their_peers(self):
        built = self.path("built")
        os.mkdir(built)
        with Process("builder", "--spec-json", json.dumps(spec(self.site_url)), "--data-dir", built) as builder:
            builder.wait_ready()
            report = json.loads(fetch(builder.url + "/report")[2])
            self.assertEqual(report["phase"], "Ready")
            facts = report["facts"]
            self.assertEqual(facts["documents"], 50)
            self.assertEqual(facts["evaluation"]["queries"], 10)
            results = json.loads(fetch(builder.url + "/evaluation")[2])
            self.assertEqual(results["ndcgAt10"], [1] * 10)
            digests = [facts["indexDigest"], facts["evaluationDigest"], facts["documentsDigest"]]
            first = self.fetch_from(builder.url, "first", digests)
            self.assertEqual(fetch(builder.url + "/artifacts/sha256:" + "0" * 64)[0], 404)
            self.assertEqual(fetch(builder.url + "/artifacts/..%2fgolden.jsonl")[0], 404)
            self.assertEqual(builder.stop(), 0)
        with Process("serve", "--data-dir", first, "--index-digest", digests[0], "--evaluation-digest", digests[1],
                     "--revision", "r-1") as worker:
            worker.wait_ready()
            self.assertEqual(json.loads(fetch(worker.url + "/evaluation")[2]), results)
            self.fetch_from(worker.url, "second", digests)
            self.assertEqual(worker.stop(), 0)
        with open(os.path.join(first, digests[0]), "r+b") as file:
            file.seek(3000)
            file.write(b"\xff\x00")
        code, _, stderr = run("serve", "--data-dir", first, "--index-digest", digests[0], "--port", "0")
        self.assertEqual(code, 7, stderr)

    def fetch_from(self, url, name, digests):
        folder = self.path(name)
        os.mkdir(folder)
        code, _, stderr = run("fetch", "--data-dir", folder, "--from", url,
                              *[word for digest in digests for word in ("--artifact", digest)])
        self.assertEqual(code, 0, stderr)
        self.assertEqual(sorted(os.listdir(folder)), sorted(digests))
        return folder

    def test_holders_keep_artifacts_on_a_volume_and_hand_them_out_when_nobody_else_has_them(self):
        built, volume = self.path("to-keep"), self.path("volume/packages")
        os.mkdir(built)
        with Process("builder", "--spec-json", json.dumps(spec(self.site_url)), "--data-dir", built) as builder:
            builder.wait_ready()
            facts = json.loads(fetch(builder.url + "/report")[2])["facts"]
            digests = [facts["indexDigest"], facts["evaluationDigest"], facts["documentsDigest"]]
            wanted = [word for digest in digests for word in ("--artifact", digest)]
            # Two at once in one folder, as on a volume that two pods share for a moment.
            both = [Process("holder", "--data-dir", volume, "--from", builder.url, *wanted) for _ in range(2)]
            for holder in both:
                with holder:
                    holder.wait_ready()
                    report = json.loads(fetch(holder.url + "/report")[2])
                    self.assertEqual((report["phase"], sorted(report["held"])), ("Ready", sorted(digests)))
                    self.assertEqual(holder.stop(), 0)
            self.assertEqual(builder.stop(), 0)
        self.assertEqual(sorted(os.listdir(volume)), sorted(digests))
        # A half file of a killed holder, a flipped bit, and a stranger's file; and nobody to ask.
        with open(os.path.join(volume, digests[1]), "r+b") as file:
            file.truncate(10)
        for name in ("notes.txt", "f" * 64):
            with open(os.path.join(volume, name), "w", encoding="utf-8") as file:
                file.write(name)
        with Process("holder", "--data-dir", volume, "--from", "http://127.0.0.1:1", "--timeout", "10ms",
                     *wanted) as holder:
            holder.wait_ready()
            report = json.loads(fetch(holder.url + "/report")[2])
            self.assertEqual(sorted(report["held"]), sorted([digests[0], digests[2]]))
            self.assertIn(digests[1], report["message"])
            self.fetch_from(holder.url, "from-volume", [digests[0], digests[2]])
            self.assertEqual(holder.stop(), 0)
        self.assertIn("notes.txt", os.listdir(volume))
        self.assertNotIn("f" * 64, os.listdir(volume))

    def test_a_holder_without_a_folder_is_ready_and_says_what_is_wrong(self):
        if os.geteuid() == 0:
            blocked = self.path("a-file")
            with open(blocked, "w", encoding="utf-8"):
                pass
            blocked += "/packages"
        else:
            blocked = "/proc/packages"
        with Process("holder", "--data-dir", blocked, "--timeout", "1ms", "--artifact", "0" * 64) as holder:
            holder.wait_ready()
            report = json.loads(fetch(holder.url + "/report")[2])
            self.assertNotIn("held", [key for key, value in report.items() if value])
            self.assertIn("cannot make the folder", report["message"])
            self.assertEqual(holder.stop(), 0)

    def test_builder_fails_with_the_cause(self):
        folder = self.path("failed")
        os.mkdir(folder)
        bad_source = spec("http://127.0.0.1:1")
        code, _, stderr = run("builder", "--spec-json", json.dumps(bad_source), "--data-dir", folder, "--port", "0",
                              "--address", "127.0.0.1", "--source-timeout", "1ms")
        self.assertEqual(code, 4, stderr)
        self.assertIn("127.0.0.1:1", stderr)
        wrong_fields = spec(self.site_url)
        wrong_fields["documents"]["fields"] = {"title": "none", "text": "none"}
        code, _, stderr = run("builder", "--spec-json", json.dumps(wrong_fields), "--data-dir", folder, "--port", "0",
                              "--address", "127.0.0.1")
        self.assertEqual(code, 5, stderr)
        self.assertIn('neither "none" nor "none" has any text', stderr)
        code, _, stderr = run("builder", "--spec-json", '{"source": {}}', "--data-dir", folder)
        self.assertEqual(code, 3, stderr)

    def test_builder_that_finds_known_documents_ends_and_others_it_builds(self):
        with open(f"{self.site_folder}/corpus.jsonl.gz", "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        folder = self.path("known")
        os.mkdir(folder)
        common = ("builder", "--spec-json", json.dumps(spec(self.site_url)), "--data-dir", folder)
        code, _, stderr = run(*common, "--port", "0", "--address", "127.0.0.1",
                              "--unless-digest", "0" * 64, "--unless-digest", digest)
        self.assertEqual(code, 0, stderr)
        self.assertIn(f"Unchanged sha256:{digest}", stderr)
        self.assertEqual(os.listdir(folder), [digest])  # Nothing was built.
        with Process(*common, "--unless-digest", "0" * 64) as builder:
            builder.wait_ready()
            self.assertEqual(json.loads(fetch(builder.url + "/report")[2])["facts"]["documentsDigest"], digest)
        code, _, stderr = run(*common, "--unless-digest", "beef")
        self.assertEqual(code, 2, stderr)
        self.assertIn("--unless-digest", stderr)

    def test_what_new_documents_lack_of_the_golden_set_counts_as_not_found(self):
        folder = self.path("fewer")
        os.mkdir(folder)
        os.mkdir(f"{self.site_folder}/fewer")
        with open(f"{self.site_folder}/fewer/corpus.jsonl.gz", "wb") as file:  # Five of ten judged ones.
            file.write(gzip.compress(documents(5).encode(), mtime=0))
        with open(f"{self.site_folder}/fewer/golden.jsonl", "w") as file:
            file.write(golden())
        common = ("builder", "--spec-json", json.dumps(spec(self.site_url + "/fewer")), "--data-dir", folder)
        code, _, stderr = run(*common, "--port", "0", "--address", "127.0.0.1")
        self.assertEqual(code, 8, stderr)
        with Process(*common, "--unless-digest", "0" * 64) as builder:
            builder.wait_ready()
            evaluation = json.loads(fetch(builder.url + "/report")[2])["facts"]["evaluation"]
            self.assertEqual((evaluation["queries"], evaluation["ndcgAt10"]), (10, 0.5))

    def words(self, text):
        """Words at a URL of their own, and their sha256."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        with open(f"{self.site_folder}/{digest}.json", "w") as file:
            file.write(text)
        return f"{self.site_url}/{digest}.json", digest

    def test_builder_puts_the_analyzers_words_into_the_index_and_keeps_them(self):
        text = '{"synonyms": [{"from": ["feline"], "to": "cat"}], "stopWords": []}'
        url, digest = self.words(text)
        common = ("builder", "--spec-json", json.dumps(spec(self.site_url)), "--analyzer-digest", digest)
        indexes = []
        for name, source in (("words-json", ("--analyzer-json", text)), ("words-url", ("--analyzer-url", url))):
            folder = self.path(name)
            os.mkdir(folder)
            with Process(*common, *source, "--data-dir", folder) as builder:
                builder.wait_ready()
                facts = json.loads(fetch(builder.url + "/report")[2])["facts"]
                self.assertEqual(json.loads(fetch(builder.url + "/manifest")[2])["analyzerDigest"], digest)
                self.assertEqual(fetch(f"{builder.url}/artifacts/sha256:{digest}")[2], text.encode())
                if name == "words-url":  # Another builder finds them there, though their URL is gone.
                    other = self.path("words-holder")
                    os.mkdir(other)
                    with Process(*common, "--analyzer-url", "http://127.0.0.1:1/none", "--documents-from", builder.url,
                                 "--data-dir", other) as second:
                        second.wait_ready()
            indexes.append(facts["indexDigest"])
        self.assertEqual(indexes[0], indexes[1])
        with Process("serve", "--data-dir", folder, "--index-digest", indexes[0]) as worker:
            worker.wait_ready()
            hits = [json.loads(fetch(worker.url + "/query", {"query": query})[2])["hits"] for query in ("cat", "feline")]
            self.assertTrue(hits[0])
            self.assertEqual(hits[0], hits[1])

    def test_builder_refuses_words_that_are_wrong(self):
        _, digest = self.words("{}")
        bad, bad_digest = self.words('{"stopWords": ["new york"]}')
        for number, (expected, arguments, message) in enumerate((
                (2, ("--analyzer-digest", "x"), "--analyzer-digest"),
                (3, ("--analyzer-digest", bad_digest, "--analyzer-url", bad), "new york"),
                (7, ("--analyzer-digest", digest, "--analyzer-url", bad), "as pinned"),
                (7, ("--analyzer-digest", digest, "--analyzer-json", "{ }"), digest),
                (4, ("--analyzer-digest", digest, "--analyzer-url", "http://127.0.0.1:1/x"), "127.0.0.1:1"))):
            folder = self.path(f"bad-words-{number}")
            os.mkdir(folder)
            code, _, stderr = run("builder", "--spec-json", json.dumps(spec(self.site_url)), "--data-dir", folder, "--port",
                                  "0", "--address", "127.0.0.1", "--source-timeout", "1ms", *arguments)
            self.assertEqual(code, expected, stderr)
            self.assertIn(message, stderr)

    def test_build_takes_words_from_a_file(self):
        for name, text in (("good.json", '{"stopWords": ["cat"]}'), ("bad.json", '{"stopWords": [7]}')):
            with open(self.path(name), "w") as file:
                file.write(text)
        plain = self.build(self.path("plain.idx"))
        code, stdout, stderr = run("build", "--spec", self.path("index.yaml"), "--analyzer", self.path("good.json"), "--out",
                                   self.path("words.idx"))
        self.assertEqual(code, 0, stderr)
        self.assertNotEqual(json.loads(stdout)["indexDigest"], plain["indexDigest"])
        code, _, stderr = run("build", "--spec", self.path("index.yaml"), "--analyzer", self.path("bad.json"), "--out",
                              self.path("x"))
        self.assertEqual((code, ".stopWords[0]" in stderr), (3, True), stderr)

    def test_drill_fails_about_its_share(self):
        index = self.path("drill.idx")
        self.build(index)
        with Process("serve", "--index", index, "--drill-error-rate", "20%", "--seed", "3") as worker:
            worker.wait_ready()
            statuses = [fetch(worker.url + "/query", {"query": "cat"})[0] for _ in range(300)]
            self.assertGreater(statuses.count(500), 30)
            self.assertLess(statuses.count(500), 90)
            self.assertEqual(statuses.count(500) + statuses.count(200), 300)
            self.assertEqual(fetch(worker.url + "/health")[0], 200)
            self.assertEqual(worker.stop(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
