# chirpstack-uplink: `up` events of ChirpStack 4, as its HTTP and MQTT integrations deliver them in JSON.
#
# Input: one event {"time": "…", "deviceInfo": {…}, "fPort": 1, "object": {…}, "rxInfo": […], …}, or a list.
#
# Gives one record per uplink:
#   time                  when the network took it, UTC
#   deviceName, devEui, applicationName   as registered
#   fPort, fCnt           port and counter of the frame
#   rssi, snr             of the gateway that heard it best
#   …                     every value of `object`, the decoded payload, by its own name; nested ones as `air.temperature`
#
# Names of the network stay its own: what a device sends under one of them is `payload.time`, `payload.rssi` and so on.
# Other events (the variable `event` of the request names them, as ChirpStack does) and frames without a payload give
# nothing. An uplink with a payload that is not decoded is an error: add a codec to the device profile. Two
# values of one name are one, too.

def flat: . as $whole
  | [paths(type != "object" and type != "array")] | map({key: map(tostring) | join("."), value: . as $path | $whole | getpath($path)});

def told_apart($network): map(if .key as $key | $network | has($key) then .key = "payload.\(.key)" else . end)
  | if (map(.key) | unique | length) != length then
      error("the payload of device \($network.devEui) has two values of one name, such as `a.b` and `b` in `a`; rename one in the codec")
    else . end
  | from_entries;

select(($vars.event // "up") == "up")
| (if type == "array" then .[] else . end)
| select(.deviceInfo != null and ((.data // "") != "" or .object != null))
| if .object == null then
    error("the uplink of device \(.deviceInfo.devEui) is not decoded; add a codec to its device profile in ChirpStack")
  else . end
| ([.rxInfo[]? | select(.rssi != null)] | max_by(.rssi)) as $heard
| {time, deviceName: .deviceInfo.deviceName, devEui: .deviceInfo.devEui,
   applicationName: .deviceInfo.applicationName, fPort, fCnt, rssi: $heard.rssi, snr: $heard.snr} as $network
| $network + (.object | flat | told_apart($network))
