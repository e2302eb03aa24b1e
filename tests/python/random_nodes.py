"""Random schemas and contributions for check_query.py: 1-4 coordinates, sorted or not, every kind of value, gaps."""

import datetime
import random

import yaml

TICKS = {"D": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
ZONES = ["UTC", "Europe/Prague", "+02:00", "America/New_York"]
STATIONS = ["ZK1-S4", "b,c", "a", "říp", 'q"q', "x y"]
LABELS = ["granite", "gneiss", "sand stone"]


def node(chance, want_time):
    """A node of a schema and the rows of its contributions."""
    coords, variables, pools = {}, {}, {}
    n = chance.randint(1, 4)
    kinds = ["time"] if want_time else []
    others = ["station", "depth", "level", "grid"]
    chance.shuffle(others)
    kinds += others[: max(n - len(kinds), 0)]
    for kind in kinds[:n]:
        length = chance.randint(1, 40 if kind == "time" else 5)
        size = chance.choice([1, 2, 3, 5, 8, 16])
        if kind == "time":
            tick = chance.choice(list(TICKS))
            coords["time"] = {"unit": {"tick": tick, "tz": chance.choice(ZONES)}, "chunk_size": size}
            # Days around a change of clocks, or a few minutes, or years.
            first = datetime.datetime(2024, chance.choice([3, 10, 6]), chance.randint(20, 28)).timestamp() * 1000
            span = chance.choice([40, 2000, 9000]) * max(TICKS[tick], 60_000)
            times = {int(first + chance.randrange(span)) // TICKS[tick] for _ in range(chance.choice([length, 90]))}
            pools["time"] = [iso(t * TICKS[tick]) for t in times]
        elif kind == "station":
            coords["station"] = {"type": chance.choice(["str", "str[16]"]), "sorted": chance.random() < 0.3, "chunk_size": size}
            pools["station"] = chance.sample(STATIONS, length)
            variables["rock"] = {"coords": ["station"], "range": {"discrete": LABELS}}
            variables["latitude"] = {"coords": ["station"], "unit": "deg"}
            variables["longitude"] = {"coords": ["station"], "unit": "deg", "type": "float32"}
            variables["note"] = {"coords": ["station"], "type": "str"}
        elif kind == "depth":
            coords["depth"] = {"unit": "m", "type": chance.choice(["float32", "float64"]), "sorted": chance.random() < 0.6, "chunk_size": size}
            pools["depth"] = [repr(round(chance.uniform(-10, 200), 2)) for _ in range(length)]
        elif kind == "level":
            coords["level"] = {"type": chance.choice(["int16", "int32", "int64", "uint8"]), "sorted": chance.random() < 0.6, "chunk_size": size}
            pools["level"] = [str(chance.randrange(100)) for _ in range(length)]
        elif len(kinds) < 4 or n < 4:
            for name, width in [("lat", 90), ("lon", 180)]:
                coords[name] = {"unit": "deg", "type": "float64", "chunk_size": size}
                pools[name] = [repr(round(chance.uniform(-width, width), 3)) for _ in range(chance.randint(1, 4))]
    if not coords:
        return node(chance, True)
    coords = dict(sorted(coords.items(), key=lambda _: chance.random()))
    for i in range(chance.randint(1, 3)):
        over = chance.sample(list(coords), chance.randint(1, len(coords)))
        if i == 0:
            over = chance.sample(list(coords), len(coords))
        data_type = chance.choice(["float64", "float64", "float32", "int16", "int64", "uint8"])
        variables[f"v{i}"] = {"coords": over, "type": data_type, "unit": chance.choice(["degC", "m", "kPa"])}
        if chance.random() < 0.2 and data_type == "float64":
            variables[f"v{i}"]["na_value"] = -999
    if chance.random() < 0.4:
        variables["flag"] = {"coords": chance.sample(list(coords), 1), "type": "bool"}
    if chance.random() < 0.4:
        variables["text"] = {"coords": list(coords), "type": "str"}
    return {"COORDS": coords, "VARS": variables}, rows(chance, variables, pools)


def rows(chance, variables, pools):
    """A few CSV texts."""
    places = {}
    texts = []
    for _ in range(chance.randint(1, 3)):
        names = list(pools) + list(variables)
        lines = [",".join(names)]
        for _ in range(chance.randint(1, 120)):
            at = {name: chance.choice(pool) for name, pool in pools.items()}
            cells = [quoted(at[name]) for name in pools]
            for name, spec in variables.items():
                key = (name, *(at[c] for c in spec["coords"]))
                if key not in places:
                    places[key] = value(chance, name, spec)
                cells.append(quoted(places[key]))
            lines.append(",".join(cells))
        texts.append("\n".join(lines) + "\n")
    return texts


def value(chance, name, spec):
    if chance.random() < 0.25:
        return ""
    if name == "rock":
        return chance.choice(LABELS)
    if name in ("latitude", "longitude"):
        return repr(round(chance.uniform(-90, 90), 3))
    if spec["type"] == "bool":
        return chance.choice(["true", "false"])
    if spec["type"].startswith("str"):
        return chance.choice(["n1", "two words", 'a "quote"', "č,š"])
    if spec["type"].startswith("float"):
        return repr(chance.choice([0.0, -1.5, round(chance.gauss(10, 20), 3)]))
    return str(chance.randrange(0, 100))


def quoted(text):
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def iso(milliseconds):
    at = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"


def make(seed, n_nodes):
    """The text of a schema, and CSV texts by node."""
    chance = random.Random(seed)
    nodes, contributions = {}, {}
    for i in range(n_nodes):
        nodes[f"n{i}"], contributions[f"n{i}"] = node(chance, chance.random() < 0.75)
    schema = {"ATTRS": {"STORE_URL": "store.zarr"}, **nodes}
    return schema, yaml.safe_dump(schema, sort_keys=False, allow_unicode=True), contributions
