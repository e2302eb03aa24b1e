"""Makes files of every format, times how they are decoded here and how other tools read them, and prints a table.

    python tests/python/time_formats.py target/release/examples/decode FOLDER [ROWS]

One core, one thread, the best of three, files in memory or in the page cache. Needs what `make_formats.py` needs, and the
example `decode` of a release build; `just formats-bench` builds and runs both.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "BLOSC_NTHREADS"):
    os.environ[name] = "1"

import json
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import xarray as xr
import zarr

pa.set_cpu_count(1)


def table(n):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=n, freq="s", tz="UTC"), "station": rng.choice(list("ABCD"), n)})
    for name in "abcde":
        frame[name] = np.round(rng.normal(size=n), 4)
    return frame


# File → values, tool, seconds.
TIMED = {}


def timed(path, n, tool, read):
    TIMED[path.name] = (n, tool, min(once(read) for _ in range(3)))


def once(read):
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def table_of(decode, folder):
    """Runs the example on all files and puts what it found beside the other tools."""
    paths = [str(folder / name) for name in TIMED]
    pinned = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    ran = subprocess.run([*pinned, decode, "--json", *paths], check=True, capture_output=True, text=True, env=os.environ | {"RAYON_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"})
    print(f"| {'file':<16} | {'MiB':>6} | {'what':<6} | {'here, per s':>12} | {'MiB/s':>6} | {'other tool':<20} | {'per s':>12} | {'ratio':>6} |")
    print("|---|---|---|---|---|---|---|---|")
    for line in ran.stdout.splitlines():
        ours = json.loads(line)
        name = pathlib.Path(ours["file"]).name
        n, tool, seconds = TIMED[name]
        # Of tables a row is counted, of arrays a value.
        here = ours["n"] / ours["seconds"]
        other = n / seconds if tool else None
        mib = ours["bytes"] / 2**20
        shown = f"{other:,.0f}" if other else ""
        ratio = f"{here / other:.2f}" if other else ""
        print(f"| {name:<16} | {mib:>6.1f} | {ours['what']:<6} | {here:>12,.0f} | {mib / ours['seconds']:>6.0f} | {tool or 'none at hand':<20} | {shown:>12} | {ratio:>6} |")


def main(decode, folder, n):
    folder.mkdir(parents=True, exist_ok=True)
    frame = table(n)
    path = folder / "big.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path)
    timed(path, n, "pyarrow", lambda: pq.read_table(folder / "big.parquet", use_threads=False))
    path = folder / "big.arrow"
    pa.feather.write_feather(frame, path, compression="zstd")
    timed(path, n, "pyarrow", lambda: pa.feather.read_table(folder / "big.arrow", use_threads=False))
    path, few = folder / "big.xlsx", max(1, n // 20)
    naive = frame.head(few).assign(time=frame["time"].head(few).dt.tz_localize(None))
    naive.to_excel(path, index=False)
    timed(path, few, "pandas, openpyxl", lambda: pd.read_excel(folder / "big.xlsx"))
    path, fewer = folder / "big.ods", max(1, n // 200)
    naive.head(fewer).to_excel(path, index=False, engine="odf")
    timed(path, fewer, "pandas, odfpy", lambda: pd.read_excel(folder / "big.ods", engine="odf"))
    path = folder / "big.csv"
    frame.to_csv(path, index=False)
    timed(path, n, "pandas", lambda: pd.read_csv(folder / "big.csv"))
    path = folder / "big.ndjson"
    frame.to_json(path, orient="records", lines=True, date_format="iso")
    timed(path, n, "pandas", lambda: pd.read_json(folder / "big.ndjson", lines=True))
    path = folder / "big.toa5"
    with open(path, "w") as file:
        heads = ["TIMESTAMP", "RECORD", *"abcde"]
        for line in (["TOA5", "S", "CR1000X", "1", "x", "y", "1", "T"], heads, [""] * 7, [""] * 7):
            file.write(",".join(f'"{cell}"' for cell in line) + "\n")
        for row in zip(frame["time"].dt.strftime("%Y-%m-%d %H:%M:%S"), range(n), *(frame[name] for name in "abcde")):
            file.write(f'"{row[0]}",' + ",".join(map(str, row[1:])) + "\n")
    timed(path, n, "pandas", lambda: pd.read_csv(folder / "big.toa5", skiprows=[0, 2, 3], na_values=["NAN"]))
    path = folder / "big.lp"
    ticks = frame["time"].astype("int64")
    with open(path, "w") as file:
        for row in zip(frame["station"], *(frame[name] for name in "abcde"), ticks):
            fields = ",".join(f"{name}={value}" for name, value in zip("abcde", row[1:6]))
            file.write(f"weather,station={row[0]} {fields} {row[6]}\n")
    TIMED[path.name] = (n, None, None)
    shape = (max(1, n // 10_000), 100, 100, 5)
    values = np.random.default_rng(2).normal(size=shape).astype("f4")
    slab = xr.Dataset({"v": (("time", "y", "x", "level"), values)}, {"time": pd.date_range("2024-01-01", periods=shape[0], freq="h")})
    path = folder / "big.nc"
    slab.to_netcdf(path, engine="netcdf4", encoding={"v": {"zlib": True, "complevel": 1, "chunksizes": (1, 100, 100, 5)}})
    timed(path, values.size, "xarray, netCDF4", lambda: xr.open_dataset(folder / "big.nc").load())
    path = folder / "big.zarr.zip"
    path.unlink(missing_ok=True)
    with zarr.storage.ZipStore(path, mode="w") as store:
        slab.to_zarr(store, zarr_format=3, consolidated=False)
    timed(path, values.size, "xarray, zarr", lambda: xr.open_zarr(zarr.storage.ZipStore(folder / "big.zarr.zip", mode="r"), consolidated=False).load())
    grib(folder / "big.grib2", n)
    table_of(decode, folder)


def grib(path, n):
    import eccodes

    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    keys = {"Ni": 500, "Nj": 400, "latitudeOfFirstGridPointInDegrees": 60, "longitudeOfFirstGridPointInDegrees": 0, "latitudeOfLastGridPointInDegrees": 20.1,
            "longitudeOfLastGridPointInDegrees": 49.9, "iDirectionIncrementInDegrees": 0.1, "jDirectionIncrementInDegrees": 0.1, "shortName": "2t", "decimalPrecision": 2}
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    n_messages = max(1, n // 200_000)
    with open(path, "wb") as file:
        for step in range(n_messages):
            eccodes.codes_set(handle, "step", step)
            eccodes.codes_set_values(handle, np.random.default_rng(step).normal(280, 10, 200_000))
            eccodes.codes_write(handle, file)

    def read():
        with open(path, "rb") as file:
            while (message := eccodes.codes_grib_new_from_file(file)) is not None:
                eccodes.codes_get_values(message)
                eccodes.codes_release(message)

    timed(path, n_messages * 200_000, "eccodes", read)


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000)
