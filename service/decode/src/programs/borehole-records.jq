# borehole-records: temperatures of boreholes, one record per time with a key per depth.
#
# Input: {"<borehole>": [{"date": "2022-10-05T15:45:00+00:00", "0.05m": 14.6, "15mA": 15.2, "15mB": 15.0, "rezerva": 14.8,
#                         "air_humidity": 92.8, "air_temp": 15.1}, …], …}
#
# Gives long records, one per borehole, time and depth:
#   date_time      as delivered
#   borehole       the key
#   depth          metres, the number before `m` in the key
#   rock_temp      degrees Celsius; null where no sensor is connected
#   air_temp, air_humidity   at the mouth of the borehole, so they stand in the record of depth 0, which has no rock_temp
#
# Several sensors at one depth are told apart by a letter (15mA, 15mB). The variable `sensor` of the request says which
# one is taken; default A. Others, and keys that are not depths (`rezerva`, a spare sensor), are left out.
# -7.77 is what the logger writes for an input without a sensor; the variable `absent` gives another value.

(($vars.absent // -7.77) | tonumber) as $absent
| (($vars.sensor // "A") | tostring) as $sensor
# The depth of every key, found once: {"0.05m": 0.05, "15mA": 15, …}, in order of depth.
| ([.[][] | keys_unsorted[]] | unique
   | map(capture("^(?<metres>[0-9]+([.][0-9]+)?)m(?<sensor>[A-Z]?)$") as $at
         | select($at.sensor == "" or $at.sensor == $sensor)
         | {key: ., value: ($at.metres | tonumber)})
   | sort_by(.value)) as $depths
| def measured: if . == $absent then null else . end;
  to_entries[]
| .key as $borehole
| .value[]
| {date_time: .date, $borehole, depth: 0.0, rock_temp: null,
   air_temp: (.air_temp | measured), air_humidity: (.air_humidity | measured)},
  (. as $record
   | $depths[] as {key: $name, value: $depth}
   | select($record | has($name))
   | {date_time: $record.date, $borehole, $depth, rock_temp: ($record[$name] | measured),
      air_temp: null, air_humidity: null})
