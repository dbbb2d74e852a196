//! In what bytes are counted: `unit=b|kb|mb|gb`, of 1,024 each.

use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;

use crate::fault::Fault;

/// The unit of an answer's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = red5::Unit)]
pub(super) enum Unit {
    #[default]
    B,
    Kb,
    Mb,
    Gb,
}

impl Unit {
    /// Absent: bytes.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Fault> {
        match text.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "b" => Ok(Self::B),
            "kb" => Ok(Self::Kb),
            "mb" => Ok(Self::Mb),
            "gb" => Ok(Self::Gb),
            _ => Err(Fault::BadParameter("unit is b, kb, mb or gb".to_owned())),
        }
    }

    /// So many bytes: whole as bytes, else with what is behind the point.
    pub(super) fn of(self, bytes: u64) -> Number {
        let power = match self {
            Self::B => return bytes.into(),
            Self::Kb => 1,
            Self::Mb => 2,
            Self::Gb => 3,
        };
        #[allow(clippy::cast_precision_loss, reason = "from 8 PB on the last bytes do not count")]
        let amount = bytes as f64 / 1_024_f64.powi(power);
        // A quotient of finite numbers is finite.
        Number::from_f64(amount).unwrap_or_else(|| bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script that asks for megabytes must not get bytes, nor the other way round.
    #[test]
    fn bytes_are_counted_in_the_unit_that_is_asked_for() {
        for (text, shown) in
            [(None, "1572864"), (Some("b"), "1572864"), (Some("kb"), "1536.0"), (Some("MB"), "1.5")]
        {
            assert_eq!(Unit::parse(text).unwrap().of(1_572_864).to_string(), shown);
        }
        assert_eq!(Unit::parse(Some("gb")).unwrap().of(3 << 29).to_string(), "1.5");
        for text in ["bytes", "tb", "b ", "k"] {
            assert!(matches!(Unit::parse(Some(text)), Err(Fault::BadParameter(_))), "{text}");
        }
    }
}
