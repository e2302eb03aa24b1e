"""Random lines of the line protocol, sound and damaged, ingested, beside what InfluxDB 1 keeps of them.

Left out is what InfluxDB 2 takes and 1 does not (`3u`), and what is taken here beyond both: a plus sign before a number, lines that end with a carriage return. A text that is
not closed costs its line here, there also those after it; one with something behind its end is read there.

random_points.py ZF INFLUXD FOLDER SEED N        prints how many lines and values were compared; raises at the first difference

`INFLUXD` is the server of Debian's package `influxdb`. It is started on ports of loopback, with its data in FOLDER.
"""

import calendar
import json
import pathlib
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SCHEMA = """ATTRS: {STORE_URL: store.zarr}
n:
  COORDS:
    time: {unit: {tick: ns, tz: UTC}, max_new: 100000}
    measurement: {type: str, sorted: false}
    a: {type: str, sorted: false}
  VARS:
    f: {coords: [time, measurement, a], type: float64}
    i: {coords: [time, measurement, a], type: int64}
    b: {coords: [time, measurement, a], type: bool}
    s: {coords: [time, measurement, a], type: str}
"""
BASE = 1_700_000_000_000_000_000

NAMES = ["m", "air", r"a\ b", r"c\,d", "ž", 'q"q', r"e\=f", "#m", r"back\slash"]
TAGS = ["x", r"p\ q", r"r\,s", r"t\=u", "ř", '"y"', r"w\z", "1"]
FLOATS = ["1", "1.5", "-2.25e3", "1e-3", "5.", ".5", "-.5", "1E5", "007", "1e400", "NaN", "inf", "0x10", "1_000", "--1", "1..2", "-", "1e", "1,5", "∞"]
INTS = ["1i", "-7i", "0i", "9223372036854775807i", "9223372036854775808i", "1.5i", "i", "-0i", "1I", "0005i"]
TRUTHS = ["t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE", "tRUE", "yes", "tru", "falsee"]
TEXTS = ['"a"', '""', '"a b"', '"a,b=c"', r'"q\"q"', r'"b\\c"', r'"n\n"', '"ž"', 'bare', "'x'", r'"end\\"', '"#"', '"two\nlines"']


def line(chance, n):
    """A line with time number `n`, which tells it from all others."""
    fields = []
    for name, pool, sound in [("f", FLOATS, 9), ("i", INTS, 4), ("b", TRUTHS, 10), ("s", TEXTS, 8)]:
        if chance.random() < 0.5:
            # Mostly sound ones, so that something is merged.
            fields.append(f"{name}={chance.choice(pool[:sound] if chance.random() < 0.85 else pool)}")
    chance.shuffle(fields)
    tags = f"a={chance.choice(TAGS)}"
    odd = chance.random()
    if odd < 0.02:
        tags = "a="
    elif odd < 0.04:
        tags += ",a"
    between, before = " ", " "
    if odd > 0.97:
        between = "  "
    elif odd > 0.94:
        before = "   "
    stamp = str(BASE + n)
    if 0.5 < odd < 0.52:
        stamp += "x"
    text = f"{chance.choice(NAMES)},{tags}{between}{','.join(fields)}{before}{stamp}"
    if 0.6 < odd < 0.62:
        text += ","
    if 0.7 < odd < 0.72:
        text = " " + text
    return text


def body(chance, n):
    lines = []
    for i in range(n):
        lines.append(line(chance, i))
        if chance.random() < 0.05:
            lines.append(chance.choice(["", "# a comment", "   ", "#"]))
    return "\n".join(lines) + "\n"


class Influx:
    def __init__(self, program, folder):
        self.port, rpc = free(), free()
        config = f"""reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[monitor]
store-enabled = false
"""
        (folder / "influx.conf").write_text(config)
        self.log = open(folder / "influx.log", "wb")
        self.process = subprocess.Popen([program, "-config", folder / "influx.conf"], stdout=self.log, stderr=self.log)
        end = time.monotonic() + 60
        while True:
            try:
                return self.ask("SHOW DATABASES") and None
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def ask(self, query, database=None):
        query = {"q": query, "epoch": "ns"} | ({"db": database} if database else {})
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/query", urllib.parse.urlencode(query).encode())
        return json.load(urllib.request.urlopen(request, timeout=60))

    def write(self, database, body):
        url = f"http://127.0.0.1:{self.port}/write?db={database}&precision=ns"
        try:
            urllib.request.urlopen(urllib.request.Request(url, body.encode()), timeout=60)
            return ""
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def free():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def main(zf, influxd, folder, seed, n):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    influx = Influx(influxd, folder)
    n_values = n_lines = 0
    try:
        for i in range(int(n)):
            chance = random.Random(f"{seed}/{i}")
            text = body(chance, 60)
            n_lines += text.count("\n")
            place = folder / f"b{i}"
            place.mkdir()
            (place / "points.lp").write_text(text, newline="")
            influx.ask(f"CREATE DATABASE b{i}")
            said = influx.write(f"b{i}", text)
            wanted = kept(influx, f"b{i}")
            found, told = merged(zf, place)
            if found != wanted:
                odd = [at for at in found.keys() | wanted.keys() if found.get(at) != wanted.get(at)]
                at = min(odd)
                stamp = str(at[0])
                raise AssertionError(
                    f"seed {seed}, body {i} in {place}: {[l for l in text.splitlines() if stamp in l]}\n"
                    f"here {found.get(at)}, InfluxDB {wanted.get(at)}, {at}\n{told[:3000]}\n{said[:3000]}"
                )
            n_values += len(found)
    finally:
        influx.stop()
    print(f"{n_lines} lines, {n_values} values as InfluxDB keeps them")


def kept(influx, database):
    """(time, measurement, tag, field) → value."""
    values = {}
    answer = influx.ask("SELECT * FROM /.*/ GROUP BY a", database)
    for series in answer["results"][0].get("series", []):
        names = series["columns"]
        for row in series["values"]:
            cells = dict(zip(names, row))
            for name in "fibs":
                if cells.get(name) not in (None, ""):
                    values[cells["time"], series["name"], series["tags"]["a"], name] = shown(name, cells[name])
    return values


def merged(zf, place):
    (place / "d.yaml").write_text(SCHEMA)
    done = subprocess.run([zf, "ingest", "d.yaml", "n", "points.lp"], cwd=place, capture_output=True, text=True)
    answer = subprocess.run([zf, "query", "d.yaml", "n", "--format", "ndjson"], cwd=place, capture_output=True, text=True)
    if answer.returncode:
        return {}, done.stdout + done.stderr + answer.stderr
    values = {}
    for row in map(json.loads, answer.stdout.splitlines()):
        whole, _, part = row["time"].removesuffix("Z").partition(".")
        seconds = calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S"))
        at = seconds * 10**9 + int((part or "0").ljust(9, "0"))
        for name in "fibs":
            # An empty text is none here.
            if row.get(name) not in (None, ""):
                values[at, row["measurement"], row["a"], name] = shown(name, row[name])
    return values, done.stdout + done.stderr


def shown(name, value):
    return float(value) if name == "f" else value


if __name__ == "__main__":
    main(*sys.argv[1:])
