"""check_levels.py STORE NODE FACTOR: coarser levels of variable `x` along `time` are what xarray makes of the node."""

import sys

import numpy as np
import xarray

store, node, factor = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = xarray.open_zarr(store, group=node)
n_levels, cell = 0, factor
while data.sizes["time"] // cell:
    level = xarray.open_zarr(store, group=f"{node}@{cell}")
    cells = data.x.coarsen(time=cell, boundary="trim")
    for name, expected in [
        ("x_min", cells.min()),
        ("x_max", cells.max()),
        ("x_mean", cells.mean()),
        ("x_count", cells.count()),
    ]:
        found = level[name]
        assert found.dims == expected.dims, (cell, name, found.dims, expected.dims)
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-6, err_msg=f"{name}, cells of {cell}")
    whole = data.sizes["time"] // cell * cell
    blocks = data.x.values[:whole].reshape((whole // cell, cell) + data.x.shape[1:])
    kept = level.x_count.values > 0
    taken = np.take_along_axis(blocks, level.x_max_at.values.astype(int)[:, None], axis=1)[:, 0]
    np.testing.assert_array_equal(taken[kept], level.x_max.values[kept])
    np.testing.assert_array_equal(level.time.values, data.time.values[:whole:cell])
    assert level.x_min.attrs["units"] == data.x.attrs["units"]
    assert level.x_max.attrs["cell_methods"] == "time: maximum"
    n_levels, cell = n_levels + 1, cell * factor
tree = xarray.open_datatree(store, engine="zarr")
assert node in tree.children and f"{node}@{factor}" in tree.children, tree.children
print(f"{n_levels} levels")
