"""Compares a node of a store with what the tool that wrote its file reads from it.

check_formats.py STORE NODE EXPECTED.json     columns as `make_formats.py` keeps them, named as in the schema

Every value of the file must stand in the arrays at its coordinates, as xarray reads them with warnings as errors.
"""

import readers  # first: from here on, warnings are errors

import json
import sys

import numpy as np


def main(store, path, file):
    with open(file) as opened:
        columns = json.load(opened)
    dataset = readers.with_xarray(store, path)
    n_values = 0
    for name, array in dataset.data_vars.items():
        rows = range(len(columns[name]))
        for row in rows:
            place = {dim: at(dataset[dim], columns[dim][row]) for dim in array.dims}
            found, wanted = array.sel(place).values[()], columns[name][row]
            if not same(found, wanted):
                raise AssertionError(f"{name} at {place} is {found!r}, not {wanted!r}")
            n_values += wanted is not None
    if not n_values:
        raise AssertionError("nothing was compared")
    print(f"{path}: {n_values} values as the other tool reads them")


def at(coordinate, value):
    """The value of a coordinate as the array has it."""
    if coordinate.dtype.kind == "M":
        return np.datetime64(value.removesuffix("Z"))
    if coordinate.dtype.kind == "f":
        near = coordinate.values[np.isclose(coordinate.values, value, rtol=0, atol=1e-9)]
        if len(near) != 1:
            raise AssertionError(f"{coordinate.name} has {coordinate.values}, not {value}")
        return near[0]
    return value


def same(found, wanted):
    if wanted is None:
        return found in ("", None) or bool(np.isnan(found))
    if isinstance(wanted, float):
        return bool(np.isclose(found, wanted, rtol=1e-6, atol=0))
    return found == wanted


if __name__ == "__main__":
    main(*sys.argv[1:])
