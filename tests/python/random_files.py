"""Random NetCDF files and Zarr stores, ingested, beside what xarray reads from them.

random_files.py ZF FOLDER SEED N        prints how many files and values were compared; raises at the first difference

Every kind of number, packed or not, with fill values of all spellings, times since many moments in many units, dimensions in any
order, filters and chunks. Each file has a dataset of its own in FOLDER.
"""

import readers  # first: from here on, warnings are errors

import csv
import io
import pathlib
import random
import subprocess
import sys
import warnings
import zipfile

import netCDF4
import numcodecs
import numpy as np
import xarray as xr
import zarr

UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
BEGINNINGS = ["1970-01-01", "2000-01-01 06:00:00", "1900-01-01T00:00:00Z", "1858-11-17 00:00:00.0", "2024-02-29 12:30"]
NUMBERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]


def main(zf, folder, seed, n):
    folder = pathlib.Path(folder)
    n_values = 0
    for i in range(int(n)):
        chance = random.Random(f"{seed}/{i}")
        made = Made(chance)
        place = folder / f"f{i}"
        place.mkdir(parents=True)
        try:
            file = made.write(place)
            n_values += compare(zf, place, file, made)
        except Exception as error:
            raise AssertionError(f"seed {seed}, file {i} in {place}: {made}") from error
    print(f"{n} files, {n_values} values as xarray reads them")


class Made:
    """What one file holds."""

    def __init__(self, chance):
        self.chance = chance
        self.form = chance.choice(["netcdf3", "netcdf3-64bit", "netcdf4", "netcdf4", "zarr2", "zarr2", "zarr3", "zarr3"])
        self.sizes = {"time": chance.randint(1, 7), "x": chance.randint(1, 5)}
        self.since = f"{chance.choice(list(UNITS))} since {chance.choice(BEGINNINGS)}"
        self.time_type = chance.choice(["i4", "f8"] if "netcdf3" in self.form else ["i4", "i8", "f8"])
        unit, _, beginning = self.since.partition(" since ")
        begin = np.datetime64(beginning.replace(" ", "T").removesuffix("Z"), "s").astype(int)
        first = (np.datetime64("2000-01-01", "s").astype(int) - begin) // UNITS[unit]
        if self.time_type == "i4" and abs(first) > 2**30:
            self.time_type = "f8"
        self.times = first + np.array(sorted(chance.sample(range(9000), self.sizes["time"])), self.time_type)
        x_type = chance.choice(["f8", "f4", "i2", "i4"])
        self.x = np.array(chance.sample(range(-40, 40), self.sizes["x"]), x_type) / (4 if x_type[0] == "f" else 1)
        self.x = self.x.astype(x_type)
        self.variables = {f"v{i}": Variable(chance, self) for i in range(chance.randint(1, 3))}

    def __repr__(self):
        return f"{self.form} {self.sizes} {self.since} {self.variables}"

    def schema(self):
        lines = ["ATTRS: {STORE_URL: store.zarr}", "n:", "  COORDS:", "    time: {unit: {tick: s, tz: UTC}, chunk_size: 3}"]
        lines.append("    x: {type: float64, sorted: false, chunk_size: 2}")
        lines.append("  VARS:")
        for name, variable in self.variables.items():
            lines.append(f"    {name}: {{coords: [{', '.join(variable.over)}], type: {variable.stored()}}}")
        return "\n".join(lines) + "\n"

    def write(self, place):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.form.startswith("netcdf"):
                return self.write_netcdf(place / "file.nc")
            return self.write_zarr(place)

    def write_netcdf(self, path):
        formats = {"netcdf3": "NETCDF3_CLASSIC", "netcdf3-64bit": "NETCDF3_64BIT_OFFSET", "netcdf4": "NETCDF4"}
        is_new = self.form == "netcdf4"
        with netCDF4.Dataset(path, "w", format=formats[self.form]) as file:
            # A dimension that grows comes first in the classic formats.
            can_grow = is_new or all(v.dims[0] == "time" or "time" not in v.dims for v in self.variables.values())
            growing = "time" if can_grow and self.chance.random() < 0.5 else None
            for name, size in self.sizes.items():
                file.createDimension(name, None if name == growing else size)
            time = file.createVariable("time", self.time_type, ("time",))
            time.units = self.since
            time[:] = self.times
            file.createVariable("x", self.x.dtype, ("x",))[:] = self.x
            for name, variable in self.variables.items():
                more = {}
                if is_new and self.chance.random() < 0.6:
                    more = {"zlib": True, "shuffle": self.chance.random() < 0.5, "fletcher32": self.chance.random() < 0.3}
                    more["chunksizes"] = [self.chance.randint(1, self.sizes[dim]) for dim in variable.dims]
                if is_new:
                    more["endian"] = self.chance.choice(["little", "little", "big"])
                fill = variable.attrs.get("_FillValue", None if variable.missing is None else False)
                made = file.createVariable(name, variable.packed.dtype, variable.dims, fill_value=fill, **more)
                made.set_auto_maskandscale(False)
                made.setncatts({key: value for key, value in variable.attrs.items() if key != "_FillValue"})
                made[:] = variable.packed
        return path

    def write_zarr(self, place):
        version = int(self.form[-1])
        group = zarr.open_group(place / "file.zarr", mode="w", zarr_format=version)
        arrays = {"time": (self.times, ("time",), {"units": self.since, "calendar": "standard"}), "x": (self.x, ("x",), {})}
        arrays |= {name: (variable.packed, variable.dims, variable.attrs) for name, variable in self.variables.items()}
        for name, (values, dims, attrs) in arrays.items():
            chunks = tuple(self.chance.randint(1, size) for size in values.shape)
            fill = attrs.get("_FillValue")
            more = {"chunks": chunks, "fill_value": fill}
            attrs = {key: value.item() if hasattr(value, "item") else value for key, value in attrs.items() if key != "_FillValue"}
            if version == 2:
                attrs["_ARRAY_DIMENSIONS"] = list(dims)
                level = numcodecs.Zlib(1)
                more["compressors"] = self.chance.choice([None, level, numcodecs.Blosc("zstd", 3), numcodecs.Zstd(3)])
                more["order"] = self.chance.choice(["C", "F"])
                if self.chance.random() < 0.3 and values.dtype.itemsize > 1:
                    more["filters"] = [numcodecs.Shuffle(values.dtype.itemsize)]
            else:
                more["dimension_names"] = dims
                more["compressors"] = self.chance.choice([None, "auto", zarr.codecs.GzipCodec(), zarr.codecs.BloscCodec(cname="zstd")])
                if fill is not None:
                    attrs["_FillValue"] = xr.backends.zarr.FillValueCoder.encode(fill, values.dtype)
                if fill is None:
                    more["fill_value"] = 0
            if version == 2 and self.chance.random() < 0.3 and values.dtype.itemsize > 1:
                values = values.astype(values.dtype.newbyteorder(">"))
            array = group.create_array(name, shape=values.shape, dtype=values.dtype, **more)
            array[...] = values
            array.attrs.update(attrs)
        zarr.consolidate_metadata(place / "file.zarr")
        path = place / "file.zarr.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as packed:
            for file in sorted((place / "file.zarr").rglob("*")):
                if file.is_file():
                    packed.write(file, file.relative_to(place / "file.zarr"))
        return path


