"""Compares answers of a running service with what xarray reads from the same store.

check_query.py make SEED NODES        writes random.yaml, zarr-fuse.yaml here
check_query.py check SEED NODES URL CASES   contributes, then asks CASES random questions
"""

import csv
import io
import json
import math
import pathlib
import random
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

import expected as model
import random_nodes

CONVERSIONS = {"degC": [("K", 1, 273.15), ("degC", 1, 0)], "m": [("cm", 100, 0), ("km", 0.001, 0)], "kPa": [("Pa", 1000, 0)]}
AGGREGATES = ["mean", "min", "max", "sum", "count", "first", "last"]


def make(seed, n_nodes):
    _, text, _ = random_nodes.make(int(seed), int(n_nodes))
    pathlib.Path("random.yaml").write_text(text)
    pathlib.Path("zarr-fuse.yaml").write_text("server: {listen: \"127.0.0.1:0\"}\ndatasets: {random: {schema: random.yaml}}\n")


def contribute(url, contributions):
    for node, texts in contributions.items():
        for text in texts:
            request = urllib.request.Request(f"{url}/api/v1/ingest/random/{node}?wait=merged", text.encode(), {"Content-Type": "text/csv"})
            with urllib.request.urlopen(request) as answer:
                outcome = json.load(answer)
            if outcome["status"] not in ("merged", "partial"):
                raise AssertionError(f"{node}: {outcome}")


def consolidated(path):
    return json.loads(pathlib.Path(path, "zarr.json").read_text())["consolidated_metadata"]["metadata"]


def await_root(store, nodes):
    """Waits until the metadata of the root, which follows within seconds, tells of all nodes what they tell themselves."""
    deadline = time.monotonic() + 60
    while True:
        root = consolidated(store)
        told = ((f"{node}/{name}", array) for node in nodes for name, array in consolidated(f"{store}/{node}").items())
        behind = [path for path, array in told if root.get(path) != array]
        if not behind:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"the root's metadata does not follow: {behind[:3]}")
        time.sleep(0.05)


