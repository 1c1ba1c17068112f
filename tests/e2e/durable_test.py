"""Artefacts outlive the pods that made them: on a volume, or on the holder's own disk."""

from __future__ import annotations

import os
import unittest

from kube import Object, condition, dig
from small_index import INDEX, SmallIndexTest, changed, make_corpus
from suite import kube_from_environment

CLAIM = "artifacts"
GONE = "http://corpus/gone.jsonl"


class Durable(SmallIndexTest):
    """A static volume, as a cluster without a provisioner has it: a folder of the node."""

    volume: str
    folder: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.volume = f"{cls.kube.namespace}-artifacts"
        cls.folder = f"/var/tmp/{cls.volume}"
        # Kubernetes gives a folder of a node no group (fsGroup): somebody has to let pods write there.
        cls.on_the_node(f"mkdir -p /node{cls.folder} && chmod 0777 /node{cls.folder}")
        cls.addClassCleanup(cls.on_the_node, f"rm -rf /node{cls.folder}")
        cls.addClassCleanup(cls.kube.delete, "pv", cls.volume)
        cls.kube.delete("pv", cls.volume)
        shared = {"accessModes": ["ReadWriteOnce"], "storageClassName": ""}
        cls.kube.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": cls.volume},
                        "spec": {**shared, "capacity": {"storage": "100Mi"}, "hostPath": {"path": cls.folder},
                                 "claimRef": {"namespace": cls.kube.namespace, "name": CLAIM}}})
        cls.kube.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": CLAIM},
                        "spec": {**shared, "resources": {"requests": {"storage": "100Mi"}},
                                 "volumeName": cls.volume}})

    @classmethod
    def on_the_node(cls, command: str) -> None:
        """A shell command as root, with the node's /var under /node/var; in a namespace that allows it."""
        kube = kube_from_environment(f"{cls.kube.namespace}-node")
        kube.make_namespace(restricted=False)
        try:
            kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                "containers": [{"name": "root", "image": os.environ["SLUICE_TOOLS_IMAGE"], "command": ["sh", "-c", command],
                                "volumeMounts": [{"name": "var", "mountPath": "/node/var"}]}],
                "volumes": [{"name": "var", "hostPath": {"path": "/var"}}]}})
            kube.run("wait", "pod/root", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s", timeout=70)
        finally:
            kube.delete_namespace()

    def direct(self, **paths: object) -> Object:
        # Nobody asks queries here, and a rollout would wait for evidence.
        return changed(self.index, spec__changeover="Direct", **paths)

    def durable(self, **paths: object) -> Object:
        return self.direct(spec__artifacts={"type": "PersistentVolumeClaim",
                                            "persistentVolumeClaim": {"claimName": CLAIM}}, **paths)

    def pods(self, component: str) -> list[Object]:
        return self.kube.list("pods", f"sluice.dev/index={INDEX},sluice.dev/component={component}")

    def builders_ever(self) -> int:
        """By their Events, which outlive them."""
        events = self.kube.run("get", "events", "--field-selector", "reason=Scheduled", "-o",
                               "jsonpath={range .items[*]}{.involvedObject.name}{\"\\n\"}{end}")
        return sum(1 for name in events.split() if name.startswith(f"{INDEX}-") and
                   ("-build-" in name or name.endswith("-rebuild")))

    def promote(self, manifest: Object, before: str) -> str:
        self.kube.apply(manifest)
        self.wait("another stable revision", 180, lambda: dig(self.rag(), "status.stableRevision") not in ("", before))
        self.wait("it is served", 60, lambda: condition(self.rag(), "Ready").get("status") == "True")
        return str(dig(self.rag(), "status.stableRevision"))

    def test_all_pods_lost_and_the_source_gone_it_serves_again_from_the_volume(self) -> None:
        self.publish("gone.jsonl", make_corpus()[0])
        source = {"http": {"url": GONE}}
        stable = self.serve(self.durable(spec__source=source))
        self.wait("the artefacts on the volume", 60,
                  lambda: condition(self.rag(), "ArtifactDurable").get("reason") == "Kept")
        self.kube.run("exec", "deploy/corpus", "--", "rm", "/srv/gone.jsonl")
        builders = self.builders_ever()
        self.kube.run("delete", "pods", "-l", f"sluice.dev/index={INDEX}", "--grace-period=0", "--force", timeout=60)
        self.wait("it is noticed", 30, lambda: condition(self.rag(), "Ready").get("status") == "False")
        self.wait("serving again", 120, lambda: condition(self.rag(), "Ready").get("status") == "True")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual(self.builders_ever(), builders)
        self.assertEqual(condition(self.rag(), "ArtifactDurable").get("reason"), "Kept")

    def test_an_ephemeral_index_is_put_on_a_volume_without_a_build_or_a_restart(self) -> None:
        stable = self.serve(self.direct())
        workers = {pod["metadata"]["uid"] for pod in self.pods("worker")}
        builders = self.builders_ever()
        self.assertEqual(condition(self.rag(), "ArtifactDurable").get("reason"), "Ephemeral")
        self.kube.apply(self.durable())
        self.wait("the artefacts on the volume", 90,
                  lambda: condition(self.rag(), "ArtifactDurable").get("status") == "True")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)
        self.assertEqual({pod["metadata"]["uid"] for pod in self.pods("worker")}, workers)
        self.assertEqual(self.builders_ever(), builders)

    def test_going_back_to_a_kept_revision_needs_no_build(self) -> None:
        first = self.serve(self.direct())
        second = self.promote(self.direct(spec__retrieval={"mode": "bm25"}), first)
        self.wait("the holder alone with the first", 120,
                  lambda: self.pods("holder") and not self.kube.get("deployment", first))
        builders = self.builders_ever()
        self.assertEqual(self.promote(self.direct(), second), first)
        self.assertEqual(self.builders_ever(), builders)

    def test_a_claim_that_is_not_there_is_told_and_disturbs_nobody(self) -> None:
        stable = self.serve(self.direct())
        self.kube.apply(self.direct(spec__artifacts={"type": "PersistentVolumeClaim",
                                                     "persistentVolumeClaim": {"claimName": "nowhere"}}))
        self.wait("what is missing", 60,
                  lambda: "nowhere" in condition(self.rag(), "ArtifactDurable").get("message", "")
                  and "not found" in condition(self.rag(), "ArtifactDurable").get("message", ""))
        self.assertEqual(condition(self.rag(), "ArtifactDurable").get("status"), "False")
        self.assertEqual(condition(self.rag(), "Ready").get("status"), "True")
        self.assertEqual(dig(self.rag(), "status.stableRevision"), stable)


if __name__ == "__main__":
    unittest.main()
