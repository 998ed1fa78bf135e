"""A server that is slower by a known time: passes every connection on, and what the server says so much later.

    crosscheck-delay.py PORT TARGET_PORT DELAY_MS

Both on 127.0.0.1. Prints "ready", and ends when its input does. Beside answers of a millisecond, what two programs take to read one is
a large share; beside answers of fifty it is not, and neither has a say in how long the delay is.
"""

import asyncio
import sys

# What one connection may have on the way before the server has to wait: a few answers of the largest kind.
WAITING_MAX = 256
CHUNK = 65_536


async def pass_on(reader, writer, delay_sec):
    """Everything in its order, each part `delay_sec` after it came."""
    clock = asyncio.get_running_loop().time
    waiting = asyncio.Queue(WAITING_MAX)

    async def read():
        while data := await reader.read(CHUNK):
            await waiting.put((clock() + delay_sec, data))
        await waiting.put((clock() + delay_sec, b""))

    async def write():
        while True:
            due, data = await waiting.get()
            if (rest := due - clock()) > 0:
                await asyncio.sleep(rest)
            if not data:
                return
            writer.write(data)
            await writer.drain()

    await asyncio.gather(read(), write())


async def serve(port, target, delay_sec):
    async def connected(reader, writer):
        ends = [writer]
        try:
            there, here = await asyncio.open_connection("127.0.0.1", target)
            ends.append(here)
            # Whichever side ends first ends both: HTTP/1.1 clients do not go on after they have closed.
            ways = [asyncio.ensure_future(pass_on(reader, here, 0)), asyncio.ensure_future(pass_on(there, writer, delay_sec))]
            _, open_ways = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in open_ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for end in ends:
                end.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=1_024)
    print("ready", flush=True)
    async with server:
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main(words):
    if len(words) != 3 or not all(word.isdigit() for word in words):
        print(__doc__, file=sys.stderr)
        return 2
    port, target, delay_ms = map(int, words)
    asyncio.run(serve(port, target, delay_ms / 1_000))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
