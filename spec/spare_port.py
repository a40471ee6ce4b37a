"""A port of 127.0.0.1 that is free, and below those that the kernel gives to whoever connects: nobody is given it before a
server has it. Printed, or by spare_port()."""
import os
import random
import socket

FIRST = 12000


def lowest_given():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as given:
            return int(given.read().split()[0])
    except OSError:
        return 32768


def spare_port():
    ports = list(range(FIRST, max(lowest_given(), FIRST + 1000)))
    random.Random(os.urandom(8)).shuffle(ports)
    for port in ports:
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no port is free")


if __name__ == "__main__":
    print(spare_port())