class Variable:
    """An array as a file holds it, and what it means."""

    def __init__(self, chance, made):
        self.dims = chance.choice([("time", "x"), ("x", "time"), ("time",), ("x",)])
        self.over = chance.sample(self.dims, len(self.dims))
        kinds = ["i1", "i2", "i4", "f4", "f8"] if "netcdf3" in made.form else NUMBERS
        kind = np.dtype(chance.choice(kinds))
        shape = [made.sizes[dim] for dim in self.dims]
        self.attrs, self.missing = {}, None
        low = 0 if kind.kind == "u" else -100
        numbers = np.array([chance.randint(low, 100) for _ in range(int(np.prod(shape)))])
        if kind.kind == "f":
            self.packed = (numbers / 8).astype(kind).reshape(shape)
        else:
            self.packed = numbers.astype(kind).reshape(shape)
        self.is_packed = chance.random() < 0.4 and kind.kind != "f"
        if self.is_packed:
            self.attrs["scale_factor"] = np.float64(chance.choice([0.01, 0.1, 0.25, 2.0]))
            self.attrs["add_offset"] = np.float64(chance.choice([0.0, 273.15, -40.0]))
        if chance.random() < 0.6:
            self.missing = kind.type(chance.choice([120, 101]))
            name = chance.choice(["_FillValue", "_FillValue", "missing_value"])
            self.attrs[name] = self.missing
            gone = np.array([chance.random() < 0.3 for _ in range(self.packed.size)]).reshape(shape)
            self.packed = np.where(gone, self.missing, self.packed).astype(kind)
        if kind.kind == "f" and chance.random() < 0.3:
            self.packed.flat[0] = np.nan

    def __repr__(self):
        return f"{self.packed.dtype} {self.dims} {self.attrs}"

    def stored(self):
        """The type in the schema."""
        kind = self.packed.dtype
        if self.is_packed:
            return "float64"
        return {"f": "float", "i": "int", "u": "uint"}[kind.kind] + str(8 * kind.itemsize)


def compare(zf, place, file, made):
    (place / "d.yaml").write_text(made.schema())
    run([zf, "ingest", "d.yaml", "n", file.name], place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = xr.open_zarr(place / "file.zarr") if "zarr" in made.form else xr.open_dataset(file, engine="netcdf4")
        expected = opened.load()
    n_values = 0
    for name, variable in made.variables.items():
        text = run([zf, "query", "d.yaml", "n", "--var", name, "--format", "csv"], place)
        found = {}
        for row in csv.DictReader(io.StringIO(text)):
            found[tuple(key(dim, row[dim]) for dim in variable.over)] = float(row[name]) if row[name] else None
        wanted = {}
        array = expected[name].transpose(*variable.over)
        for at in np.ndindex(array.shape):
            cell = tuple(as_key(dim, expected[dim].values[i]) for dim, i in zip(variable.over, at))
            value = float(array.values[at])
            if not np.isnan(value):
                wanted[cell] = value
        found = {cell: value for cell, value in found.items() if value is not None}
        if found.keys() != wanted.keys():
            odd = sorted(found.keys() ^ wanted.keys(), key=repr)[:3]
            raise AssertionError(f"{name} {variable}: only one has {odd}")
        # xarray may unpack into float32.
        rtol = 1e-6 if variable.is_packed else 0
        for cell, value in wanted.items():
            if not np.isclose(found[cell], value, rtol=rtol, atol=1e-5 if variable.is_packed else 0):
                raise AssertionError(f"{name} at {cell} is {found[cell]}, not {value}")
        n_values += len(wanted)
    return n_values


def key(dim, text):
    return np.datetime64(text.removesuffix("Z"), "s") if dim == "time" else float(text)


def as_key(dim, value):
    return value.astype("datetime64[s]") if dim == "time" else float(value)


def run(command, place):
    done = subprocess.run([str(part) for part in command], cwd=place, capture_output=True, text=True)
    if done.returncode or "rejected" in done.stdout or "partial" in done.stdout:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
