//! Simulated instruments and feeds: the same noise for the same time, so that every run of the demo tells the same story.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
use serde_json::{Value as Json, json};

/// A place for which forecasts are made.
#[derive(Debug, Clone, Copy)]
pub struct Location {
    /// Its name.
    pub name: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: f64,
}

/// The places of the demo.
pub const LOCATIONS: [Location; 5] = [
    Location {
        name: "Liberec",
        latitude: 50.7671,
        longitude: 15.0562,
        altitude: 374.0,
    },
    Location {
        name: "Praha",
        latitude: 50.0755,
        longitude: 14.4378,
        altitude: 235.0,
    },
    Location {
        name: "Brno",
        latitude: 49.1951,
        longitude: 16.6068,
        altitude: 237.0,
    },
    Location {
        name: "Ostrava",
        latitude: 49.8209,
        longitude: 18.2625,
        altitude: 217.0,
    },
    Location {
        name: "Sněžka",
        latitude: 50.7361,
        longitude: 15.7399,
        altitude: 1603.0,
    },
];

/// A borehole with a chain of thermometers.
#[derive(Debug, Clone, Copy)]
pub struct Borehole {
    /// Its name.
    pub name: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Mean temperature of the rock at the surface, °C.
    pub surface_temp: f64,
}

/// The boreholes of the demo.
pub const BOREHOLES: [Borehole; 3] = [
    Borehole {
        name: "B1-meadow",
        latitude: 50.8636,
        longitude: 14.8898,
        surface_temp: 8.6,
    },
    Borehole {
        name: "B2-forest",
        latitude: 50.8633,
        longitude: 14.8890,
        surface_temp: 7.4,
    },
    Borehole {
        name: "B3-quarry",
        latitude: 50.8641,
        longitude: 14.8912,
        surface_temp: 9.8,
    },
];

/// Depths of the thermometers, in metres.
pub const DEPTHS: [f64; 8] = [0.05, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 15.0];

/// A forecast as the locationforecast service answers it: `n_hours` hours from the hour of `begin`.
pub fn locationforecast(location: &Location, begin: DateTime<Utc>, n_hours: i64) -> Json {
    let begin = hour_of(begin);
    let series: Vec<Json> = (0..n_hours)
        .map(|hour| forecast_hour(location, begin + TimeDelta::hours(hour)))
        .collect();
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [location.longitude, location.latitude, location.altitude]},
        "properties": {"meta": {"updated_at": iso(begin)}, "timeseries": series},
    })
}

fn forecast_hour(location: &Location, time: DateTime<Utc>) -> Json {
    let front = weather_front(location, time);
    let temperature =
        air_temperature(location.latitude, time) - location.altitude * 0.0055 - 3.0 * front;
    let cloud = (55.0 + 60.0 * front + 20.0 * noise(time, location.longitude)).clamp(0.0, 100.0);
    let rain = (front - 0.45).max(0.0) * 4.0;
    json!({
        "time": iso(time),
        "data": {
            "instant": {"details": {
                "air_temperature": round(temperature, 1),
                "relative_humidity": round((70.0 + 25.0 * front - 0.8 * (temperature - 8.0)).clamp(15.0, 100.0), 1),
                "wind_speed": round((3.0 + 4.0 * front.abs() + noise(time, 3.0)).max(0.0), 1),
                "wind_from_direction": round((240.0 + 80.0 * front + 30.0 * noise(time, 4.0)).rem_euclid(360.0), 1),
                "air_pressure_at_sea_level": round(1016.0 - 14.0 * front, 1),
                "cloud_area_fraction": round(cloud, 1),
            }},
            "next_1_hours": {"details": {"precipitation_amount": round(rain, 1)}},
        },
    })
}

/// A CSV upload of one borehole's logger: a row per time and thermometer.
pub fn borehole_csv(borehole: &Borehole, times: impl Iterator<Item = DateTime<Utc>>) -> String {
    let mut csv = String::from(
        "date_time,borehole,depth,rock_temp,air_temp,air_humidity,latitude,longitude\n",
    );
    let Borehole {
        name,
        latitude,
        longitude,
        surface_temp,
    } = borehole;
    for time in times {
        let air = air_temperature(*latitude, time) + 0.4 * noise(time, *surface_temp);
        let humidity = (82.0 - 1.2 * (air - 8.0) + 5.0 * noise(time, 9.0)).clamp(20.0, 100.0);
        for depth in DEPTHS {
            let rock = rock_temperature(borehole, depth, time);
            writeln!(
                csv,
                "{},{name},{depth},{rock:.3},{air:.2},{humidity:.1},{latitude},{longitude}",
                time.format("%Y-%m-%dT%H:%M:%SZ")
            )
            .expect("a String takes everything");
        }
    }
    csv
}

