//! Figures as people read them: three digits that count, thousands apart, the unit beside.

pub(crate) use crate::float::float;

/// From here on milliseconds are told as seconds.
const SECONDS_FROM_MS: f64 = 1_000.0;

/// 0.0421, 4.21, 421, 42,100. A number that is not finite is told as none.
pub(crate) fn digits(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "none".to_owned();
    }
    let places = match size {
        0.0 => 0,
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ if size >= 0.099_95 => 3,
        _ => 4,
    };
    let text = format!("{value:.places$}");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |text| ("−", text));
    let (whole, part) = text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
    let part = part.map_or(String::new(), |part| format!(".{part}"));
    format!("{sign}{}{part}", thousands(whole))
}

/// 1,234,567.
pub(crate) fn count(count: u64) -> String {
    thousands(&count.to_string())
}

/// As [`count`].
pub(crate) fn size(size: usize) -> String {
    thousands(&size.to_string())
}

pub(crate) fn ms(value: f64) -> String {
    if value.abs() >= SECONDS_FROM_MS {
        return format!("{} s", digits(value / 1e3));
    }
    format!("{} ms", digits(value))
}

/// A little that is lost is not told as nothing.
pub(crate) fn percent(value: f64) -> String {
    if value > 0.0 && value < 0.000_1 {
        return "under 0.0001 %".to_owned();
    }
    format!("{} %", digits(value))
}

/// 0 to 1, as per cent.
pub(crate) fn share(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

pub(crate) fn bytes(value: f64) -> String {
    let (divisor, unit) = match value.abs() {
        size if size >= 1e9 => (1e9, "GB"),
        size if size >= 1e6 => (1e6, "MB"),
        size if size >= 1e3 => (1e3, "kB"),
        _ => (1.0, "bytes"),
    };
    format!("{} {unit}", digits(value / divisor))
}

/// How many times another.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("×{ratio:.2}") } else { format!("×{}", digits(ratio)) }
}

/// A figure on an axis: 5.00 ms as 5 ms.
pub(crate) fn short(figure: &str) -> String {
    let (number, unit) = figure.split_at(figure.find(' ').unwrap_or(figure.len()));
    if !number.contains('.') {
        return figure.to_owned();
    }
    format!("{}{unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

/// With the word in its right number.
pub(crate) fn of(count: usize, one: &str, more: &str) -> String {
    format!("{} {}", size(count), if count == 1 { one } else { more })
}

fn thousands(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who reads "0.00 ms" or "10240000" learns nothing.
    #[test]
    fn numbers_keep_the_digits_that_count() {
        let texts = [0.0, 0.0421, 0.42, 4.206, 42.06, 999.96, 42_061.0, -1_234.0].map(digits);
        assert_eq!(texts, ["0", "0.0421", "0.420", "4.21", "42.1", "1,000", "42,061", "−1,234"]);
        assert_eq!(digits(f64::NAN), "none");
        assert_eq!([count(7), count(1_234_567)], ["7", "1,234,567"]);
    }

    /// One packet in ten million is lost: not none.
    #[test]
    fn little_is_not_nothing() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.000_01), "under 0.0001 %");
        assert_eq!(percent(17.774), "17.8 %");
    }

    /// Units change where numbers would grow long.
    #[test]
    fn units_follow_the_size() {
        assert_eq!([ms(0.586), ms(999.0), ms(1_234.0)], ["0.586 ms", "999 ms", "1.23 s"]);
        assert_eq!(
            [bytes(812.0), bytes(-46_300.0), bytes(68_304_896.0)],
            ["812 bytes", "−46.3 kB", "68.3 MB"]
        );
        assert_eq!(
            ["5.00 ms", "0.0500", "100 %", "10.5 kB"].map(short),
            ["5 ms", "0.05", "100 %", "10.5 kB"]
        );
        assert_eq!([0.996, 12.04, 6_446.3].map(times), ["×1.00", "×12.0", "×6,446"]);
    }
}
