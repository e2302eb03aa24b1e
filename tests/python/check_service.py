"""Compares a node of a running service with what its contributions must give.

check_service.py URL SCHEMA STORE DATASET NODE

Fetches every contribution over HTTP, computes what the arrays must hold, and compares with the store on disk and with
the store as the service serves it. Warnings are errors.
"""

import check_store  # first: from here on, warnings are errors

import json
import sys
import urllib.request

import numpy as np
import xarray as xr

import contract
import sources


def get(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def contributions(base, dataset, node):
    """Every contribution to a node, in order: kind, bytes, variables."""
    found, before = [], ""
    while before is not None:
        page = json.loads(get(f"{base}/api/v1/contributions?dataset={dataset}&node={node}&limit=1000{before}"))
        found += page["contributions"]
        before = page["before"] and f"&before={page['before']}"
    for one in sorted(found, key=lambda one: one["seq"]):
        if one["status"] != "merged":
            raise AssertionError(f"{one['id']} is {one['status']}: {one}")
        kind = {"locationforecast": "locationforecast"}.get(one["endpoint"], one["content_type"].split(";")[0].split("/")[1])
        yield kind, get(f"{base}/api/v1/contributions/{one['id']}/payload"), one.get("variables", {})


def main(base, schema, store, dataset, path):
    node = contract.load(schema, path)
    n = 0
    for kind, data, variables in contributions(base, dataset, path):
        node.fold([row | sources.constants(kind, variables) for row in sources.rows(kind, data)])
        n += 1
    check_store.compare(node, store, path)
    local = xr.open_zarr(store, group=path)
    remote = xr.open_zarr(f"{base}/zarr/{dataset}", group=path)
    xr.testing.assert_identical(local.load(), remote.load())
    n_cells = sum(np.asarray(array).size for _, array in node.arrays().values())
    print(f"{dataset}/{path}: {n_cells} cells as computed from {n} contributions")


if __name__ == "__main__":
    main(*sys.argv[1:])
