"""Takes GRIB files apart for the test `every_sample_is_read_as_eccodes_reads_it`: a file per message, and what eccodes reads from it.

    python tests/python/grib_samples.py FOLDER FILE...
    ZF_GRIB_SAMPLES=FOLDER cargo test -p zarr-fuse-decode --lib every_sample

needs eccodes and numpy. Good files are the samples of cfgrib, pygrib and grib-rs, which are in their repositories.
"""

import json
import pathlib
import sys

import eccodes
import numpy as np

#: Points of each field that are compared one by one.
N_POINTS = 40
#: Marks points without a value.
MISSING = 1e33


def expected(handle):
    """What eccodes reads from a message: some points, and all of them in sum."""
    eccodes.codes_set(handle, "missingValue", MISSING)
    is_alternating = eccodes.codes_get(handle, "alternativeRowScanning")
    if is_alternating and eccodes.codes_get(handle, "gridType") != "regular_ll":
        # The arrays of a message whose rows run to and fro do not fit each other.
        points = np.array(list(iterated(handle)))
        latitudes, longitudes, values = points.T
    else:
        values = eccodes.codes_get_values(handle)
        latitudes = eccodes.codes_get_array(handle, "latitudes")
        longitudes = eccodes.codes_get_array(handle, "longitudes")
        if is_alternating:
            # Of regular grids eccodes leaves every other row turned around.
            rows = values.reshape(-1, eccodes.codes_get(handle, "Ni"))
            rows[1::2] = rows[1::2, ::-1].copy()
    is_missing = values == MISSING
    chosen = np.unique(np.linspace(0, len(values) - 1, N_POINTS).astype(int))
    points = [
        [int(i), float(latitudes[i]), float(longitudes[i]), None if is_missing[i] else float(values[i])]
        for i in chosen
    ]
    present = values[~is_missing]
    return {
        "points": points,
        "n": len(values),
        "n_missing": int(is_missing.sum()),
        "mean": float(present.mean()) if len(present) else None,
        "spread": float(np.abs(present).max()) if len(present) else 0.0,
    }


def iterated(handle):
    """Latitude, longitude and value of every point."""
    iterator = eccodes.codes_grib_iterator_new(handle, 0)
    try:
        while point := eccodes.codes_grib_iterator_next(iterator):
            yield point
    finally:
        eccodes.codes_grib_iterator_delete(iterator)


def fields(message):
    """How many fields a message has: eccodes reads the first one."""
    if message[7] == 1:
        return 1
    n, at = 0, 16
    while message[at : at + 4] != b"7777":
        n += message[at + 4] == 7
        at += int.from_bytes(message[at : at + 4], "big")
    return n


def main(folder, *files):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for path in map(pathlib.Path, files):
        n = 0
        with open(path, "rb") as file:
            while True:
                try:
                    handle = eccodes.codes_grib_new_from_file(file)
                except eccodes.CodesInternalError as error:
                    print(f"{path.name}: {error}")
                    break
                if handle is None:
                    break
                n += 1
                stem = folder / f"{path.name}.{n}"
                try:
                    message = eccodes.codes_get_message(handle)
                    if fields(message) != 1:
                        continue
                    result = expected(handle)
                except eccodes.CodesInternalError as error:
                    print(f"{path.name}, message {n}: {error}")
                    continue
                finally:
                    eccodes.codes_release(handle)
                stem.with_name(stem.name + ".grib").write_bytes(message)
                stem.with_name(stem.name + ".json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
