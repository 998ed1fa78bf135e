# shellcheck shell=bash
# Free ports for servers that live for a while. Sourced, never run.

# Prints $1 different ones, a line each. Below the range that outgoing connections draw from, where a fan of a run before
# may still have the port on another loopback address; and free on all addresses, because some servers listen on all of them.
free_ports() {
    python3 -c '
import random, socket, sys
taken = []
while len(taken) < int(sys.argv[1]):
    port, held = random.randint(10000, 29999), socket.socket()
    try:
        held.bind(("", port))
    except OSError:
        continue
    taken.append(held)
    print(port)' "$1"
}

free_port() { free_ports 1; }
