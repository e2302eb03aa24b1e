"""Opens a store as users do, with xarray and with zarr. Any warning is an error."""

import warnings

warnings.simplefilter("error")

import numpy as np  # noqa: E402
import xarray as xr  # noqa: E402
import zarr  # noqa: E402


def with_zarr(store, group):
    """Name → (dimensions, array) as stored."""
    opened = zarr.open_group(store, mode="r", path=group)
    return {name: (array.metadata.dimension_names, array[...]) for name, array in opened.arrays()}


def with_xarray(store, group):
    """The decoded dataset, loaded."""
    return xr.open_zarr(store, group=group, consolidated=True).load()


def decoded(name, stored, attrs):
    """What xarray must make of stored values: times decoded, the fill value masked."""
    units = attrs.get("units", "")
    if " since " in units:
        tick = {"days": "D", "hours": "h", "minutes": "m", "seconds": "s", "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
        return stored.astype(f"datetime64[{tick[units.split()[0]]}]")
    return stored


def same(name, expected, found, rtol):
    """Raises unless two arrays have the same shape and values; NaN equals NaN."""
    expected, found = np.asarray(expected), np.asarray(found)
    if expected.shape != found.shape:
        raise AssertionError(f"{name}: shape {found.shape} instead of {expected.shape}")
    if expected.dtype.kind in "OUST" or found.dtype.kind in "OUST":
        expected, found = texts(expected), texts(found)
    if expected.dtype.kind == "f" and rtol:
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=0, equal_nan=True, err_msg=name)
    else:
        np.testing.assert_array_equal(found, expected, err_msg=name)


def texts(values):
    return np.array([str(value) for value in values.ravel()], dtype=object).reshape(values.shape)
