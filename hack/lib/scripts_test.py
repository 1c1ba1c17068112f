#!/usr/bin/env python3
"""Tests of the Python in hack/, with the standard library only: python3 hack/lib/scripts_test.py"""

import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True  # The scripts have no suffix: a cached copy would lie beside them.
HACK = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def load(path):
    loader = importlib.machinery.SourceFileLoader("loaded", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("loaded", loader))
    loader.exec_module(module)
    return module


corpus = load(os.path.join(HACK, "corpus"))

LONG = "A description that is long enough to be kept, because it has more than eighty characters in it"


def package(name, summary="a tool of some kind", source=None, text=LONG, section="utils"):
    """One package as (Packages paragraph, Translation paragraph)."""
    source_line = f"Source: {source}\n" if source else ""
    return (f"Package: {name}\n{source_line}Section: {section}\nDescription-md5: {name}\n",
            f"Package: {name}\nDescription-md5: {name}\nDescription-en: {summary}\n {text} ({name})\n")


def documents_of(packages):
    texts = {"Packages": "\n".join(part[0] for part in packages), "Translations": "\n".join(part[1] for part in packages)}
    with mock.patch.object(corpus, "target_files", lambda kind: [kind]), \
            mock.patch.object(corpus, "read_list", texts.__getitem__):
        return corpus.make_documents()


class Corpus(unittest.TestCase):
    def test_long_text_joins_words_and_keeps_paragraphs(self):
        lines = ["First line", "goes on.", ".", "Second", " * a point", " * another", "end"]
        self.assertEqual(corpus.long_text(lines), "First line goes on.\nSecond\n* a point\n* another\nend")

    def test_one_document_a_source_preferably_of_its_own_name(self):
        documents = documents_of([package("aa-data", source="zz"), package("zz", source="zz (1.2)"), package("mm", source="nn"),
                                  package("ll", source="nn")])
        self.assertEqual([document["_id"] for document in documents], ["ll", "zz"])

    def test_short_descriptions_and_exact_duplicates_are_dropped(self):
        twin = package("twin")
        same_text = (twin[0].replace("twin", "copy"), twin[1].replace("twin", "copy").replace("(copy)", "(twin)"))
        documents = documents_of([twin, same_text, package("short", text="too short")])
        self.assertEqual([document["_id"] for document in documents], ["copy"])

    def test_the_summary_is_a_field_of_its_own(self):
        document = documents_of([package("aa", summary="finds  things", section="contrib/misc")])[0]
        self.assertEqual(document, {"_id": "aa", "title": "aa", "text": LONG + " (aa)", "summary": "finds things",
                                    "metadata": {"section": "misc"}})

    def test_queries_are_unambiguous_and_do_not_depend_on_other_documents(self):
        packages = [package(name, summary=f"finds things like {name}") for name in "abcdefgh"]
        packages += [package("x", summary="the same words"), package("y", summary="The Same words"), package("z", summary="two words")]
        queries = corpus.choose_queries(documents_of(packages), 100)
        self.assertEqual(sorted(query[2] for query in queries), list("abcdefgh"))
        without_a = corpus.choose_queries(documents_of(packages[1:]), 100)
        self.assertEqual([query[2] for query in queries if query[2] != "a"], [query[2] for query in without_a])


class OciImage(unittest.TestCase):
    def image(self, folder, *options):
        command = [sys.executable, os.path.join(HACK, "lib", "oci_image.py"), "--rootfs", folder, *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def folder(self, content="hello"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.mkdir(os.path.join(folder.name, "etc"))
        with open(os.path.join(folder.name, "etc", "motd"), "w", encoding="utf-8") as file:
            file.write(content)
        os.symlink("etc/motd", os.path.join(folder.name, "link"))
        return folder.name

    def test_the_same_content_has_the_same_id_whenever_it_was_written(self):
        first, second = self.folder(), self.folder()
        os.utime(os.path.join(second, "etc", "motd"), (1, 1))
        self.assertEqual(self.image(first).stdout, self.image(second).stdout)

    def test_content_mode_and_user_change_the_id(self):
        executable = self.folder()
        os.chmod(os.path.join(executable, "etc", "motd"), 0o755)
        ids = [self.image(self.folder()).stdout, self.image(self.folder("hallo")).stdout, self.image(executable).stdout,
               self.image(self.folder(), "--user", "1:1").stdout]
        self.assertEqual(len(set(ids)), 4)

    def test_the_archive_names_the_image_and_holds_the_id_as_its_configuration(self):
        folder = self.folder()
        archive = os.path.join(folder, "..", os.path.basename(folder) + ".tar")
        self.addCleanup(os.remove, archive)
        image_id = self.image(folder, "--name", "localhost/x:1", "--out", archive).stdout.strip()
        with tarfile.open(archive) as tar:
            entry = json.load(tar.extractfile("index.json"))["manifests"][0]
            manifest = json.load(tar.extractfile("blobs/sha256/" + entry["digest"].removeprefix("sha256:")))
        self.assertEqual(entry["annotations"]["io.containerd.image.name"], "localhost/x:1")
        self.assertEqual(manifest["config"]["digest"], "sha256:" + image_id)

    def test_what_is_neither_file_nor_folder_is_refused(self):
        folder = self.folder()
        os.mkfifo(os.path.join(folder, "pipe"))
        result = self.image(folder)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("pipe", result.stderr)


if __name__ == "__main__":
    unittest.main()
