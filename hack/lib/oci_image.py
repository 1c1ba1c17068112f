#!/usr/bin/env python3
"""Makes a container image (an OCI archive) from a folder, without Docker and without root.

The same files give the same bytes on every machine: names are sorted, times are 0, everything belongs
to root, and nothing is compressed, so that no version of zlib can make a difference. The image's id is the
SHA-256 of its configuration, which names the SHA-256 of its layer: content and nothing else.
"""

import argparse
import hashlib
import io
import json
import os
import stat
import sys
import tarfile

BLOCK_BYTES = 1 << 20


class HashingFile:
    """Writes through to a file (or nowhere) and hashes what passes."""

    def __init__(self, file):
        self.file, self.sha256, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self.sha256.update(data)
        self.size += len(data)
        return self.file.write(data) if self.file else len(data)

    def tell(self):
        return self.size


def write_layer(rootfs, out):
    """Writes the folder's content as one tar stream: sorted, timeless, root's."""
    names = []
    for folder, folders, files in os.walk(rootfs):
        folders.sort()
        names += [os.path.join(folder, name) for name in folders + files]
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(names):
            status = os.lstat(name)
            entry = tarfile.TarInfo(os.path.relpath(name, rootfs))
            entry.mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, os.readlink(name), 0o777
                tar.addfile(entry)
            elif stat.S_ISDIR(status.st_mode):
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            elif stat.S_ISREG(status.st_mode):
                entry.size = status.st_size
                with open(name, "rb") as file:
                    tar.addfile(entry, file)
            else:
                sys.exit(f"oci_image.py: {name} is neither a file, a folder nor a symbolic link")


def configuration(arguments, layer_sha256):
    config = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "WorkingDir": "/"}
    if arguments.user:
        config["User"] = arguments.user
    if arguments.entrypoint:
        config["Entrypoint"] = [arguments.entrypoint]
    return json.dumps({
        "architecture": arguments.architecture, "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer_sha256]},
    }, sort_keys=True).encode()


def add_bytes(tar, name, data):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))


def descriptor(kind, sha256, size):
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + sha256, "size": size}


def write_archive(arguments, layer_path, layer, config):
    """The OCI layout as a tar: what containerd, podman and skopeo import."""
    config_sha256 = hashlib.sha256(config).hexdigest()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config_sha256, len(config)),
        "layers": [descriptor("layer.v1.tar", layer.sha256.hexdigest(), layer.size)],
    }, sort_keys=True).encode()
    manifest_sha256 = hashlib.sha256(manifest).hexdigest()
    entry = descriptor("manifest.v1+json", manifest_sha256, len(manifest))
    entry["annotations"] = {"io.containerd.image.name": arguments.name,
                            "org.opencontainers.image.ref.name": arguments.name.rpartition(":")[2]}
    with tarfile.open(arguments.out, "w", format=tarfile.PAX_FORMAT) as tar:
        add_bytes(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        add_bytes(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        add_bytes(tar, "blobs/sha256/" + config_sha256, config)
        add_bytes(tar, "blobs/sha256/" + manifest_sha256, manifest)
        with open(layer_path, "rb") as file:
            entry = tarfile.TarInfo("blobs/sha256/" + layer.sha256.hexdigest())
            entry.size, entry.mode = layer.size, 0o644
            tar.addfile(entry, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rootfs", required=True, help="the folder that becomes the image's only layer")
    parser.add_argument("--user", default="", help="the user that the image runs as, for example 65532:65532")
    parser.add_argument("--entrypoint", default="")
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--name", default="", help="REPOSITORY:TAG to be known by; needed with --out")
    parser.add_argument("--out", default="", help="the archive; without it, only the image's id is printed")
    arguments = parser.parse_args()
    if not os.path.isdir(arguments.rootfs):
        sys.exit(f"oci_image.py: {arguments.rootfs} is not a folder")
    layer_path = arguments.out + ".layer" if arguments.out else os.devnull
    try:
        with open(layer_path, "wb") as file:
            layer = HashingFile(file)
            write_layer(arguments.rootfs, layer)
        config = configuration(arguments, layer.sha256.hexdigest())
        if arguments.out:
            write_archive(arguments, layer_path, layer, config)
    finally:
        if arguments.out and os.path.exists(layer_path):
            os.remove(layer_path)
    print(hashlib.sha256(config).hexdigest())


if __name__ == "__main__":
    main()