class Question:
    """A random selection of a node, as parameters and as indices along each dimension."""

    def __init__(self, chance, name, spec, dataset):
        self.chance, self.name, self.spec, self.dataset = chance, name, spec, dataset
        self.params = []
        usable = [v for v in spec["VARS"] if dataset[v].size]
        asked = chance.sample(usable, chance.randint(1, min(3, len(usable))))
        self.zone = chance.choice([None, None, "Europe/Prague", "+03:00", "America/New_York"])
        if self.zone:
            self.params.append(("tz", self.zone))
        self.pick_mode(asked)
        if not self.variables:
            self.variables, self.mode = asked, None
        used = {d for v in self.variables for d in dataset[v].dims}
        self.dims = [c for c in spec["COORDS"] if c in used]
        self.params.append(("var", ",".join(self.variables)))
        self.index = {d: np.arange(dataset.sizes[d]) for d in self.dims}
        self.is_contiguous = {d: True for d in self.dims}
        for d in self.dims:
            if chance.random() < 0.6:
                self.select(d)
        if chance.random() < 0.3 and not any("nearest:" in value for _, value in self.params):
            self.box()
        self.layout = chance.choice(["long", "long", "wide"])
        self.keep_na = chance.random() < 0.2
        self.units = {}
        for v in self.variables:
            unit = spec["VARS"][v].get("unit")
            if unit in CONVERSIONS and chance.random() < 0.3:
                to, factor, offset = chance.choice(CONVERSIONS[unit])
                self.units[v] = (factor, offset)
                self.params.append((f"unit.{v}", to))
        self.format = chance.choice(["csv", "json", "arrow", "parquet"])
        self.finish_mode()
        # Intervals of a gap have rows then, which xarray's wall times do not know.
        self.keep_na = self.keep_na and self.mode != "resample"
        # Only with every row it is the very nearest, whether it has a value or not.
        self.keep_na = self.keep_na or any("nearest:" in value for _, value in self.params)
        self.params += [("layout", self.layout), ("na", "keep" if self.keep_na else "drop"), ("format", self.format)]

    def pick_mode(self, asked):
        """All values, intervals, extremes or the newest."""
        self.mode, self.variables = self.chance.choice([None, None, "resample", "max_points", "max_points", "latest"]), asked
        if self.mode in ("resample", "max_points"):
            self.variables = [v for v in asked if v[0] == "v"]
        if self.mode == "resample" and "time" not in {d for v in self.variables for d in self.dataset[v].dims}:
            self.mode = None

    def axis(self):
        """The coordinate along which series lie."""
        def is_sorted(d):
            return self.spec["COORDS"][d].get("sorted", True) and d != "station"
        times = [d for d in self.dims if d == "time" and is_sorted(d)]
        return (times or [d for d in self.dims if is_sorted(d)] or [None])[0]

    def finish_mode(self):
        chance = self.chance
        axis = "time" if self.mode == "resample" else self.axis() if self.mode else None
        along = [v for v in self.variables if axis in self.dataset[v].dims]
        if self.mode and (axis is None or not along):
            self.mode = None
        if self.mode and self.layout == "wide" and self.dims[0] != axis:
            self.layout = "long"
        if self.mode == "max_points" and not self.is_contiguous[axis]:
            self.mode = None
        self.thin_axis = axis
        if self.mode in ("max_points", "latest"):
            self.n = chance.choice([2, 3, 4, 7, 10, 20, 50]) if self.mode == "max_points" else chance.choice([1, 1, 2, 5])
            self.params.append((self.mode, str(self.n)))
            self.thinned = along
        if self.mode == "resample":
            zone = self.zone or self.spec["COORDS"]["time"]["unit"]["tz"]
            steps = [("1d", "1D"), ("1w", "W-MON"), ("1month", "MS"), ("3month", "QS-JAN"), ("1y", "YS-JAN")]
            if zone == "UTC" or zone[0] in "+-":
                steps += [("1h", "1h"), ("10min", "10min"), ("6h", "6h")]
            self.step = chance.choice(steps)
            self.agg = chance.choice(AGGREGATES)
            self.resample_zone = zone
            self.params += [("resample", self.step[0]), ("agg", self.agg)]

    def select(self, d):
        chance, values = self.chance, self.dataset[d].values
        n = len(values)
        if not n:
            return
        kind = chance.choice(["list", "range", "range", "open", "nearest", "isel", "slice"])
        if kind in ("isel", "slice"):
            i = chance.randrange(-n, n)
            if kind == "isel":
                self.params.append((f"isel.{d}", str(i)))
                self.narrow(d, [i % n])
            else:
                i, j = chance.choice([None, i]), chance.choice([None, chance.randrange(-n - 2, n + 3)])
                self.params.append((f"isel.{d}", f"{'' if i is None else i}:{'' if j is None else j}"))
                self.narrow(d, np.arange(n)[i:j])
            return
        if kind == "list":
            wanted = chance.sample(list(values), min(n, chance.randint(1, 3)))
            self.params.append((f"sel.{d}", ",".join(self.text(d, v) for v in wanted)))
            self.narrow(d, [i for i, v in enumerate(values) if v in wanted])
        elif kind == "nearest" and not self.mode and values.dtype.kind in "fiuM":
            wanted = self.somewhere(values)
            distance = np.abs(values - wanted) if values.dtype.kind in "fM" else np.abs(values.astype(int) - int(wanted))
            self.params.append((f"sel.{d}", f"nearest:{self.text(d, wanted)}"))
            self.narrow(d, [int(np.argmin(distance))])
        else:
            ends = sorted([self.somewhere(values), self.somewhere(values)])
            if kind == "open":
                ends[chance.randrange(2)] = None
            text = "/".join("" if e is None else self.text(d, e) for e in ends)
            self.params.append((f"sel.{d}", text))
            self.narrow(d, in_range(values, ends))

    def box(self):
        """A box of longitude and latitude, which may cross the 180th meridian."""
        lon, lat = ("lon", "lat") if "lon" in self.dataset.dims else ("longitude", "latitude")
        if lon in self.dataset.variables:
            dim = self.dataset[lon].dims[0]
            if dim not in self.dims or self.dataset[lat].dims[0] not in self.dims:
                return
            west, east = (round(self.chance.uniform(-180, 180), 2) for _ in range(2))
            south, north = sorted(round(self.chance.uniform(-90, 90), 2) for _ in range(2))
            x, y = self.dataset[lon].values, self.dataset[lat].values
            # Compared in the precision stored.
            w, e, s, n = (x.dtype.type(west), x.dtype.type(east), y.dtype.type(south), y.dtype.type(north))
            inside = (x >= w) & (x <= e) if west <= east else (x >= w) | (x <= e)
            self.params.append(("bbox", f"{west},{south},{east},{north}"))
            self.narrow(dim, np.nonzero(inside)[0])
            self.narrow(self.dataset[lat].dims[0], np.nonzero((y >= s) & (y <= n))[0])

    def narrow(self, d, index):
        self.index[d] = np.intersect1d(self.index[d], np.asarray(index, dtype=int))
        i = self.index[d]
        self.is_contiguous[d] = len(i) == 0 or len(i) == i[-1] - i[0] + 1

    def somewhere(self, values):
        """A value at random, or one beside it."""
        value = self.chance.choice(list(values))
        if values.dtype.kind == "M":
            return value + np.timedelta64(self.chance.choice([0, 0, 1, -1]) * self.chance.randrange(1, 10_000_000), "s").astype("timedelta64[s]")
        if values.dtype.kind == "f":
            return value + values.dtype.type(self.chance.choice([0, self.chance.uniform(-3, 3)]))
        if values.dtype.kind in "iu":
            return int(value) + self.chance.choice([0, 0, 1, 7])
        return value

    def text(self, d, value):
        if isinstance(value, (np.datetime64, pd.Timestamp)):
            return np.datetime_as_string(np.datetime64(value, "ms"), timezone="UTC")
        if isinstance(value, str):
            return '"' + value.replace('"', '""') + '"'
        return repr(float(value)) if isinstance(value, (float, np.floating)) else str(int(value))

    def table(self):
        """What must come: columns of (name, values)."""
        chosen = self.dataset.isel(self.index)
        table = model.Table(self.dims, {d: chosen[d].values for d in self.dims})
        for v in self.variables:
            array = chosen[v]
            there, values = model.is_there(array), array.values
            meanings = array.attrs.get("flag_meanings")
            if self.spec["VARS"][v].get("type") == "bool":
                values = np.where(there, values, 0).astype(bool)
            elif meanings is not None:
                labels = np.array([None, *self.spec["VARS"][v]["range"]["discrete"]], dtype=object)
                values = labels[np.where(there, values, 0).astype(int)]
            table.variables[v] = (array.dims, values, there)
        self.convert(table, before=True)
        if self.mode == "max_points":
            first = self.index[self.thin_axis][0] if len(self.index[self.thin_axis]) else 0
            model.max_points(table, self.thin_axis, int(first), self.n)
        elif self.mode == "latest":
            model.latest(table, self.thin_axis, self.n)
        elif self.mode == "resample" and len(table.coordinates["time"]):
            model.resample(table, "time", self.step[1], self.agg, self.resample_zone)
        self.convert(table, before=False)
        thinned = self.thinned if self.mode in ("max_points", "latest") else None
        wide = self.layout == "wide" and len(self.dims) > 1
        return table.wide(self.keep_na, thinned) if wide else table.long(self.keep_na, thinned)

    def convert(self, table, before):
        """Units are converted before values are put together, but extremes are those of stored values."""
        counted = self.mode == "resample" and self.agg == "count"
        if before == (self.mode in ("max_points", "latest")) or counted:
            return
        for v, (factor, offset) in self.units.items():
            dims, values, there = table.variables[v]
            wide = values.dtype if values.dtype == np.float32 else np.float64
            table.variables[v] = (dims, (values.astype(float) * factor + offset).astype(wide), there)


