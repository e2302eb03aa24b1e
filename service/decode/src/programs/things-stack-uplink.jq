# things-stack-uplink: uplink messages of The Things Stack, as its webhooks and MQTT deliver them.
#
# Input: one message {"end_device_ids": {…}, "received_at": "…", "uplink_message": {"decoded_payload": {…}, …}}, or a list.
#
# Gives one record per uplink:
#   received_at           when the network took it, UTC; `time` of a gateway with GPS is not used: few have it
#   device_id, application_id, dev_eui   as registered
#   f_port, f_cnt         port and counter of the frame
#   rssi, snr             of the gateway that heard it best
#   latitude, longitude, altitude   of the device: as registered with the network, else as it sent them
#   …                     every value of the decoded payload by its own name; nested ones as `air.temperature`, `list.0`
#
# Names of the network stay its own: what a device sends under one of them is `payload.rssi`, `payload.latitude` and so on.
# Other messages (joins, acknowledgements) and frames without a payload give nothing. An uplink with a payload that the
# network does not decode is an error: add a payload formatter there. Two values of one name are one, too.

def flat: . as $whole
  | [paths(type != "object" and type != "array")] | map({key: map(tostring) | join("."), value: . as $path | $whole | getpath($path)});

def told_apart($network): map(if .key as $key | $network | has($key) then .key = "payload.\(.key)" else . end)
  | if (map(.key) | unique | length) != length then
      error("the payload of device \($network.device_id) has two values of one name, such as `a.b` and `b` in `a`; rename one in the payload formatter")
    else . end
  | from_entries;

(if type == "array" then .[] else . end)
| select(.uplink_message != null)
| .end_device_ids as $ids
| .received_at as $received_at
| .uplink_message
| select((.frm_payload // "") != "" or .decoded_payload != null)
| if .decoded_payload == null then
    error("the uplink of device \($ids.device_id) is not decoded; add a payload formatter in The Things Stack")
  else . end
| ([.rx_metadata[]? | select(.rssi != null)] | max_by(.rssi)) as $heard
| (.locations // {} | (.["frm-payload"] // .user // .[keys_unsorted[0]? // ""]) // {}) as $place
| (.decoded_payload | flat) as $payload
| ($payload | map(select(.key == "latitude" or .key == "longitude" or .key == "altitude")) | from_entries) as $sent
| (if $place.latitude != null and $place.longitude != null then $place else $sent end) as $place
| {received_at: ($received_at // .received_at), device_id: $ids.device_id,
   application_id: $ids.application_ids.application_id, dev_eui: $ids.dev_eui, f_port, f_cnt,
   rssi: $heard.rssi, snr: $heard.snr,
   latitude: $place.latitude, longitude: $place.longitude, altitude: $place.altitude} as $network
| $network + ($payload | told_apart($network))
