"""What merging means, as a map from coordinate tuple to value: slow, plain, and independent of the service.

A node of a schema takes contributions, each a list of rows (dicts by incoming column), and gives the arrays that must
result. Knows what the schemas of the tests use: physical and date-time units, types, ranges, labels, composed
coordinates, step limits and merge rules.
"""

import math
import re

import numpy as np
import pandas as pd
import pint
import xxhash
import yaml

UREG = pint.UnitRegistry()
TICK_NS = {"D": 86_400 * 10**9, "h": 3_600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
TIME_UNITS = {"D": "D", "d": "D", "h": "h", "m": "m", "min": "m", "s": "s", "ms": "ms", "us": "us", "ns": "ns"}
TYPES = {None: "float64", "float": "float64", "int": "int64", "uint": "uint64", "str": "str", "bool": "bool"}


class Variable:
    """A variable or coordinate: how incoming values become stored ones."""

    def __init__(self, name, raw):
        raw = raw or {}
        self.name = name
        self.column = raw.get("df_col") or name
        coords = raw.get("coords") or []
        self.dims = [coords] if isinstance(coords, str) else list(coords)
        self.unit = raw.get("unit")
        self.source_unit = raw.get("source_unit", self.unit)
        self.merge = raw.get("merge", "last") if isinstance(raw.get("merge"), str) else "last"
        self.time = isinstance(self.unit, dict)
        kind = raw.get("type", raw.get("dtype"))
        if self.unit in ("bool", "int", "str"):
            kind, self.unit, self.source_unit = self.unit, None, None
        if kind and kind.startswith("str"):
            kind = "str"
        self.dtype = "int64" if self.time else TYPES.get(kind, kind)
        self.truth = self.dtype == "bool"
        if self.truth and self.dims:
            self.dtype = "int8"  # with a third state where nothing came
        limits = raw.get("range") or {}
        self.interval = limits.get("interval")
        self.labels = limits.get("discrete")
        self.converted = not self.time and self.unit != self.source_unit

    def stored(self, value):
        """The stored value, or None for NA."""
        if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
            return None
        if self.time:
            return self.ticks(value)
        if self.labels:
            return self.labels.index(value) + 1
        if self.dtype == "str":
            return str(value)
        if self.truth:
            value = value if isinstance(value, bool) else {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
            return int(value) if self.dims else value
        number = float(value)
        if math.isnan(number):
            return None
        if self.converted:
            number = UREG.Quantity(number, self.source_unit or "").to(self.unit or "").magnitude
        if self.interval and not self.inside(number):
            return None
        return np.dtype(self.dtype).type(number).item() if self.dtype != "float32" else float(np.float32(number))

    def inside(self, number):
        low, high = self.interval[:2]
        return (low is None or number >= low) and (high is None or number <= high)

    def ticks(self, value):
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
            value = int(value)
        if isinstance(value, (int, float)):
            moment = pd.Timestamp(0) + pd.Timedelta(int(value) * TICK_NS[self.source_unit["tick"]], "ns")
        else:
            moment = pd.Timestamp(value)
            if moment.tzinfo is None:
                moment = moment.tz_localize(self.source_unit.get("tz", "UTC"))
            moment = moment.tz_convert("UTC").tz_localize(None)
        return moment.as_unit("ns").value // TICK_NS[self.unit["tick"]]

    def na(self):
        """What an array holds where nothing was written."""
        if self.labels:
            return 0
        if self.dtype == "str":
            return ""
        if self.truth:
            return -1 if self.dims else False
        if self.time:
            return np.iinfo("int64").min
        kind = np.dtype(self.dtype)
        if kind.kind == "f":
            return np.nan
        return np.iinfo(kind).max if kind.kind == "u" else np.iinfo(kind).min


class Node:
    """One group: coordinates, variables, and the cells written so far."""

    def __init__(self, raw):
        raw_coords = dict(raw.get("COORDS") or {})
        raw_vars = raw.get("VARS") or {}
        self.coords = {name: Variable(name, value) for name, value in raw_coords.items()}
        self.composed = {name: value.get("composed") for name, value in raw_coords.items() if (value or {}).get("composed")}
        self.sorted = {
            name: name not in self.composed if (value or {}).get("sorted") in (None, []) else value["sorted"]
            for name, value in raw_coords.items()
        }
        self.variables = {name: Variable(name, value) for name, value in raw_vars.items()}
        self.values = {name: {} for name in self.coords}
        self.cells = {name: {} for name in self.variables}
        self.limits = {}
        for name, value in raw_coords.items():
            steps = ((value or {}).get("merge") or {}).get("step_limits") or (value or {}).get("step_limits")
            if steps:
                low, high, unit = (steps + [None])[:3]
                scale = 1
                if unit and self.coords[name].time:
                    scale = TICK_NS[TIME_UNITS[unit]] // TICK_NS[self.coords[name].unit["tick"]]
                self.limits[name] = (low * scale, high * scale)
        self.gridded = set()

    def fold(self, rows):
        """Takes one contribution."""
        columns = set().union(*(row.keys() for row in rows))
        brought = [v for v in self.variables.values() if v.column in columns]
        used = {dim for v in brought for dim in v.dims}
        taken = []
        for row in rows:
            place = {}
            for name in self.coords:
                value = self.coordinate(name, row, columns)
                if value is None and (name in used or self.delivered(name, columns)):
                    break
                if value is not None:
                    place[name] = value
            else:
                taken.append((place, {v.name: v.stored(row.get(v.column)) for v in brought}))
        limited = next((name for name in self.limits if any(name in place for place, _ in taken)), None)
        if limited:
            taken = self.on_grid(limited, taken, brought)
        for place, values in taken:
            for name, value in place.items():
                self.values[name].setdefault(value)
            for name, value in values.items():
                if value is not None:
                    self.write(self.variables[name], place, value)

    def delivered(self, name, columns):
        wanted = [self.variables[part].column for part in self.composed[name]] if name in self.composed else [self.coords[name].column]
        return all(column in columns for column in wanted)

    def coordinate(self, name, row, columns):
        """The value of coordinate `name` in a row, or None."""
        if name not in self.composed:
            return self.coords[name].stored(row.get(self.coords[name].column))
        parts = [self.variables[part].stored(row.get(self.variables[part].column)) for part in self.composed[name]]
        if any(part is None for part in parts):
            return None
        return tuple_hash(parts)

    def write(self, variable, place, value):
        cells = self.cells[variable.name]
        at = tuple(place[dim] for dim in variable.dims)
        old = cells.get(at)
        if old is None or variable.merge == "last":
            cells[at] = value
        elif variable.merge in ("min", "max"):
            cells[at] = {"min": min, "max": max}[variable.merge](old, value)

    def on_grid(self, name, taken, brought):
        """Rows of a contribution on the grid of coordinate `name`."""
        low, high = self.limits[name]
        integral = self.coords[name].dtype != "float64"
        grid = sorted(self.values[name])
        delivered = sorted({place[name] for place, _ in taken})
        begin, end = delivered[0], delivered[-1]
        spanned = [x for x in grid if begin <= x <= end]
        first, last = (grid[0], grid[-1]) if grid else (None, None)
        targets = list(grid)
        above = [x for x in delivered if last is None or x > last]
        if last is None:
            targets.append(above[0])
            last, above = above[0], above[1:]
        targets += extend(last, above, low, high, integral)
        if first is not None:
            targets += extend(first, [x for x in reversed(delivered) if x < first], low, high, integral)
        known = set(grid)
        targets = sorted(x for x in targets if x in set(spanned) or x not in known or begin <= x <= end)
        out = [({name: x}, {}) for x in targets if x not in known]
        others = {}
        for place, _ in taken:
            for dim, value in place.items():
                if dim != name:
                    others.setdefault(dim, {}).setdefault(value)
        out += [({dim: value}, {}) for dim, values in others.items() for value in values]
        for variable in brought:
            if name not in variable.dims:
                out += [(place, {variable.name: values[variable.name]}) for place, values in taken]
                continue
            self.gridded.add(variable.name)
            rest = [dim for dim in variable.dims if dim != name]
            series = {}
            for place, values in taken:
                points = series.setdefault(tuple(place[dim] for dim in rest), {})
                value = values[variable.name]
                points[place[name]] = value if value is not None else points.get(place[name])
            for at, points in series.items():
                for x, value in on_targets(sorted(points.items()), targets, grid, high, variable.dtype.startswith("float")):
                    out.append((dict(zip(rest, at)) | {name: x}, {variable.name: value}))
        return out

    def arrays(self):
        """Coordinate values and arrays as they must be stored: name → (dimensions, array)."""
        order = {name: sorted(values) if self.sorted[name] else list(values) for name, values in self.values.items()}
        position = {name: {value: i for i, value in enumerate(values)} for name, values in order.items()}
        out = {name: ((name,), array(values, self.coords[name].dtype if name not in self.composed else "int64")) for name, values in order.items()}
        for name, variable in self.variables.items():
            shape = tuple(len(order[dim]) for dim in variable.dims)
            dtype = "uint8" if variable.labels else variable.dtype
            filled = np.full(shape, variable.na(), dtype=object if dtype == "str" else dtype)
            for at, value in self.cells[name].items():
                filled[tuple(position[dim][x] for dim, x in zip(variable.dims, at))] = value
            out[name] = (tuple(variable.dims), filled)
        return out


def array(values, dtype):
    return np.array(values, dtype=object if dtype == "str" else dtype)


def extend(last, values, low, high, integral):
    """New grid values beyond `last`: a value closer than `low` is dropped, a gap wider than `high` is split equally."""
    out = []
    for x in values:
        gap = x - last
        sign = 1 if gap > 0 else -1
        if abs(gap) < low:
            continue
        if low == high:
            n = int(abs(gap) // low)
            out += [last + sign * k * low for k in range(1, n + 1)]
            last += sign * n * low
            continue
        n = math.ceil(abs(gap) / high) if abs(gap) > high else 1
        steps = [last + gap * k / n for k in range(1, n)]
        out += [math.floor(step + 0.5) if integral else step for step in steps] + [x]
        last = x
    return out


def on_targets(points, targets, grid, high, linear):
    """Values of one series at the targets within it."""
    if len(points) == 1:
        x, value = points[0]
        if value is None:
            return
        if x in targets:
            yield x, value
        elif grid and grid[0] < x < grid[-1]:
            yield min(grid, key=lambda g: abs(g - x)), value
        return
    known = dict(points)
    for target in targets:
        if target in known:
            if known[target] is not None:
                yield target, known[target]
            continue
        before = [point for point in points if point[0] < target]
        after = [point for point in points if point[0] > target]
        if not before or not after:
            continue
        (x0, v0), (x1, v1) = before[-1], after[0]
        if v0 is None or v1 is None or x1 - x0 > high:
            continue
        share = (target - x0) / (x1 - x0)
        yield target, v0 + (v1 - v0) * share if linear else (v0 if share <= 0.5 else v1)


def tuple_hash(parts):
    """XXH64 over the components in canonical form, as a signed integer."""
    data = b""
    for part in parts:
        if isinstance(part, float):
            data += np.float64(part + 0.0).astype("<f8").tobytes()
        elif isinstance(part, str):
            data += part.encode() + b"\0"
        else:
            data += int(part).to_bytes(8, "little", signed=True)
    return np.uint64(xxhash.xxh64_intdigest(data, seed=0)).astype("int64").item()


def load(schema, path):
    """The node at `path` of a schema file."""
    with open(schema, encoding="utf-8") as file:
        raw = yaml.safe_load(file)
    for part in path.split("/"):
        raw = raw[part]
    return Node(raw)
