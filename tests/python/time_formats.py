"""Makes files of every format and times how other tools read them, one thread, the best of three.

    python tests/python/time_formats.py FOLDER [ROWS]

needs what `make_formats.py` needs. `service/examples/decode.rs` reads the same files.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "BLOSC_NTHREADS"):
    os.environ[name] = "1"

import pathlib
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


def timed(path, n, read):
    best = min(once(read) for _ in range(3))
    print(f"{path}: {n} in {best:.3f} s: {n / best:.0f}/s")


def once(read):
    start = time.perf_counter()
    read()
    return time.perf_counter() - start


def main(folder, n):
    folder.mkdir(parents=True, exist_ok=True)
    frame = table(n)
    path = folder / "big.parquet"
    pq.write_table(pa.Table.from_pandas(frame), path)
    timed(path, n, lambda: pq.read_table(folder / "big.parquet", use_threads=False))
    path = folder / "big.arrow"
    pa.feather.write_feather(frame, path, compression="zstd")
    timed(path, n, lambda: pa.feather.read_table(folder / "big.arrow", use_threads=False))
    path, few = folder / "big.xlsx", max(1, n // 20)
    naive = frame.head(few).assign(time=frame["time"].head(few).dt.tz_localize(None))
    naive.to_excel(path, index=False)
    timed(path, few, lambda: pd.read_excel(folder / "big.xlsx"))
    path, fewer = folder / "big.ods", max(1, n // 200)
    naive.head(fewer).to_excel(path, index=False, engine="odf")
    timed(path, fewer, lambda: pd.read_excel(folder / "big.ods", engine="odf"))
    path = folder / "big.toa5"
    with open(path, "w") as file:
        heads = ["TIMESTAMP", "RECORD", *"abcde"]
        for line in (["TOA5", "S", "CR1000X", "1", "x", "y", "1", "T"], heads, [""] * 7, [""] * 7):
            file.write(",".join(f'"{cell}"' for cell in line) + "\n")
        for row in zip(frame["time"].dt.strftime("%Y-%m-%d %H:%M:%S"), range(n), *(frame[name] for name in "abcde")):
            file.write(f'"{row[0]}",' + ",".join(map(str, row[1:])) + "\n")
    timed(path, n, lambda: pd.read_csv(folder / "big.toa5", skiprows=[0, 2, 3], na_values=["NAN"]))
    path = folder / "big.lp"
    ticks = frame["time"].astype("int64")
    with open(path, "w") as file:
        for row in zip(frame["station"], *(frame[name] for name in "abcde"), ticks):
            fields = ",".join(f"{name}={value}" for name, value in zip("abcde", row[1:6]))
            file.write(f"weather,station={row[0]} {fields} {row[6]}\n")
    print(f"{path}: {n} lines; no other tool at hand")
    shape = (max(1, n // 10_000), 100, 100, 5)
    values = np.random.default_rng(2).normal(size=shape).astype("f4")
    slab = xr.Dataset({"v": (("time", "y", "x", "level"), values)}, {"time": pd.date_range("2024-01-01", periods=shape[0], freq="h")})
    path = folder / "big.nc"
    slab.to_netcdf(path, engine="netcdf4", encoding={"v": {"zlib": True, "complevel": 1, "chunksizes": (1, 100, 100, 5)}})
    timed(path, values.size, lambda: xr.open_dataset(folder / "big.nc").load())
    path = folder / "big.zarr.zip"
    path.unlink(missing_ok=True)
    with zarr.storage.ZipStore(path, mode="w") as store:
        slab.to_zarr(store, zarr_format=3, consolidated=False)
    timed(path, values.size, lambda: xr.open_zarr(zarr.storage.ZipStore(folder / "big.zarr.zip", mode="r"), consolidated=False).load())
    grib(folder / "big.grib2", n)


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

    timed(path, n_messages * 200_000, read)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
