"""Writes the fixtures of service/decode/tests/fixtures/formats with other tools, and what those tools read from them.

    python tests/python/make_formats.py service/decode/tests/fixtures/formats

needs pandas, pyarrow, cftime, openpyxl, odfpy, xarray, netCDF4, h5netcdf, h5py, scipy, zarr and eccodes (`pip install` them; the tests
themselves need none: the files are checked in). Beside each file `<file>.expected.json` holds the columns as its tool
reads them: numbers and truth values as they are, times as ISO 8601 in UTC, `null` where there is no value.
"""

import bz2
import datetime as dt
import decimal
import gzip
import json
import math
import pathlib
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq


def plain(value):
    """A value as JSON has it."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (np.bool_, bool)):
        return bool(value)
    if isinstance(value, (np.integer, int)):
        return int(value)
    if isinstance(value, (np.floating, float)):
        return None if math.isnan(value) else float(value)
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
        if value is pd.NaT:
            return None
    if isinstance(value, (pd.Timestamp, dt.datetime)):
        value = pd.Timestamp(value)
        if value.tzinfo is not None:
            return value.tz_convert("UTC").tz_localize(None).isoformat() + "Z"
        return value.isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    return str(value)


def expected(path, columns):
    """Keeps what a tool read from `path`: name → values."""
    columns = {str(name): [plain(value) for value in values] for name, values in columns.items()}
    text = json.dumps(columns, allow_nan=False, indent=None)
    path.with_name(path.name + ".expected.json").write_text(text + "\n")


def frame_columns(frame):
    return {name: list(frame[name].astype(object)) for name in frame.columns}


def arrow_columns(table):
    return {name: table.column(name).to_pylist() for name in table.column_names}


def typed_table():
    """Every type of cell a table may have, with nulls."""
    at = [dt.datetime(2024, 3, 31, 0, 30), None, dt.datetime(2024, 10, 27, 2, 59, 59, 123456)]
    zone = dt.timezone.utc
    prague = pa.array([None if t is None else t.replace(tzinfo=zone) for t in at], pa.timestamp("us", "Europe/Prague"))
    return pa.table(
        {
            "time_us": prague,
            "time_ns": pa.array(at, pa.timestamp("ns")),
            "time_s": pa.array([0, None, 1_700_000_000], pa.timestamp("s", "UTC")),
            "day": pa.array([dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)], pa.date32()),
            "flag": [True, None, False],
            "i8": pa.array([-128, None, 127], pa.int8()),
            "i64": pa.array([-(2**62), None, 2**53 + 1], pa.int64()),
            "u64": pa.array([0, None, 2**64 - 1], pa.uint64()),
            "f32": pa.array([0.1, None, -1e30], pa.float32()),
            "f64": [0.1, None, 1e300],
            "text": ["Žižkov", None, ""],
            "large": pa.array(["a", "b" * 40, None], pa.large_string()),
            "code": pa.array(["N", None, "N"]).dictionary_encode(),
            "price": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-2.05")], pa.decimal128(9, 2)),
        }
    )


def arrow_files(folder):
    table = typed_table()
    schema = table.schema
    batches = [table.slice(0, 2).to_batches()[0], table.slice(2).to_batches()[0]]
    path = folder / "types.arrows"
    with pa.ipc.new_stream(str(path), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    expected(path, arrow_columns(pa.ipc.open_stream(str(path)).read_all()))
    for codec in ("lz4", "zstd"):
        path = folder / f"types.{codec}.arrow"
        options = pa.ipc.IpcWriteOptions(compression=codec)
        with pa.ipc.new_file(str(path), schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)
        expected(path, arrow_columns(pa.ipc.open_file(str(path)).read_all()))
    for name, options in {
        "types.snappy.parquet": {"compression": "snappy", "row_group_size": 2},
        "types.zstd.parquet": {"compression": "zstd", "data_page_version": "2.0"},
        "types.plain.parquet": {"compression": "none", "use_dictionary": False},
    }.items():
        path = folder / name
        pq.write_table(table, path, **options)
        expected(path, arrow_columns(pq.read_table(path)))
    path = folder / "pandas.parquet"
    frame = pd.DataFrame({"station": pd.Categorical(["N", "E", "N"]), "temp": [1.5, np.nan, -2.25]})
    frame.index = pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-03"], name="time", tz="UTC")
    frame.to_parquet(path, compression="gzip")
    expected(path, frame_columns(pd.read_parquet(path).reset_index()))
    pq.write_table(pa.table({"n": [[1, 2], [3]]}), folder / "lists.parquet")
    zeros = pa.table({"n": np.zeros(200_000)})
    pq.write_table(zeros, folder / "zeros.parquet", use_dictionary=False, compression="zstd", write_statistics=False)


def sheets(folder):
    import openpyxl

    for name, epoch in (("logger.xlsx", openpyxl.utils.datetime.WINDOWS_EPOCH), ("logger1904.xlsx", openpyxl.utils.datetime.MAC_EPOCH)):
        path = folder / name
        book = openpyxl.Workbook()
        book.epoch = epoch
        book.active.title = "Read me"
        book.active["A1"] = "nothing to see"
        sheet = book.create_sheet("Data")
        sheet["A1"] = "Station report"
        sheet.merge_cells("A1:E1")
        for column, (head, unit) in enumerate([("time", "UTC"), ("borehole", None), ("temp", "°C"), ("ok", None), ("note", None)], 1):
            sheet.cell(3, column, head)
            sheet.cell(4, column, unit)
        rows = [
            (dt.datetime(2024, 2, 29, 12, 30), "B1", 1.5, True, "x"),
            (dt.datetime(2024, 3, 1, 0, 0, 1), None, 2, False, None),
            (dt.datetime(1999, 12, 31, 23, 59, 59), "B2", -0.25, True, 5),
        ]
        for row, values in zip((5, 6, 8), rows):
            for column, value in enumerate(values, 1):
                sheet.cell(row, column, value)
        sheet.merge_cells("B5:B6")
        book.save(path)
        read = openpyxl.load_workbook(path, data_only=True)["Data"]
        cells = [[read.cell(row, column).value for column in range(1, 6)] for row in (5, 6, 8)]
        cells[1][1] = cells[0][1]  # merged with the cell above
        cells = [[*row[:4], None if row[4] is None else str(row[4])] for row in cells]
        heads = [read.cell(3, column).value for column in range(1, 6)]
        expected(path, dict(zip(heads, zip(*cells))))

    path = folder / "far.xlsx"
    book = openpyxl.Workbook()
    book.active["A1"] = "a"
    book.active.cell(1_048_576, 16_384, 5)
    book.save(path)

    # Results of formulas, as a spreadsheet program saves them.
    path = folder / "formulas.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["a", "b", "sum", "name"])
    book.active.append([1, 2.5, "=A2+B2", "=\"x\"&A2"])
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    sheet = sheet.replace(b"<f>A2+B2</f><v /></c>", b"<f>A2+B2</f><v>3.5</v></c>").replace(b"<f>A2+B2</f><v></v></c>", b"<f>A2+B2</f><v>3.5</v></c>")
    sheet = sheet.replace(b'<c r="D2"><f>"x"&amp;A2</f><v /></c>', b'<c r="D2" t="str"><f>"x"&amp;A2</f><v>x1</v></c>')
    sheet = sheet.replace(b'<c r="D2"><f>"x"&amp;A2</f><v></v></c>', b'<c r="D2" t="str"><f>"x"&amp;A2</f><v>x1</v></c>')
    assert b"3.5" in sheet and b"x1" in sheet, sheet
    members["xl/worksheets/sheet1.xml"] = sheet
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    expected(path, frame_columns(pd.read_excel(path)))

    path = folder / "logger.ods"
    frame = pd.DataFrame(
        {
            "time": [dt.datetime(2024, 2, 29, 12, 30), dt.datetime(2024, 3, 1, 0, 0, 1), pd.NaT],
            "depth": [1, 1, 1],
            "temp": [1.5, None, -0.25],
            "ok": [True, False, True],
            "note": ["a  b", "a\nb & <c>", None],
        }
    )
    with pd.ExcelWriter(path, engine="odf") as writer:
        pd.DataFrame({"first": [1]}).to_excel(writer, sheet_name="First", index=False)
        frame.to_excel(writer, sheet_name="Data", index=False, startrow=1)
    read = pd.read_excel(path, sheet_name="Data", skiprows=1, engine="odf")
    expected(path, frame_columns(read))


TOA5 = """"TOA5","Bukov_01","CR1000X","12345","CR1000X.Std.05.01","CPU:bukov.CR1X","4711","Table1"
"TIMESTAMP","RECORD","BattV_Min","AirTC_Avg","T107_C(1)"
"TS","RN","Volts","Deg C","Deg C"
"","","Min","Avg","Smp"
"2024-05-01 00:00:00",0,12.71,8.41,"NAN"
"2024-05-01 00:10:00",1,12.7,-0.5,7.125
"2024-05-01 00:20:00.5",2,"NAN",8.375,7.25
"""


def loggers(folder):
    path = folder / "bukov.toa5"
    path.write_text(TOA5.replace("\n", "\r\n"))
    frame = pd.read_csv(path, skiprows=[0, 2, 3], na_values=["NAN"], dtype=str)
    expected(path, frame_columns(frame))


LINES = r'''# from the documentation of InfluxDB, and worse
myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000
weather,location=us-midwest temperature=82,humidity=71i,ok=t,n=18446744073709551615u 1465839830100400200
my\ Measure\,ment,tag\ Key=tag\=Value\,1 field\ Key="say \"hi\" \\ bye\n" 1465839830100400201

weather,location=us\ west temperature=-1.5e2,ok=False
'''


def line_protocol(folder):
    (folder / "lines.lp").write_text(LINES)


def archives(folder):
    text = "time,temp\n2024-01-01T00:00:00Z,1.5\n2024-01-02T00:00:00Z,\n"
    (folder / "table.csv.bz2").write_bytes(bz2.compress(text.encode()))
    with zipfile.ZipFile(folder / "table.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data/", "")
        archive.writestr("data/table.csv", text)
    with zipfile.ZipFile(folder / "two.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../readme.txt", "read me")
        archive.writestr("../../table.csv.gz", gzip.compress(text.encode(), mtime=0))
    with zipfile.ZipFile(folder / "zeros.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.csv", "1\n" * 2_000_000)


def simulation():
    """A slab with everything the conventions allow: packing, fill values, bounds, a projection, a scalar coordinate."""
    import xarray as xr

    times = pd.date_range("2024-02-28T18:00", periods=3, freq="12h")
    temp = np.arange(24, dtype="f4").reshape(3, 4, 2) / 8 - 1
    temp[1, 2, 0] = np.nan
    flux = np.round(np.linspace(-5, 5, 12), 2).reshape(3, 4)
    flux[2, 3] = np.nan
    slab = xr.Dataset(
        {
            "temp": (("time", "depth", "station"), temp, {"units": "degC", "grid_mapping": "crs", "coordinates": "height"}),
            "flux": (("time", "depth"), flux),
            "count": (("station",), np.array([3, 2**40])),
            "time_bnds": (("time", "nv"), np.zeros((3, 2))),
            "crs": ((), 0, {"grid_mapping_name": "latitude_longitude"}),
        },
        {"time": ("time", times, {"bounds": "time_bnds"}), "station": ["Žižkov", "B2"], "height": ((), 2.0)},
    )
    slab.encoding["unlimited_dims"] = {"time"}
    encoding = {
        "time": {"units": "hours since 2024-01-01 00:00:00", "dtype": "i4"},
        "flux": {"dtype": "i2", "scale_factor": 0.01, "add_offset": 20.0, "_FillValue": -32768},
    }
    return slab, encoding


def slab_columns(slab):
    """What the table of a slab is: one row per cell, the last dimension running fastest."""
    slab = slab.drop_vars(["time_bnds", "crs"])
    frame = slab.to_dataframe(dim_order=["time", "depth", "station"]).reset_index()
    columns = frame_columns(frame)
    columns["time"] = [pd.Timestamp(time, tz="UTC") for time in columns["time"]]
    # xarray unpacks into single precision; the exact product is one of doubles.
    packed = np.round((frame["flux"] - 20.0) / 0.01)
    columns["flux"] = list((packed * 0.01 + 20.0).astype(object))
    return columns


def slabs(folder):
    import warnings

    import netCDF4
    import xarray as xr
    import zarr

    slab, encoding = simulation()
    path = folder / "slab.nc"
    chunked = {"temp": {"zlib": True, "shuffle": True, "chunksizes": (1, 2, 2)}}
    slab.to_netcdf(path, engine="netcdf4", encoding=encoding | chunked)
    expected(path, slab_columns(xr.open_dataset(path).load()))
    path = folder / "group.nc"
    slab.to_netcdf(path, engine="h5netcdf", group="forecast/first", encoding=encoding)
    expected(path, slab_columns(xr.open_dataset(path, group="forecast/first", engine="h5netcdf").load()))
    path = folder / "slab3.nc"
    slab.assign(count=slab["count"].astype("i4")).to_netcdf(path, engine="scipy", encoding=encoding)
    expected(path, slab_columns(xr.open_dataset(path, engine="scipy").load()))
    path = folder / "unsigned.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("x", 3)
        for name, kind, numbers in (("a", "i1", [1, -2, -1]), ("b", "i2", [1, -1, -25536])):
            variable = file.createVariable(name, kind, ("x",), fill_value=-1 if name == "a" else None)
            variable.set_auto_maskandscale(False)
            variable.setncattr("_Unsigned", "true")
            variable[:] = np.array(numbers, kind)
        file.createVariable("x", "i4", ("x",))[:] = [1, 2, 3]
    expected(path, frame_columns(xr.open_dataset(path, engine="scipy").to_dataframe().reset_index()))
    climate(folder / "climate.nc")
    for version in (2, 3):
        path = folder / f"slab{version}.zarr.zip"
        path.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zarr.storage.ZipStore(path, mode="w") as store:
                slab.to_zarr(store, zarr_format=version, encoding=encoding, consolidated=False)
            with zarr.storage.ZipStore(path, mode="r") as store:
                expected(path, slab_columns(xr.open_zarr(store, consolidated=False).load()))


def climate(path):
    """A calendar without leap days, valid ranges, names as arrays of characters."""
    import cftime
    import netCDF4

    with netCDF4.Dataset(path, "w", format="NETCDF4_CLASSIC") as file:
        file.createDimension("time", None)
        file.createDimension("station", 2)
        file.createDimension("length", 6)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time.calendar = "days since 2023-12-31 12:00", "noleap"
        time[:] = [0, 59, 60, 365.25]
        names = file.createVariable("station", "S1", ("station", "length"))
        names[:] = netCDF4.stringtochar(np.array([b"Kladno", b"Zlin"], "S6"))
        temp = file.createVariable("temp", "i2", ("time", "station"), fill_value=-999)
        temp.units, temp.scale_factor, temp.add_offset, temp.valid_range = "K", 0.1, 273.15, np.array([-500, 500], "i2")
        temp.set_auto_maskandscale(False)
        temp[:] = [[-500, -501], [500, 501], [-999, 0], [1, 2]]
        wind = file.createVariable("wind", "f4", ("time",))
        wind.units, wind.valid_min = "m s-1", np.float32(0)
        wind[:] = [0, 1.5, -1, 3]
    with netCDF4.Dataset(path) as file:
        times = cftime.num2date(file["time"][:], file["time"].units, "noleap")
        columns = {"time": [], "station": [], "temp": [], "wind": []}
        for i, time in enumerate(times):
            for j, name in enumerate(["Kladno", "Zlin"]):
                columns["time"].append(f"{time.isoformat()}Z")
                columns["station"].append(name)
                columns["temp"].append(None if np.ma.is_masked(file["temp"][i, j]) else float(file["temp"][i, j]))
                columns["wind"].append(None if np.ma.is_masked(file["wind"][i]) else float(file["wind"][i]))
    expected(path, columns)


def observations(folder):
    """Times along another dimension, packed, in odd calendars, and of several stations; compressions of plugins."""
    import netCDF4
    import zarr

    def times(file, dimension, numbers, units, kind="f8", **attributes):
        time = file.createVariable("time", kind, (dimension,))
        time.setncatts({"units": units} | attributes)
        time.set_auto_maskandscale(False)
        time[:] = numbers

    def values(file, dimension, numbers, name="level"):
        file.createVariable(name, "f8", (dimension,))[:] = numbers

    with netCDF4.Dataset(folder / "observations.nc", "w") as file:
        file.createDimension("obs", 3)
        times(file, "obs", [0, 15, 30], "minutes since 2024-05-01 00:00:00 UTC")
        values(file, "obs", [1.5, 1.75, 2.0])
        calibrated = file.createVariable("calibrated", "i8", ("obs",))
        calibrated.units = "seconds since 1970-01-01"
        calibrated[:] = [0, -(2**63), 86400]
        compound = file.createCompoundType(np.dtype([("a", "i4")]), "pair")
        file.createVariable("nobody", compound, ("obs",))
    for kind in ("contiguous", "indexed"):
        with netCDF4.Dataset(folder / f"{kind}.nc", "w") as file:
            file.featureType = "timeSeries"
            file.createDimension("station", 2)
            file.createDimension("obs", 3)
            times(file, "obs", [0, 1, 0], "hours since 2024-05-01")
            values(file, "obs", [1.5, 1.75, 9.0])
            values(file, "station", [50.1, 49.2], "lat")
            file.createVariable("station", str, ("station",))[:] = np.array(["Kladno", "Zlin"], object)
            if kind == "contiguous":
                counter = file.createVariable("row_size", "i4", ("station",))
                counter.sample_dimension = "obs"
                counter[:] = [2, 1]
            else:
                counter = file.createVariable("station_index", "i4", ("obs",))
                counter.instance_dimension = "station"
                counter[:] = [0, 0, 1]
    calendars = {
        "packed": ([0, 5, 10], "seconds since 2019-02-14 09:00:00", {"scale_factor": 0.5}),
        "caesar": ([737688.125, 737688.25, 737688.375], "days since 1-1-1 00:00:0.0", {}),
        "days360": ([0, 30, 59], "days since 2000-01-01", {"calendar": "360_day"}),
    }
    for name, (numbers, units, attributes) in calendars.items():
        with netCDF4.Dataset(folder / f"{name}.nc", "w", format="NETCDF3_CLASSIC") as file:
            file.createDimension("time", 3)
            times(file, "time", numbers, units, "i4" if name == "packed" else "f8", **attributes)
            values(file, "time", [1, 2, 3])
    for compression in ("zstd", "bzip2", "blosc_lz4"):
        with netCDF4.Dataset(folder / f"{compression}.nc", "w") as file:
            file.createDimension("time", 300)
            times(file, "time", np.arange(300), "hours since 2024-05-01")
            level = file.createVariable("level", "f8", ("time",), compression=compression)
            # Blosc gives up on what is too short.
            level[:] = np.arange(300) // 100
    path = folder / "zeros2.zarr.zip"
    path.unlink(missing_ok=True)
    with zarr.storage.ZipStore(path, mode="w") as store:
        group = zarr.create_group(store, zarr_format=2)
        for name, fill, dims in (("n", None, ["x"]), ("marked", -1, ["x"]), ("plain", 0, None)):
            attributes = {"_ARRAY_DIMENSIONS": dims} if dims else {}
            array = group.create_array(name, shape=(3,), dtype="i4", fill_value=fill, attributes=attributes)
            array[:] = [0, -1, 5]


def grib(folder):
    import eccodes

    def message(file, sample, values, **keys):
        handle = eccodes.codes_grib_new_from_samples(sample)
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set(handle, "missingValue", 9999)
        eccodes.codes_set(handle, "bitmapPresent", int((values == 9999).any()))
        eccodes.codes_set_values(handle, values)
        eccodes.codes_write(handle, file)
        eccodes.codes_release(handle)

    def read(path, key):
        """Columns of a file: every message on its own, its points in the order of the file."""
        messages = []
        with open(path, "rb") as file:
            while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
                eccodes.codes_set(handle, "missingValue", math.nan)
                time = pd.Timestamp(f"{eccodes.codes_get(handle, 'validityDate')}T{eccodes.codes_get(handle, 'validityTime'):04d}", tz="UTC")
                values = eccodes.codes_get_values(handle)
                latitudes = eccodes.codes_get_array(handle, "latitudes")
                longitudes = eccodes.codes_get_array(handle, "longitudes")
                messages.append((eccodes.codes_get(handle, "shortName"), eccodes.codes_get(handle, key), time, latitudes, longitudes, values))
                eccodes.codes_release(handle)
        return messages

    place = {
        "Ni": 4, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 51, "longitudeOfFirstGridPointInDegrees": 12,
        "latitudeOfLastGridPointInDegrees": 50, "longitudeOfLastGridPointInDegrees": 13.5,
        "iDirectionIncrementInDegrees": 0.5, "jDirectionIncrementInDegrees": 0.5, "dataDate": 20240501, "dataTime": 600,
    }
    rng = np.random.default_rng(1)
    field = lambda n: np.round(rng.normal(280, 10, n), 2)  # noqa: E731

    def levels(path, sample, packing, **kind):
        with open(path, "wb") as file:
            for step in (0, 6):
                for level in (850, 500):
                    values = field(12)
                    if step == 6:
                        values[5] = 9999
                    message(file, sample, values, **place, step=step, **kind, level=level, packingType=packing, decimalPrecision=2)
        messages = read(path, "level")
        order = sorted(messages, key=lambda message: (message[2], message[1]))
        expected(
            path,
            {
                "reference_time": [pd.Timestamp("2024-05-01T06:00", tz="UTC")] * 48,
                "time": [time for _, _, time, *_ in order for _ in range(12)],
                "isobaricInhPa": [float(level) for _, level, *_ in order for _ in range(12)],
                "latitude": np.concatenate([message[3] for message in order]),
                "longitude": np.concatenate([message[4] for message in order]),
                "TMP": np.concatenate([message[5] for message in order]),
            },
        )

    levels(folder / "levels.grib2", "regular_ll_pl_grib2", "grid_simple", shortName="t")
    levels(folder / "complex.grib2", "regular_ll_pl_grib2", "grid_complex", shortName="t")
    levels(folder / "levels.grib1", "regular_ll_pl_grib1", "grid_simple", table2Version=2, indicatorOfParameter=11)
    raw = (folder / "levels.grib1").read_bytes()
    (folder / "levels.grib1.bz2").write_bytes(bz2.compress(raw))

    cone = {
        "gridType": "lambert", "Nx": 5, "Ny": 4, "latitudeOfFirstGridPointInDegrees": 48.5, "longitudeOfFirstGridPointInDegrees": 12.1,
        "LoVInDegrees": 17, "Latin1InDegrees": 46.25, "Latin2InDegrees": 46.25, "DxInMetres": 4710, "DyInMetres": 4710,
        "jScansPositively": 1, "dataDate": 20240501, "dataTime": 0, "step": 3,
    }
    for name, sample, keys in (
        ("lambert.grib2", "regular_ll_sfc_grib2", {"shortName": "2t", "shapeOfTheEarth": 6, "LaDInDegrees": 46.25}),
        ("ellipsoid.grib2", "regular_ll_sfc_grib2", {"shortName": "2t", "shapeOfTheEarth": 5, "LaDInDegrees": 48, "Latin1InDegrees": 47, "Latin2InDegrees": 49}),
        ("lambert.grib1", "regular_ll_sfc_grib1", {"table2Version": 2, "indicatorOfParameter": 11, "indicatorOfTypeOfLevel": 105, "level": 2}),
    ):
        path = folder / name
        with open(path, "wb") as file:
            message(file, sample, field(20), **{**cone, **keys}, decimalPrecision=2)
        ((_, _, time, latitudes, longitudes, values),) = read(path, "level")
        expected(path, {"time": [time] * 20, "latitude": latitudes, "longitude": longitudes, "TMP": values})
    projections(folder, message, read, field)


def projections(folder, message, read, field):
    """Fields on all other grids that are read, and some that are not."""
    import eccodes

    first = {"surface": "regular_ll_sfc_grib1", "keys": {"table2Version": 2, "indicatorOfParameter": 11, "indicatorOfTypeOfLevel": 105, "level": 2}}
    second = {"surface": "regular_ll_sfc_grib2", "keys": {"shortName": "2t"}}
    times = {"dataDate": 20240501, "dataTime": 0, "step": 3}
    small = {"Nx": 5, "Ny": 4, "jScansPositively": 1}
    pole = {"latitudeOfSouthernPoleInDegrees": -39.25, "longitudeOfSouthernPoleInDegrees": 18, "angleOfRotationInDegrees": 10}
    rotated = {
        "gridType": "rotated_ll", "Ni": 5, "Nj": 4, "latitudeOfFirstGridPointInDegrees": -2.5, "longitudeOfFirstGridPointInDegrees": -4, "jScansPositively": 1,
        "latitudeOfLastGridPointInDegrees": -1, "longitudeOfLastGridPointInDegrees": -2, "iDirectionIncrementInDegrees": 0.5, "jDirectionIncrementInDegrees": 0.5, **pole,
    }
    polar = {"gridType": "polar_stereographic", **small, "latitudeOfFirstGridPointInDegrees": 40, "longitudeOfFirstGridPointInDegrees": 5, "orientationOfTheGridInDegrees": 15, "DxInMetres": 50000, "DyInMetres": 50000}
    south = {**polar, "projectionCentreFlag": 128, "latitudeOfFirstGridPointInDegrees": -60, "longitudeOfFirstGridPointInDegrees": 300}
    mercator = {
        "gridType": "mercator", "Ni": 5, "Nj": 4, "latitudeOfFirstGridPointInDegrees": 10, "longitudeOfFirstGridPointInDegrees": 100, "jScansPositively": 1,
    }
    parallels = eccodes.codes_get_gaussian_latitudes(36)
    gauss = {"Ni": 6, "Nj": 4, "N": 36, "latitudeOfFirstGridPointInDegrees": parallels[15], "longitudeOfFirstGridPointInDegrees": 0, "latitudeOfLastGridPointInDegrees": parallels[18],
             "longitudeOfLastGridPointInDegrees": 12.5, "iDirectionIncrementInDegrees": 2.5}
    cone = {"gridType": "lambert", **small, "latitudeOfFirstGridPointInDegrees": 48.5, "longitudeOfFirstGridPointInDegrees": 12.1, "LoVInDegrees": 17, "Latin1InDegrees": 46.25,
            "Latin2InDegrees": 46.25, "DxInMetres": 4710, "DyInMetres": 4710}
    regular = {"Ni": 6, "Nj": 4, "latitudeOfFirstGridPointInDegrees": 51, "longitudeOfFirstGridPointInDegrees": 10, "latitudeOfLastGridPointInDegrees": 48,
               "longitudeOfLastGridPointInDegrees": 15, "iDirectionIncrementInDegrees": 1, "jDirectionIncrementInDegrees": 1}
    smooth = np.round(280 + np.arange(20) % 7 / 4, 2)
    for name, edition, keys in (
        ("rotated.grib1", first, rotated),
        ("rotated.grib2", second, {**rotated, "shapeOfTheEarth": 6}),
        ("polar.grib1", first, polar),
        ("polar.grib2", second, {**polar, "shapeOfTheEarth": 6, "LaDInDegrees": 50}),
        ("polar-south.grib2", second, {**south, "shapeOfTheEarth": 6, "LaDInDegrees": -71}),
        ("mercator.grib1", first, {**mercator, "Latin": 20000, "DiInMetres": 30000, "DjInMetres": 30000}),
        ("mercator.grib2", second, {**mercator, "shapeOfTheEarth": 6, "LaDInDegrees": 20, "DiInMetres": 30000, "DjInMetres": 30000}),
        ("gauss.grib1", first, {"gridType": "regular_gg", **gauss}),
        ("second-order.grib1", first, {**cone, "packingType": "grid_second_order_row_by_row"}),
        ("increments.grib1", first, {**regular, "ijDirectionIncrementGiven": 0}),
        ("ccsds.grib2", second, {**regular, "packingType": "grid_ccsds"}),
        ("jpeg.grib2", second, {**regular, "packingType": "grid_jpeg"}),
        ("ieee.grib2", second, {**regular, "packingType": "grid_ieee"}),
    ):
        path = folder / name
        n = (keys.get("Nx") or keys["Ni"]) * (keys.get("Ny") or keys["Nj"])
        values = smooth if "second" in name else field(n)
        keys = {**edition["keys"], **keys, **times}
        packing = keys.pop("packingType", None)
        try:
            with open(path, "wb") as file:
                message(file, edition["surface"], values, **keys, decimalPrecision=2, **({"packingType": packing} if packing else {}))
        except eccodes.CodesInternalError as error:
            print(f"{name}: {error}", file=sys.stderr)
            path.unlink()
            continue
        ((_, _, time, latitudes, longitudes, values),) = read(path, "level")
        longitudes = (longitudes + 180) % 360 - 180
        expected(path, {"time": [time] * n, "latitude": latitudes, "longitude": longitudes, "TMP": values})
    # Grids that are named when they are refused.
    with open(folder / "reduced.grib1", "wb") as file:
        handle = eccodes.codes_grib_new_from_samples("reduced_gg_pl_32_grib1")
        eccodes.codes_write(handle, file)
    with open(folder / "reduced.grib2", "wb") as file:
        handle = eccodes.codes_grib_new_from_samples("reduced_gg_pl_32_grib2")
        eccodes.codes_write(handle, file)
    with open(folder / "spectral.grib2", "wb") as file:
        handle = eccodes.codes_grib_new_from_samples("sh_sfc_grib2")
        eccodes.codes_write(handle, file)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    arrow_files(folder)
    sheets(folder)
    loggers(folder)
    line_protocol(folder)
    archives(folder)
    slabs(folder)
    observations(folder)
    grib(folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