def in_range(values, ends):
    low, high = ends
    inside = [(low is None or v >= low) and (high is None or v <= high) for v in values]
    return np.nonzero(inside)[0]


def ask(url, question):
    query = urllib.parse.urlencode(question.params)
    address = f"{url}/api/v1/query/random/{question.name}?{query}"
    try:
        with urllib.request.urlopen(address) as answer:
            return address, read(question.format, answer.read())
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{address}: {error.code} {error.read().decode()}") from None


def read(form, data):
    """Columns of (name, values) of an answer."""
    if form == "csv":
        header, *rows = csv.reader(io.StringIO(data.decode()))
        return [(name, [row[i] for row in rows]) for i, name in enumerate(header)]
    if form == "json":
        rows = json.loads(data)["rows"]
        return [(name, [row[name] for row in rows]) for name in (rows[0] if rows else [])]
    table = pa.ipc.open_stream(data).read_all() if form == "arrow" else pyarrow.parquet.read_table(io.BytesIO(data))
    return [(name, table.column(name).to_pylist()) for name in table.column_names]


def compare(found, wanted, counted, singles):
    n = len(wanted[0][1])
    if n == 0 and all(len(column) == 0 for _, column in found):
        return
    if len(found) != len(wanted):
        raise AssertionError(f"{len(found)} columns instead of {len(wanted)}: {[n for n, _ in found]}")
    for (name, column), (wanted_name, wanted_column) in zip(found, wanted):
        if not name.startswith(wanted_name) or len(column) != n:
            raise AssertionError(f"column {name} of {len(column)} rows instead of {wanted_name} of {n}")
        for row, (one, other) in enumerate(zip(column, wanted_column)):
            if not same(one, other, counted, 3e-6 if wanted_name in singles else 1e-11):
                raise AssertionError(f"{name}, row {row}: {one!r} instead of {other!r}")


