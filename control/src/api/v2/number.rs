//! Numbers as JSON Schema understands them: 60 and 60.0 are the same integer.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Whole(u64),
    Float(f64),
}

/// A whole number, null, or nothing.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let fault = || serde::de::Error::custom("a number must be whole, and not negative");
    let read = Option::<Number>::deserialize(deserializer).map_err(|_| fault())?;
    read.map(|number| match number {
        Number::Whole(number) => Some(number),
        Number::Float(number) => exact(number),
    })
    .map(|number| number.ok_or_else(fault))
    .transpose()
}

/// The same, told apart from nothing.
pub(super) fn named_whole<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<u64>>, D::Error> {
    whole(deserializer).map(Some)
}

/// Its text is exact: a float that is whole is written with `.0` or not at all.
fn exact(number: f64) -> Option<u64> {
    let is_whole = number >= 0.0 && number.fract() == 0.0 && number < 9e15;
    is_whole.then(|| format!("{number:.0}").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "whole")]
        for_s: Option<u64>,
    }

    #[test]
    fn what_is_whole_is_taken_however_it_is_written() {
        let read = |text: &str| {
            serde_json::from_str::<Asked>(text).map(|asked| asked.for_s).map_err(|fault| fault.to_string())
        };
        for (text, number) in [
            ("{}", None),
            ("{\"for_s\": null}", None),
            ("{\"for_s\": 60}", Some(60)),
            ("{\"for_s\": 60.0}", Some(60)),
            ("{\"for_s\": 6e1}", Some(60)),
            ("{\"for_s\": 0}", Some(0)),
            ("{\"for_s\": 18446744073709551615}", Some(u64::MAX)),
        ] {
            assert_eq!(read(text), Ok(number), "{text}");
        }
        for text in ["60.5", "-1", "-1.0", "1e300", "\"60\"", "true", "[]", "{}"] {
            let fault = read(&format!("{{\"for_s\": {text}}}")).unwrap_err();
            assert!(fault.starts_with("a number must be whole"), "{text}: {fault}");
        }
    }
}
