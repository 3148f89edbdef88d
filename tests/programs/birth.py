"""What it costs to make a process or a thread in CPython: `birth.py fork|thread COUNT`, as birth.ts."""
import json
import os
import resource
import sys
import threading
import time


def thread():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def child():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def cpu():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


kind, count = sys.argv[1], int(sys.argv[2])
make = child if kind == "fork" else thread
for _ in range(5):
    make()
cpu_before, before = cpu(), time.perf_counter()
for _ in range(count):
    make()
elapsed = time.perf_counter() - before
print(json.dumps({"time": elapsed / count * 1e6, "cpu": (cpu() - cpu_before) / count * 1e6}))
