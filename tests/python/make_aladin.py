"""Writes files as CHMI's directory of the model ALADIN has them, and what cfgrib reads from them.

    python tests/python/make_aladin.py service/server/tests/fixtures/aladin

needs eccodes, cfgrib and xarray. The files are GRIB 1 of centre 89, one per quantity and run, all steps in it, compressed
with bzip2. `<domain>.expected.json` holds the columns that a node must have when the files in LOST were lost on the way.
"""

import bz2
import json
import pathlib
import sys
import tempfile

import eccodes
import numpy as np
import xarray as xr

DATE = "20260110"
# Quantity → (table, parameter, level type, level, time range, name in the schema, from the file's unit).
SURFACE = {
    "CLSTEMPERATURE": (1, 11, 105, 2, 0, "air_temperature", lambda kelvin: kelvin - 273.15),
    "CLSHUMI_RELATIVE": (1, 52, 105, 2, 0, "relative_humidity", lambda value: value),
    "CLSWIND_SPEED": (1, 32, 105, 10, 0, "wind_speed", lambda value: value),
    "SURFPREC_TOTAL": (254, 150, 1, 0, 4, "precipitation", lambda value: value),
    "MSLPRESSURE": (1, 2, 102, 0, 0, "air_pressure", lambda pascal: pascal / 100),
}
CENTRAL = {name: SURFACE[name] for name in ("CLSTEMPERATURE", "CLSWIND_SPEED", "SURFPREC_TOTAL", "MSLPRESSURE")}
LEVEL = {"CLSTEMPERATURE": 275, "CLSHUMI_RELATIVE": 0.7, "CLSWIND_SPEED": 5, "SURFPREC_TOTAL": 2, "MSLPRESSURE": 101325}
STEPS = {"00": (0, 3, 6, 9), "06": (0, 3, 6)}
LOST = {("CZ_1km", "00", "SURFPREC_TOTAL"), ("CZ_1km", "06", "MSLPRESSURE"), ("CZ_1km", "06", "CLSWIND_SPEED")}

REGULAR = {
    "gridType": "regular_ll", "Ni": 6, "Nj": 5, "jScansPositively": 1, "latitudeOfFirstGridPointInDegrees": 48.5, "longitudeOfFirstGridPointInDegrees": 12,
    "latitudeOfLastGridPointInDegrees": 48.536, "longitudeOfLastGridPointInDegrees": 12.07, "iDirectionIncrementInDegrees": 0.014, "jDirectionIncrementInDegrees": 0.009,
}
LAMBERT = {
    "gridType": "lambert", "Nx": 5, "Ny": 4, "jScansPositively": 1, "latitudeOfFirstGridPointInDegrees": 36.038, "longitudeOfFirstGridPointInDegrees": 1.288,
    "LoVInDegrees": 17, "Latin1InDegrees": 46.244, "Latin2InDegrees": 46.244, "DxInMetres": 2325, "DyInMetres": 2325,
}
DOMAINS = {
    "CZ_1km": ("ALADCZ1K4opendata", REGULAR, SURFACE, ("00", "06")),
    "Lambert_2.3km": ("ALADLAMB4opendata", LAMBERT, CENTRAL, ("00",)),
}


def messages(rng, grid, quantity, run, about):
    table, parameter, kind, level, time_range, _, _ = about
    for step in STEPS[run]:
        handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
        keys = {
            **grid, "centre": 89, "table2Version": table, "indicatorOfParameter": parameter, "indicatorOfTypeOfLevel": kind, "level": level, "dataDate": int(DATE),
            "dataTime": int(run) * 100, "timeRangeIndicator": time_range, "P1": 0 if time_range == 4 else step, "P2": step if time_range == 4 else 0, "decimalPrecision": 3,
        }
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        n = eccodes.codes_get_size(handle, "latitudes")
        middle = LEVEL[quantity]
        eccodes.codes_set_values(handle, middle + middle / 20 * rng.random(n))
        yield eccodes.codes_get_message(handle)
        eccodes.codes_release(handle)


def read(raw):
    """Values by time, and the places, as cfgrib reads them."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file.grb"
        path.write_bytes(raw)
        dataset = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": "", "values_dtype": np.dtype("f8")}).load()
    (name,) = dataset.data_vars
    latitudes, longitudes = xr.broadcast(dataset.latitude, dataset.longitude)
    return dataset[name].values, dataset.valid_time.values, latitudes.values, longitudes.values


def main(folder):
    rng = np.random.default_rng(89)
    for domain, (prefix, grid, quantities, runs) in DOMAINS.items():
        cells = {}
        for run in runs:
            for quantity, about in quantities.items():
                raw = b"".join(messages(rng, grid, quantity, run, about))
                path = folder / domain / run / f"{prefix}_{DATE}{run}_{quantity}.grb.bz2"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(bz2.compress(raw))
                values, times, latitudes, longitudes = read(raw)
                for field, time in zip(values, times):
                    for place in np.ndindex(field.shape):
                        cell = cells.setdefault((str(time)[:19] + "Z", *place), {})
                        cell.update(latitude=float(latitudes[place]), longitude=float(longitudes[place]))
                        if (domain, run, quantity) not in LOST:
                            cell[about[5]] = float(about[6](float(field[place])))
        columns = {"date_time": [time for time, _, _ in cells]}
        if domain.startswith("Lambert"):
            columns["y"] = [j * 2325.0 for _, j, _ in cells]
            columns["x"] = [i * 2325.0 for _, _, i in cells]
        for name in ("latitude", "longitude", *(about[5] for about in quantities.values())):
            columns[name] = [cell.get(name) for cell in cells.values()]
        (folder / f"{domain}.expected.json").write_text(json.dumps(columns) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
