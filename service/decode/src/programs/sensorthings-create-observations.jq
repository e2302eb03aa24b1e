# sensorthings-create-observations: what clients post to `CreateObservations` of an OGC SensorThings service.
#
# Input: [{"Datastream": {"@iot.id": 1}, "components": ["phenomenonTime", "result", "FeatureOfInterest/id"],
#          "dataArray": [["2010-12-23T10:20:00-0700", 20, 1], …]}, …], or an object with that list under `value`.
#
# Gives one record per observation:
#   datastream            the id of the Datastream or MultiDatastream
#   …                     every component by its own name: phenomenonTime, result, resultTime, FeatureOfInterest/id, …
#
# Of a time that is an interval, its beginning is taken, and its end stands in `phenomenonEnd`. Results that are lists, as
# those of a MultiDatastream, are cut into `result.0`, `result.1`, …

def times: if (.phenomenonTime | type) == "string" and (.phenomenonTime | contains("/"))
  then (.phenomenonTime / "/") as [$begin, $end] | .phenomenonTime = $begin | .phenomenonEnd = $end
  else . end;

def results: if (.result | type) == "array"
  then .result as $values | del(.result) + ([range($values | length) | {("result.\(.)"): $values[.]}] | add // {})
  else . end;

(if type == "array" then . else .value end)[]
| (.Datastream // .MultiDatastream // {} | .["@iot.id"]) as $datastream
| .components as $components
| .dataArray[]
| if length != ($components | length) then
    error("an observation of datastream \($datastream) has \(length) values, but there are \($components | length) components")
  else . end
| . as $values
| {$datastream} + ([range($components | length) | {($components[.]): $values[.]}] | add // {})
| times | results
