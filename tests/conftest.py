"""What all tests share: one thread each, and a network that ends at this machine."""

import socket

import pytest
import torch

torch.set_num_threads(1)

LOCAL = {"127.0.0.1", "::1", "localhost", None}


@pytest.fixture
def no_network(monkeypatch):
    """Refuse every connection that would leave this machine."""
    connect, lookup = socket.socket.connect, socket.getaddrinfo

    def refuse(host):
        if host not in LOCAL:
            raise OSError(f"a connection to {host} was tried; a notebook runs without network")

    def connect_locally(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(address[0])
        return connect(self, address)

    def look_up_locally(host, *rest, **named):
        refuse(host)
        return lookup(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", connect_locally)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_locally)
