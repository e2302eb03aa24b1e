"""Figures of the built program: arrays from POST to merged, and a year of seconds plotted.

    figures.py ZF arrays [MILLIONS]     values in one contribution, then in three at once, MiB/s
    figures.py ZF year [DAYS]           2,000 points out of that many days of seconds, with and without a pyramid

Needs NumPy and PyArrow, as in requirements.txt. Everything lies in a temporary folder and is removed at the end.
"""

import concurrent.futures
import contextlib
import http.client
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"

GRID = """
ATTRS: {STORE_URL: g.zarr}
f:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 10}
    y: {type: float64, chunk_size: 250}
    x: {type: float64, chunk_size: 500}
  VARS:
    t: {coords: [time, y, x], type: float32, unit: K}
"""

YEAR = """
ATTRS: {STORE_URL: g.zarr}
with:
  pyramid: {coord: time, factor: 8}
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 65536}
  VARS:
    t: {coords: time, type: float32, unit: K}
without:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 65536}
  VARS:
    t: {coords: time, type: float32, unit: K}
"""

CONFIG = """
server: {listen: '127.0.0.1:0'}
datasets: [g.yaml]
limits: {max_body_bytes: 2GiB, max_decompressed_bytes: 4GiB, wait: 10m, max_waiting_bytes: 4GiB}
endpoints:
  e: {dataset: g, decode: {limits: {max_cells: 2000000000, max_decompressed_bytes: 4294967296}}}
"""

class Service:
    """A running `zf serve`."""

    def __init__(self, zf, folder, schema):
        self.folder = pathlib.Path(folder)
        (self.folder / "g.yaml").write_text(schema)
        (self.folder / "zarr-fuse.yaml").write_text(CONFIG)
        self.zf = zf
        self.start()

    def start(self):
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen([self.zf, "serve"], cwd=self.folder, stderr=self.log)
        while True:
            if self.process.poll() is not None:
                raise SystemExit((self.folder / "log").read_text())
            found = re.search(r"Listening on http://127\.0\.0\.1:(\d+)", (self.folder / "log").read_text())
            if found:
                break
            time.sleep(0.02)
        self.port = int(found.group(1))
        while self.ask("/health/ready")[0] != 200:
            time.sleep(0.02)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=900)

    def ask(self, path, connection=None, method="GET", body=None, headers=None):
        connection = connection or self.connection()
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()

    def contribute(self, node, body):
        path = f"/api/v1/ingest/e/{node}?wait=merged"
        status, answer = self.ask(path, method="POST", body=body, headers={"Content-Type": ARROW})
        if status != 200 or json.loads(answer)["outcome"]["status"] != "merged":
            raise SystemExit(f"{status}: {answer[:600]!r}")

    def peak_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) // 1024

def arrow(coordinates, dims, values):
    """One batch with one row: coordinates as lists, the values as one list whose field names their dimensions."""
    fields, columns = [], []
    for name, coordinate in coordinates.items():
        flat = pa.array(coordinate)
        fields.append(pa.field(name, pa.large_list(flat.type)))
        columns.append(pa.LargeListArray.from_arrays([0, len(flat)], flat))
    flat = pa.array(values.ravel())
    fields.append(pa.field("t", pa.large_list(flat.type), metadata={"dims": ",".join(dims)}))
    columns.append(pa.LargeListArray.from_arrays([0, len(flat)], flat))
    schema, sink = pa.schema(fields), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return sink.getvalue().to_pybytes()

