"""What a query must answer, from the arrays that xarray reads: used by check_query.py.

Arrays are pairs of values and a mask of those that are there, over named dimensions.
"""

import itertools

import numpy as np
import pandas as pd
import xarray as xr

FACTOR = 8


def open_node(store, group):
    """The decoded node."""
    return xr.open_zarr(store, group=group, consolidated=True).load()


def is_there(array):
    """Which elements are values. Empty texts are kept apart from absent ones by nobody."""
    if array.dtype.kind == "f":
        return ~np.isnan(array.values)
    if array.dtype.kind in "OUST":
        return np.array([str(v) != "" for v in array.values.ravel()], dtype=bool).reshape(array.shape)
    if array.dtype.kind in "mM":
        return ~np.isnat(array.values)
    if array.attrs.get("flag_meanings") == "false true":
        return array.values != -1
    if "flag_meanings" in array.attrs:
        return array.values != 0
    na = array.encoding.get("_FillValue", array.attrs.get("_FillValue"))
    return np.ones(array.shape, bool) if na is None or array.dtype.kind == "b" else array.values != na


class Table:
    """Columns over dimensions, before they become rows."""

    def __init__(self, dims, coordinates):
        self.dims = dims  # in row order
        self.coordinates = coordinates  # dimension → its selected values
        self.variables = {}  # name → (dims, values, there)

    def deciding(self, thinned):
        if thinned is not None:
            return thinned
        full = [n for n, (dims, *_) in self.variables.items() if len(dims) == len(self.dims)]
        return full or list(self.variables)

    def aligned(self, name):
        """Values and mask with all dimensions, of length 1 where the variable has none."""
        dims, values, there = self.variables[name]
        order = sorted(range(len(dims)), key=lambda i: self.dims.index(dims[i]))
        shape = [len(self.coordinates[d]) if d in dims else 1 for d in self.dims]
        return values.transpose(order).reshape(shape), there.transpose(order).reshape(shape)

    def long(self, keep_na, thinned):
        """Columns by name."""
        shape = [len(self.coordinates[d]) for d in self.dims]
        deciding = [] if keep_na else self.deciding(thinned)
        keep = np.zeros(shape, bool) if deciding else np.ones(shape, bool)
        for name in deciding:
            keep |= np.broadcast_to(self.aligned(name)[1], shape)
        index = np.nonzero(keep)
        columns = [(d, list(self.coordinates[d][index[i]])) for i, d in enumerate(self.dims)]
        for name in self.variables:
            values, there = (np.broadcast_to(part, shape)[index] for part in self.aligned(name))
            columns.append((name, [v if t else None for v, t in zip(values, there)]))
        return columns

    def wide(self, keep_na, thinned):
        """Columns by name; those of variables over other dimensions in the order of these."""
        first = self.dims[0]
        n = len(self.coordinates[first])
        deciding = [] if keep_na else [d for d in self.deciding(thinned) if first in self.variables[d][0]]
        keep = np.zeros(n, bool) if deciding else np.ones(n, bool)
        if not all(len(self.coordinates[d]) for d in self.dims):
            return [(first, [])]
        columns = []
        for name, (dims, *_) in self.variables.items():
            values, there = self.aligned(name)
            others = [range(values.shape[i]) for i in range(1, len(self.dims))]
            if name in deciding:
                keep |= there.any(axis=tuple(range(1, there.ndim)))
            for at in itertools.product(*others):
                pick = (slice(None), *at)
                column = [v if t else None for v, t in zip(np.broadcast_to(values[pick], n), np.broadcast_to(there[pick], n))]
                columns.append((name, column))
        rows = np.nonzero(keep)[0]
        columns = [(name, [column[i] for i in rows]) for name, column in columns]
        return [(first, list(self.coordinates[first][rows]))] + columns


def bucket_length(i0, i1, n):
    for k in range(20):
        for j in range(1, FACTOR):
            length = j * FACTOR**k
            if 2 * (-(-i1 // length) - i0 // length) <= n:
                return length
    raise AssertionError("no length fits")


def max_points(table, axis, i0, n):
    """Leaves the extremes of every bucket of each series."""
    i1 = i0 + len(table.coordinates[axis])
    if i1 - i0 <= n:
        return
    length = bucket_length(i0, i1, n)

    def extremes(values, there):
        kept = np.zeros(len(values), bool)
        for begin in range(i0 // length * length, i1, length):
            part = np.arange(max(begin, i0) - i0, min(begin + length, i1) - i0)
            part = part[there[part]]
            if len(part):
                kept[part[np.argmin(values[part])]] = True
                kept[part[np.argmax(values[part])]] = True
        return kept

    each_series(table, axis, extremes)


def latest(table, axis, n):
    """Leaves the newest values of each series."""

    def newest(_, there):
        kept = np.zeros(len(there), bool)
        kept[np.nonzero(there)[0][-n:]] = True
        return kept

    each_series(table, axis, newest)


def each_series(table, axis, keep):
    thinned = [name for name, (dims, *_) in table.variables.items() if axis in dims]
    used = np.zeros(len(table.coordinates[axis]), bool)
    for name in thinned:
        dims, values, there = table.variables[name]
        own = dims.index(axis)
        moved, mask = np.moveaxis(values, own, -1), np.moveaxis(there, own, -1)
        kept = np.zeros(mask.shape, bool)
        for at in np.ndindex(mask.shape[:-1]):
            kept[at] = keep(moved[at], mask[at])
            used |= kept[at]
        table.variables[name] = (dims, values, np.moveaxis(kept, -1, own))
    # Rows are those at which something is kept.
    table.coordinates[axis] = table.coordinates[axis][used]
    for name in thinned:
        dims, values, there = table.variables[name]
        own = dims.index(axis)
        table.variables[name] = (dims, np.compress(used, values, own), np.compress(used, there, own))


def local(times, zone):
    """UTC times as local times without zone."""
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(zone).tz_localize(None)


def utc(times, zone):
    return pd.DatetimeIndex(times).tz_localize(zone).tz_convert("UTC").tz_localize(None).to_numpy()


def resample(table, axis, step, agg, zone):
    """Makes intervals of the rows along time by xarray's resampling of local times."""
    times = table.coordinates[axis]
    wall = local(times, zone)
    labels = None
    for name, (dims, values, there) in list(table.variables.items()):
        if axis not in dims:
            continue
        data = np.where(there, values.astype(float), np.nan)
        array = xr.DataArray(data, dims=dims, coords={axis: wall})
        grouped = array.resample({axis: step}, closed="left", label="left")
        result = getattr(grouped, agg)() if agg != "sum" else grouped.sum(min_count=1)
        occupied = xr.DataArray(np.ones(len(wall)), dims=[axis], coords={axis: wall})
        occupied = occupied.resample({axis: step}, closed="left", label="left").count()
        result = result.transpose(*dims).isel({axis: np.nonzero(occupied.fillna(0).values)[0]})
        labels = result[axis].values
        # An interval without values has a count, of 0, which keeps no row.
        table.variables[name] = (dims, result.values, result.values > 0 if agg == "count" else ~np.isnan(result.values))
    table.coordinates[axis] = utc(labels, zone).astype("datetime64[ns]")
    return labels