/// Waves of the year and of the day that go into the rock, weaker and later with depth, and the warmth from below.
fn rock_temperature(borehole: &Borehole, depth: f64, time: DateTime<Utc>) -> f64 {
    let (year, day) = (depth / 2.4, depth / 0.126);
    let seed = borehole.surface_temp + depth;
    borehole.surface_temp
        + 0.025 * depth
        + 9.5 * (-year).exp() * (TAU * (year_share(time) - 0.30) - year).sin()
        + 3.0 * (-day).exp() * (TAU * (day_share(time) - 0.375) - day).sin()
        + 0.012 * noise(time, seed)
}

/// °C near the ground at sea level.
fn air_temperature(latitude: f64, time: DateTime<Utc>) -> f64 {
    10.0 - 0.5 * (latitude - 50.0)
        + 9.5 * (TAU * (year_share(time) - 0.29)).sin()
        + 4.5 * (TAU * (day_share(time) - 0.375)).sin()
        + 2.2 * slow(time, latitude)
}

/// From −1 (settled) to 1 (a front passes), moving from west to east.
fn weather_front(location: &Location, time: DateTime<Utc>) -> f64 {
    slow(
        time - TimeDelta::minutes(whole((location.longitude - 14.0) * 90.0)),
        1.0,
    )
}

/// Sums of waves of some days whose periods do not fit each other.
fn slow(time: DateTime<Utc>, seed: f64) -> f64 {
    let days = seconds(time) / 86_400.0;
    let wave = |period: f64, shift: f64| (TAU * days / period + shift + seed).sin();
    0.5 * wave(4.7, 0.0) + 0.3 * wave(2.9, 1.3) + 0.2 * wave(11.3, 2.1)
}

fn year_share(time: DateTime<Utc>) -> f64 {
    f64::from(time.ordinal0()) / 365.25
}

fn day_share(time: DateTime<Utc>) -> f64 {
    f64::from(time.num_seconds_from_midnight()) / 86_400.0
}

/// From −1 to 1, the same for the same second and seed.
fn noise(time: DateTime<Utc>, seed: f64) -> f64 {
    let mut x = time.timestamp().cast_unsigned() ^ seed.to_bits();
    // SplitMix64.
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let share = u32::try_from((x ^ (x >> 31)) >> 32).expect("32 bits remain");
    f64::from(share) / f64::from(u32::MAX) * 2.0 - 1.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "seconds since 1970 are far below 2^53"
)]
fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp() as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "minutes of a few degrees of longitude"
)]
fn whole(x: f64) -> i64 {
    x as i64
}

fn round(x: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (x * scale).round() / scale
}

/// The beginning of the hour.
pub fn hour_of(time: DateTime<Utc>) -> DateTime<Utc> {
    time - TimeDelta::seconds(time.timestamp().rem_euclid(3600))
        - TimeDelta::nanoseconds(time.timestamp_subsec_nanos().into())
}

fn iso(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> DateTime<Utc> {
        DateTime::from_timestamp(1_720_000_800, 0).expect("a time")
    }

    #[test]
    fn the_same_time_gives_the_same_forecast() {
        let answers = [0, 1].map(|_| locationforecast(&LOCATIONS[0], noon(), 48));
        assert_eq!(answers[0], answers[1]);
        assert_eq!(
            answers[0]["properties"]["timeseries"]
                .as_array()
                .map(Vec::len),
            Some(48)
        );
    }

    #[test]
    fn deep_rock_hardly_feels_the_seasons() {
        let span = |depth| {
            let days = (0..365)
                .map(|day| rock_temperature(&BOREHOLES[0], depth, noon() + TimeDelta::days(day)));
            let (low, high) = days.fold((f64::MAX, f64::MIN), |(low, high), t| {
                (low.min(t), high.max(t))
            });
            high - low
        };
        assert!(
            span(0.05) > 15.0 && span(15.0) < 0.1,
            "{} {}",
            span(0.05),
            span(15.0)
        );
    }

    #[test]
    fn a_logger_sends_one_row_per_time_and_thermometer() {
        let csv = borehole_csv(
            &BOREHOLES[1],
            [noon(), noon() + TimeDelta::minutes(15)].into_iter(),
        );
        assert_eq!(csv.lines().count(), 1 + 2 * DEPTHS.len());
    }
}
