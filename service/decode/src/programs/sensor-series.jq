# sensor-series: measurements as series, one per sensor.
#
# Input: a list of series, an object with the list under `series`, or an object of series by the name of their sensor,
# which then stands in the column `sensor`:
#   [{"borehole": "ZK1-S4", "depth": 2, "quantity": "rock_temp", "times": ["2022-10-05T15:45:00Z", …], "values": [14.8, …]}, …]
#
# `quantity` is the name of the column the values go to; default: the variable `quantity` of the request, else `rock_temp`.
# Instead of `times` and `values` a series may have pairs: "values": [["2022-10-05T15:45:00Z", 14.8], …].
# Every other key of a series (station, sensor, unit, …) is repeated in each of its records.
#
# Gives long records: date_time, the keys of the series, and the quantity.

def pairs:
  if .times == null then .values
  elif (.times | length) != (.values | length) then
    error("series \(del(.times, .values) | tojson) has \(.times | length) times but \(.values | length) values")
  else [.times, .values] | transpose
  end;

(if type == "array" then . else .series // (to_entries | map({sensor: .key} + .value)) end)[]
| (.quantity // $vars.quantity // "rock_temp") as $quantity
| del(.times, .values, .quantity) as $sensor
| pairs[] as [$time, $value]
| {date_time: $time} + $sensor + {($quantity): $value}
