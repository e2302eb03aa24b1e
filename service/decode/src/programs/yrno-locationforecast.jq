# yrno-locationforecast: the answer of the yr.no (MET Norway) locationforecast service, compact or complete.
#
# Gives one record per time of the series:
#   date_time             the time, ISO 8601, UTC
#   latitude, longitude   degrees; see below
#   …                     every quantity of `instant`, by its own name (air_temperature, wind_speed, …)
#   precipitation_amount  mm in the hour that begins at the time, from `next_1_hours`; null beyond the hourly part of the
#                         forecast: an amount for six hours is another quantity and is not put in its place
#
# The variables `latitude` and `longitude` of the request are used if both are given: the service rounds the coordinates
# it was asked for, and stations must keep theirs. Else the geometry of the answer, in the order of GeoJSON, which is
# longitude, latitude, altitude.

def position:
  if $vars.latitude != null and $vars.longitude != null
  then {latitude: ($vars.latitude | tonumber), longitude: ($vars.longitude | tonumber)}
  else .geometry.coordinates as [$longitude, $latitude] | {$latitude, $longitude}
  end;

position as $position
| .properties.timeseries[]
| {date_time: .time} + $position + .data.instant.details
  + {precipitation_amount: .data.next_1_hours.details.precipitation_amount}
