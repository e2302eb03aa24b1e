"""Writes the fixtures of service/tests/fixtures/formats with other tools, and what those tools read from them.

    python tests/python/make_formats.py service/tests/fixtures/formats

needs pandas, pyarrow, openpyxl, odfpy, xarray, netCDF4, h5netcdf, scipy, zarr and eccodes (`pip install` them; the tests
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


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    arrow_files(folder)
    sheets(folder)
    loggers(folder)
    line_protocol(folder)
    archives(folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