def same(found, wanted, counted, tolerance):
    if wanted is None or (isinstance(wanted, (float, np.floating)) and math.isnan(wanted)) or wanted == "":
        return found is None or found == "" or (counted and float(found) == 0)
    if found is None:
        return False
    if isinstance(wanted, np.datetime64):
        return pd.Timestamp(found).tz_convert("UTC").tz_localize(None) == pd.Timestamp(wanted)
    if isinstance(wanted, (bool, np.bool_)):
        return str(found).lower() == str(wanted).lower()
    if isinstance(wanted, str):
        return found == wanted
    return found != "" and math.isclose(float(found), float(wanted), rel_tol=tolerance, abs_tol=1e-9)


def check(seed, n_nodes, url, n_cases):
    seed, n_nodes, n_cases = int(seed), int(n_nodes), int(n_cases)
    schema, _, contributions = random_nodes.make(seed, n_nodes)
    contribute(url, contributions)
    await_root("store.zarr", contributions)
    chance = random.Random(seed + 1)
    datasets = {name: model.open_node("store.zarr", name) for name in contributions}
    modes, began = {}, time.monotonic()
    for case in range(n_cases):
        name = f"n{case % n_nodes}"
        question = Question(chance, name, schema[name], datasets[name])
        address, found = ask(url, question)
        try:
            counted = question.mode == "resample" and question.agg == "count"
            singles = [v for v in datasets[name].variables if datasets[name][v].dtype == np.float32]
            compare(found, question.table(), counted, singles)
        except Exception as error:
            raise AssertionError(f"case {case} of seed {seed}: {address}\n{error!r}") from error
        key = question.mode or "all values"
        modes[key] = modes.get(key, 0) + 1
    told = ", ".join(f"{n} {mode}" for mode, n in sorted(modes.items()))
    print(f"{n_cases} answers as xarray gives them ({told}) in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](*sys.argv[2:])
