//! Statistics of directions: the mean of 350° and 10° is 0°, not 180°.

use std::f64::consts::TAU;

/// Directions that point so evenly everywhere have no mean.
const NO_LENGTH: f64 = 1e-9;

/// The sum of unit vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Vectors {
    sine: f64,
    cosine: f64,
}

impl Vectors {
    /// Adds `n` directions whose mean is `angle` and whose vectors have the mean length `length`.
    pub fn add(&mut self, angle: f64, turn: f64, length: f64, n: f64) {
        // Of none that has a mean.
        if length <= 0.0 || angle.is_nan() {
            return;
        }
        let (sine, cosine) = (angle / turn * TAU).sin_cos();
        self.sine += n * length * sine;
        self.cosine += n * length * cosine;
    }

    /// The mean of `n` directions, from 0 up to a full turn, NaN if there is none; and how long the mean vector is, from 0
    /// for directions that point everywhere to 1 for equal ones.
    pub fn mean(self, turn: f64, n: f64) -> (f64, f64) {
        let length = (self.sine.hypot(self.cosine) / n).min(1.0);
        if length < NO_LENGTH {
            return (f64::NAN, 0.0);
        }
        (
            normal(self.sine.atan2(self.cosine) / TAU * turn, turn),
            length,
        )
    }
}

/// The direction at `share` of the way along the shorter arc.
pub fn between(from: f64, to: f64, share: f64, turn: f64) -> f64 {
    let arc = (to - from + turn / 2.0).rem_euclid(turn) - turn / 2.0;
    if share <= 0.0 {
        from
    } else if share >= 1.0 {
        to
    } else {
        normal(from + arc * share, turn)
    }
}

/// The same direction from 0 up to a full turn, without the noise of sines.
fn normal(angle: f64, turn: f64) -> f64 {
    const DIGITS: f64 = 1e10;
    let angle = (angle.rem_euclid(turn) * DIGITS).round() / DIGITS;
    if angle < turn { angle } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(angles: &[f64], turn: f64) -> (f64, f64) {
        let mut vectors = Vectors::default();
        for angle in angles {
            vectors.add(*angle, turn, 1.0, 1.0);
        }
        let n = u32::try_from(angles.len()).unwrap();
        vectors.mean(turn, f64::from(n))
    }

    #[test]
    fn the_mean_of_directions_is_that_of_their_vectors() {
        assert_eq!(mean(&[350.0, 10.0], 360.0).0, 0.0);
        assert_eq!(mean(&[350.0, 10.0, 355.0, 5.0], 360.0).0, 0.0);
        assert_eq!(mean(&[80.0, 100.0], 360.0).0, 90.0);
        assert_eq!(mean(&[23.0, 1.0], 24.0).0, 0.0);
        assert_eq!(mean(&[-20.0, -40.0], 360.0).0, 330.0);
        assert_eq!(mean(&[45.0, 45.0], 360.0), (45.0, 1.0));
    }

    #[test]
    fn opposite_directions_have_no_mean() {
        let (mean, length) = mean(&[0.0, 180.0], 360.0);
        assert!(mean.is_nan() && length == 0.0);
    }

    #[test]
    fn means_of_means_are_means_of_all() {
        let (first, second) = ([350.0, 20.0, 15.0], [100.0]);
        let mut vectors = Vectors::default();
        for part in [&first[..], &second[..]] {
            let (angle, length) = mean(part, 360.0);
            let n = f64::from(u32::try_from(part.len()).unwrap());
            vectors.add(angle, 360.0, length, n);
        }
        let (angle, length) = vectors.mean(360.0, 4.0);
        let (whole, whole_length) = mean(&[350.0, 20.0, 15.0, 100.0], 360.0);
        assert!((angle - whole).abs() < 1e-9 && (length - whole_length).abs() < 1e-9);
    }

    #[test]
    fn between_two_directions_lies_the_shorter_arc() {
        assert_eq!(between(350.0, 10.0, 0.5, 360.0), 0.0);
        assert_eq!(between(10.0, 350.0, 0.25, 360.0), 5.0);
        assert_eq!(between(90.0, 180.0, 0.5, 360.0), 135.0);
    }
}
