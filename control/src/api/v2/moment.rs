//! A moment as it is written in JSON: RFC 3339.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// See the file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(SystemTime);

impl From<Moment> for SystemTime {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| {
            let shown = text.split_at(text.floor_char_boundary(40)).0;
            serde::de::Error::custom(format!("{shown:?} is no date such as 2030-01-01T00:00:00Z (RFC 3339)"))
        })?;
        Ok(Self(parsed.into()))
    }
}

/// Tells a field that is null from one that is not there.
pub(super) fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