def arrays(zf, millions):
    n_times, rng = max(millions * 2, 1), np.random.default_rng(1)

    def body(k):
        values = (rng.standard_normal((n_times, 500, 1000), dtype=np.float32) * 10 + 280).round(1)
        times = np.arange(k * n_times, (k + 1) * n_times, dtype=np.int64) * 3600
        grid = {"time": times, "y": np.arange(500.0), "x": np.arange(1000.0)}
        return arrow(grid, ["time", "y", "x"], values)

    with tempfile.TemporaryDirectory() as folder:
        service = Service(zf, folder, GRID)
        with contextlib.ExitStack() as ends:
            ends.callback(service.stop)
            whole = body(0)
            begin = time.perf_counter()
            service.contribute("f", whole)
            seconds = time.perf_counter() - begin
            mib = len(whole) / 2**20
            print(f"{n_times * 500_000:,} float32, {mib:.0f} MiB: merged {seconds:.2f} s after POST, {mib / seconds:.0f} MiB/s")
            parts = [body(k) for k in (1, 2, 3)]
            begin = time.perf_counter()
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                list(pool.map(lambda part: service.contribute("f", part), parts))
            seconds = time.perf_counter() - begin
            mib = sum(map(len, parts)) / 2**20
            print(f"three clients at once into one node: {mib:.0f} MiB in {seconds:.2f} s, {mib / seconds:.0f} MiB/s")
            print(f"at most {service.peak_mib()} MiB resident")

def year(zf, days):
    with tempfile.TemporaryDirectory() as folder:
        service = Service(zf, folder, YEAR)
        with contextlib.ExitStack() as ends:
            ends.callback(lambda: service.stop())
            for node in ("without", "with"):
                begin = time.perf_counter()
                for first in range(0, days, 30):
                    seconds = np.arange(first * 86400, min(first + 30, days) * 86400, dtype=np.int64)

                    noise = (seconds * 2654435761 % 4294967296) / 4294967296
                    values = (280 + 10 * np.sin(seconds / 13751) + noise).astype(np.float32).round(2)
                    service.contribute(node, arrow({"time": seconds}, ["time"], values))
                print(f"{node} pyramid: {days * 86400:,} values merged in {time.perf_counter() - begin:.1f} s")
            stored = {
                node: sum(f.stat().st_size for f in service.folder.glob(f"g.zarr/{node}*/**/*") if f.is_file()) / 2**20
                for node in ("without", "with")
            }
            print("stored: " + ", ".join(f"{node} {mib:.0f} MiB" for node, mib in stored.items()))
            answers = {}
            for node in ("without", "with"):
                path = f"/api/v1/query/g/{node}?var=t&max_points=2000&format=csv"
                service.stop()
                service.start()
                cold = []
                for run in range(5):
                    connection = service.connection()
                    begin = time.perf_counter()
                    status, answers[node] = service.ask(path, connection)
                    cold.append(time.perf_counter() - begin)
                    if status != 200:
                        raise SystemExit(answers[node])
                    service.stop()
                    service.start()
                connection, warm = service.connection(), []
                for run in range(21 if node == "with" else 5):
                    begin = time.perf_counter()
                    service.ask(path, connection)
                    warm.append(time.perf_counter() - begin)
                rows = answers[node].count(b"\n") - 1
                print(
                    f"{rows} points, {node} pyramid: p50 {statistics.median(cold) * 1000:.1f} ms just after a start, "
                    f"{statistics.median(warm[1:]) * 1000:.1f} ms warm"
                )
            print("the answers are " + ("equal" if answers["with"] == answers["without"] else "NOT EQUAL"))
            begin = time.perf_counter()
            service.ask("/api/v1/query/g/with?var=t&resample=1d&agg=max&format=csv")
            print(f"resample=1d&agg=max with pyramid: {(time.perf_counter() - begin) * 1000:.0f} ms")
            begin = time.perf_counter()
            service.ask("/api/v1/query/g/without?var=t&resample=1d&agg=max&format=csv")
            print(f"the same without: {(time.perf_counter() - begin) * 1000:.0f} ms")

if __name__ == "__main__":
    zf, what, *more = sys.argv[1:]
    {"arrays": lambda: arrays(zf, int(more[0]) if more else 100), "year": lambda: year(zf, int(more[0]) if more else 365)}[what]()
