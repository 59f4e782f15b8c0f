//! Random numbers that are the same on every machine, and the few distributions that traces need.
//!
//! Only integer arithmetic and the four exact float operations are used: logarithms and exponentials of a platform's
//! library may differ in the last digit.

use fanal_base::cast;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A seeded source of random numbers.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The source of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.number()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number from `min` to `max`, both inclusive; `min` where they cross.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max.saturating_sub(min).saturating_add(1))
    }

    /// An index into a list of `length` entries; 0 for an empty one.
    pub fn index(&mut self, length: usize) -> usize {
        cast::size(self.below(cast::wide(length)))
    }

    /// A number from 0 to below 1, in steps of 2^-53.
    pub fn fraction(&mut self) -> f64 {
        cast::figure(self.number() >> 11) / 9_007_199_254_740_992.0
    }

    /// True so often.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// One entry of a list that is not empty.
    pub fn pick<T: Copy>(&mut self, entries: &[T]) -> T {
        entries[self.index(entries.len())]
    }

    /// A number of the normal distribution, as the sum of twelve uniform ones: -6 to 6.
    pub fn normal(&mut self) -> f64 {
        let mut sum = 0_u64;
        for _ in 0..6 {
            let number = self.number();
            sum += (number >> 32) + (number & 0xffff_ffff);
        }
        cast::figure(sum) / 4_294_967_296.0 - 6.0
    }

    /// A whole number of the log-normal distribution; `sigma` is that of the logarithm.
    pub fn log_normal(&mut self, median: f64, sigma: f64) -> u64 {
        round(median * exponential(sigma * self.normal()))
    }

    /// Lower-case hex digits.
    pub fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            let number = self.number();
            text.extend((0..16).map(|digit| hex_digit(number >> (60 - 4 * digit))));
        }
        text.truncate(digits);
        text
    }
}

/// The digit of the lowest four bits.
fn hex_digit(number: u64) -> char {
    u32::try_from(number & 15).ok().and_then(|digit| char::from_digit(digit, 16)).unwrap_or('0')
}

/// Nearest whole number; 0 below 0.5 and for NaN.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates here")]
pub(crate) fn round(number: f64) -> u64 {
    (number + 0.5) as u64
}

/// e to the power of `number`, which lies between -700 and 700.
fn exponential(number: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let number = number.clamp(-700.0, 700.0);
    let halves = (number / LN_2 + 0.5).floor();
    let rest = number - halves * LN_2;
    let series = (1..=14_u32).rev().fold(1.0, |sum, term| 1.0 + sum * rest / f64::from(term));
    #[expect(clippy::cast_possible_truncation, reason = "between -1011 and 1011")]
    let exponent = halves as i64;
    series * f64::from_bits((exponent + 1023).cast_unsigned() << 52)
}

/// Draws indexes by weight.
#[derive(Debug, Clone, Default)]
pub struct Weights(Vec<u64>);

impl Weights {
    /// Indexes by these weights.
    pub fn new(weights: impl IntoIterator<Item = u64>) -> Self {
        let add = |sum: &mut u64, weight: u64| {
            *sum = sum.saturating_add(weight);
            Some(*sum)
        };
        Self(weights.into_iter().scan(0, add).collect())
    }

    /// Zipf's law: index `i` is drawn `i + 1` times less often than index 0.
    pub fn zipf(count: usize) -> Self {
        Self::new((0..count).map(|index| 1_000_000_000 / (cast::wide(index) + 1)))
    }

    /// Draws one; 0 where there is nothing to draw.
    pub fn draw(&self, random: &mut Random) -> usize {
        let ticket = random.below(self.0.last().copied().unwrap_or(0));
        self.0.partition_point(|&end| end <= ticket).min(self.0.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_numbers_of_a_seed_are_fixed() {
        let mut random = Random::new(1);
        let drawn = (random.below(1000), random.log_normal(1e6, 1.0), random.hex(5));
        let mut again = Random::new(1);
        assert_eq!(drawn, (again.below(1000), again.log_normal(1e6, 1.0), again.hex(5)));
        assert_ne!(Random::new(2).number(), Random::new(1).number());
    }

    #[test]
    fn exponentials_agree_with_the_library() {
        for number in [-40.0, -1.0, -0.3, 0.0, 0.2, 1.0, 7.7, 300.0_f64] {
            let relative = exponential(number) / number.exp() - 1.0;
            assert!(relative.abs() < 1e-12, "{number}: {relative}");
        }
    }

    #[test]
    fn distributions_have_their_shape() {
        let mut random = Random::new(3);
        let mut values: Vec<u64> = (0..9999).map(|_| random.log_normal(1000.0, 1.0)).collect();
        values.sort_unstable();
        assert!((900..1100).contains(&values[5000]), "median {}", values[5000]);
        let mean = values.iter().sum::<u64>() / 9999;
        assert!((1500..1800).contains(&mean), "mean {mean}");
        let zipf = Weights::zipf(10);
        let mut counts = [0; 10];
        (0..10_000).for_each(|_| counts[zipf.draw(&mut random)] += 1);
        assert!(counts[0] > 2 * counts[2] && counts[9] > 200, "{counts:?}");
        assert_eq!(Weights::default().draw(&mut random), 0);
    }
}
