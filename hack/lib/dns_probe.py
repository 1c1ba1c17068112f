#!/usr/bin/env python3
"""Usage: dns_probe.py SERVER NAME ADDRESS. Exit status 0 when the server answers NAME with ADDRESS within a second."""

import socket
import struct
import sys


def main():
    server, name, address = sys.argv[1:4]
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", 0x51CE, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(1)
        udp.connect((server, 53))
        try:
            udp.send(question)
            answer = udp.recv(1500)
        except OSError as error:
            sys.exit(f"{server} does not answer: {error}")
    if answer[:2] != question[:2] or not answer.endswith(socket.inet_aton(address)):
        sys.exit(f"{server} answers {name} with something else than {address}")


if __name__ == "__main__":
    main()
