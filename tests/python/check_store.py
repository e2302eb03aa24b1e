"""Compares a node of a store with what its contributions must give.

check_store.py SCHEMA STORE NODE KIND=FILE…     the files in the order they were contributed
check_store.py SCHEMA STORE NODE contributions=FILE     the same in one file, each line {"kind": …, "body": text}

Reads every array with zarr and with xarray, with warnings as errors, and computes what they must hold from the source
files alone.
"""

import readers  # first: from here on, warnings are errors

import json
import sys

import numpy as np

import contract
import sources


def main(schema, store, path, contributions):
    node = contract.load(schema, path)
    n_rows = n_contributions = 0
    for kind, data in delivered(contributions):
        rows = sources.rows(kind, data)
        n_rows += len(rows)
        n_contributions += 1
        node.fold(rows)
    n_arrays, n_cells = compare(node, store, path)
    print(f"{path}: {n_arrays} arrays, {n_cells} cells, {n_rows} rows as computed from {n_contributions} contributions")


def compare(node, store, path):
    """Raises unless zarr and xarray read what the node must hold; gives the numbers of arrays and cells."""
    expected = node.arrays()
    stored = readers.with_zarr(store, path)
    if set(stored) != set(expected):
        raise AssertionError(f"the arrays are {sorted(stored)}, not {sorted(expected)}")
    dataset = readers.with_xarray(store, path)
    n_cells = 0
    for name, (dims, values) in expected.items():
        found_dims, found = stored[name]
        if tuple(found_dims) != dims:
            raise AssertionError(f"{name}: dimensions {found_dims} instead of {dims}")
        variable = node.coords.get(name) or node.variables[name]
        computed = variable.converted or name in node.gridded
        rtol = 0 if not computed else 1e-6 if values.dtype == np.float32 else 1e-12
        readers.same(name, values, found, rtol)
        opened = dataset[name]
        if opened.dims != dims:
            raise AssertionError(f"{name}: xarray sees dimensions {opened.dims} instead of {dims}")
        attrs = opened.encoding | opened.attrs
        seen = readers.decoded(name, values, attrs)
        masked = opened.encoding.get("_FillValue")
        if masked is not None and seen.dtype.kind in "iu":
            seen = np.where(seen == masked, np.nan, seen.astype("float64"))
        readers.same(name, seen, opened.values, rtol)
        n_cells += values.size
    return len(expected), n_cells


def delivered(contributions):
    """Kind and bytes of every contribution."""
    for contribution in contributions:
        kind, file = contribution.split("=", 1)
        with open(file, "rb") as opened:
            data = opened.read()
        if kind != "contributions":
            yield kind, data
            continue
        for line in data.splitlines():
            one = json.loads(line)
            yield one["kind"], one["body"].encode()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
