"""Readers of every kind while late rows move others, and while contributions are taken back: every value at its own time, or an error.

check_readers.py URL DATASET SECONDS SEED [retract]: the node `n` has `x` and `y` over `time`, x = seconds since 1970, y = -x.
Prints what was read as JSON; exits 1 if anything was wrong."""

import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import xarray as xr
import zarr

URL, DATASET, SECONDS, SEED = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
RETRACT = sys.argv[5:] == ["retract"]
BASE = 1_700_000_000
N = 40_000
chance = random.Random(SEED)
stop = threading.Event()
found = {}
lock = threading.Lock()


def request(method, path, body=None):
    headers = {"Content-Type": "text/csv"}
    return urllib.request.Request(URL + path, data=body, headers=headers, method=method)


def contribute(seconds, wait="?wait=merged"):
    rows = "time,x,y\n" + "".join(f"{s},{s},{-s}\n" for s in seconds)
    with urllib.request.urlopen(request("POST", f"/api/v1/ingest/{DATASET}/n{wait}", rows.encode())) as answer:
        return json.load(answer)["id"]


def note(kind, what, n=1, text=""):
    with lock:
        counts = found.setdefault(kind, {"read": 0, "gone": 0, "errors": 0, "wrong": 0})
        counts[what] += n
        if text:
            found.setdefault("texts", []).append(f"{kind}: {text}"[:300])


def check(kind, seconds, x, y):
    seconds = np.asarray(seconds).astype("int64")
    n = len(seconds)
    wrong = int((np.asarray(x)[:n] != seconds).sum() + (np.asarray(y)[:n] != -seconds).sum())
    wrong += int((np.diff(seconds) <= 0).sum()) + (n < N)
    note(kind, "wrong" if wrong else "read", text=f"{wrong} of {n} values" if wrong else "")


def feed():
    """One late row after the other, at times that no row has yet; now and then one of them is taken back."""
    ids = []
    n = 0
    while not stop.is_set():
        second = BASE + 2 * chance.randrange(N) + 1 if chance.random() < 0.8 else BASE - n - 1
        ids.append(contribute([second]))
        n += 1
        note("late rows", "read")
        if RETRACT and n % 20 == 0:
            victim = ids.pop(chance.randrange(len(ids)))
            urllib.request.urlopen(request("DELETE", f"/api/v1/contributions/{victim}?wait=merged")).read()
            note("taken back", "read")
        time.sleep(0.05)


def is_gone(error):
    return "410" in str(error) or "no longer kept" in str(error)


def forever(kind, read):
    while not stop.is_set():
        try:
            read(kind)
        except Exception as error:  # what else could come is counted, too
            note(kind, "gone" if is_gone(error) else "errors", text="" if is_gone(error) else f"{type(error).__name__}: {error}")


def seconds_of(dataset):
    return dataset.time.values.astype("datetime64[s]").astype("int64")


def lazily(store):
    """Opens, waits for late rows, reads in two parts."""
    dataset = xr.open_zarr(store, group="n", chunks=None)
    time.sleep(0.4)
    half = dataset.sizes["time"] // 2
    first = dataset.x[:half].values
    time.sleep(0.3)
    check_x = np.concatenate([first, dataset.x[half:].values])
    return seconds_of(dataset), check_x, dataset.y.values


def pinned(kind):
    with urllib.request.urlopen(f"{URL}/zarr/{DATASET}@now") as answer:
        store = answer.url
    check(kind, *lazily(store))


def plain(kind):
    check(kind, *lazily(f"{URL}/zarr/{DATASET}"))


def by_zarr(kind):
    with urllib.request.urlopen(f"{URL}/zarr/{DATASET}@now") as answer:
        group = zarr.open_group(answer.url, path="n", mode="r")
    seconds = group["time"][:]
    time.sleep(0.5)
    check(kind, seconds, group["x"][:], group["y"][:])


def slowly(kind):
    """A long answer, read so slowly that late rows come meanwhile."""
    with urllib.request.urlopen(f"{URL}/api/v1/query/{DATASET}/n?format=csv") as answer:
        text = b""
        while piece := answer.read(1 << 16):
            text += piece
            time.sleep(0.02)
    rows = [row.split(b",") for row in text.split(b"\n")[1:] if row]
    times = np.array([row[0].decode().rstrip("Z") for row in rows], dtype="datetime64[s]").astype("int64")
    check(kind, times, [float(row[1]) for row in rows], [float(row[2]) for row in rows])


contribute([BASE + 2 * i for i in range(N)])
kinds = {"xarray, a state": pinned, "xarray, plain address": plain, "zarr, a state": by_zarr, "slow query": slowly}
threads = [threading.Thread(target=forever, args=item, daemon=True) for item in kinds.items()]
feeder = threading.Thread(target=feed, daemon=True)
for thread in [*threads, feeder]:
    thread.start()
time.sleep(SECONDS)
stop.set()
for thread in [*threads, feeder]:
    thread.join(60)
print(json.dumps(found))
bad = [kind for kind, counts in found.items() if kind != "texts" and counts["wrong"]]
broken = [] if RETRACT else [kind for kind, counts in found.items() if kind != "texts" and counts["errors"] + counts["gone"]]
idle = [kind for kind in kinds if not found.get(kind, {"read": 0})["read"]]
if bad or broken or idle:
    sys.exit(f"wrong: {bad}, errors: {broken}, nothing read: {idle}")
