"""Source files as rows, read with nothing but json and pandas."""

import io
import json
import re

import pandas as pd


def rows(kind, data):
    """The rows of a delivered file, as dicts by incoming column."""
    return SOURCES[kind](data)


def csv(data):
    frame = pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, na_values=[""], skipinitialspace=True)
    frame = frame.astype(object).where(frame.notna(), None)
    return frame.to_dict("records")


def json_records(data):
    return json.loads(data)


def ndjson(data):
    return [json.loads(line) for line in data.decode().splitlines() if line.strip()]


def locationforecast(data):
    document = json.loads(data)
    longitude, latitude = document["geometry"]["coordinates"][:2]
    out = []
    for step in document["properties"]["timeseries"]:
        rain = step["data"].get("next_1_hours", {}).get("details", {}).get("precipitation_amount")
        row = {"date_time": step["time"], "latitude": latitude, "longitude": longitude}
        out.append(row | step["data"]["instant"]["details"] | {"precipitation_amount": rain})
    return out


def borehole_records(data):
    """Every depth of every record in a row of its own; where two sensors share a depth, sensor A; -7.77 is no sensor."""

    def measured(value):
        return None if value == -7.77 else value

    out = []
    for borehole, records in json.loads(data).items():
        for record in records:
            at = {"date_time": record["date"], "borehole": borehole}
            air = {key: measured(record.get(key)) for key in ("air_temp", "air_humidity")}
            out.append(at | {"depth": 0.0, "rock_temp": None} | air)
            for key, value in record.items():
                found = re.fullmatch(r"([0-9.]+)m(A?)", key)
                if found:
                    rock = {"depth": float(found[1]), "rock_temp": measured(value)}
                    out.append(at | rock | {"air_temp": None, "air_humidity": None})
    return out


def borehole_locations(data):
    """Codes of boreholes with their place, `49.45,16.23`, cut in two."""
    out = []
    for row in csv(data):
        latitude, longitude = row["GPS"].split(",")
        out.append({"borehole": row["profile_code"].strip(), "latitude": float(latitude), "longitude": float(longitude)})
    return out


def constants(kind, variables):
    """What an endpoint adds to every row: the place that a forecast was asked for."""
    if kind != "locationforecast":
        return {}
    place = {key: float(variables[key]) for key in ("latitude", "longitude") if key in variables}
    return place | {key: variables[key] for key in ("location",) if key in variables}


SOURCES = {
    "csv": csv,
    "json": json_records,
    "ndjson": ndjson,
    "locationforecast": locationforecast,
    "borehole-records": borehole_records,
    "borehole-locations": borehole_locations,
}
