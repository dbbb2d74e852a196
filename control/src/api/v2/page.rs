//! Lists a page at a time. A cursor is the place of the last item in the order of the list, not a count: what comes or goes
//! meanwhile makes no other item appear twice or not at all.

use std::cmp::Ordering;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asked::Query;
use super::shown::Shown;
use crate::fault::Fault;

const LIMIT_DEFAULT: usize = 100;

/// A page of a thousand sessions is some 400 KB.
const LIMIT_MAX: usize = 1_000;

/// An item's place: a number, then two names.
pub(super) type Place = (u64, String, String);

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// As in the query.
    pub(super) name: &'static str,
    pub(super) descending: bool,
}

impl Order {
    fn compare(self, one: &Place, other: &Place) -> Ordering {
        if self.descending { other.cmp(one) } else { one.cmp(other) }
    }
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Items of all pages now.
    pub(super) total: usize,
    /// `cursor` of the next page, as in the header `Link`; null: this is the last one.
    pub(super) next: Option<String>,
}

/// A page and the way to the next.
pub(super) struct Paged<T> {
    page: Page<T>,
    link: Option<String>,
}

impl<T> Paged<T> {
    pub(super) fn new<Q>(page: Page<T>, query: &Query<Q>) -> Self {
        let link = page.next.as_ref().map(|next| format!("<{}>; rel=\"next\"", query.at(next)));
        Self { page, link }
    }
}

impl<T: Serialize> IntoResponse for Paged<T> {
    fn into_response(self) -> Response {
        let mut response = Shown(self.page).into_response();
        // The query was encoded: it is header text.
        if let Some(link) = self.link.and_then(|link| HeaderValue::from_str(&link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// Which page of `items` is asked for, in `order`.
pub(super) fn page<T>(
    mut items: Vec<(Place, T)>,
    order: Order,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<Page<T>, Fault> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Fault::BadParameter(format!("limit is from 1 to {LIMIT_MAX}")));
    }
    let after = cursor.map(|text| read(text, order)).transpose()?;
    let total = items.len();
    if let Some(after) = &after {
        items.retain(|(place, _)| order.compare(place, after).is_gt());
    }
    items.sort_unstable_by(|(one, _), (other, _)| order.compare(one, other));
    let is_last = items.len() <= limit;
    items.truncate(limit);
    let next = items.last().filter(|_| !is_last).map(|(place, _)| write(place, order));
    Ok(Page { items: items.into_iter().map(|(_, item)| item).collect(), total, next })
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    order: String,
    place: Place,
}

fn write(place: &Place, order: Order) -> String {
    let cursor = Cursor { order: order.name.to_owned(), place: place.clone() };
    // Texts and a number: nothing in it can fail to be JSON.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
}

fn read(text: &str, order: Order) -> Result<Place, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor: Option<Cursor> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let fits = cursor.filter(|cursor| cursor.order == order.name);
    fits.map(|cursor| cursor.place).ok_or(Fault::NoSuchPage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(numbers: &[u64]) -> Vec<(Place, u64)> {
        numbers.iter().map(|number| ((*number, "a".to_owned(), String::new()), *number)).collect()
    }

    const UP: Order = Order { name: "since", descending: false };
    const DOWN: Order = Order { name: "-since", descending: true };

    /// A script that goes through a list while it changes must see each lasting item once.
    #[test]
    fn what_stays_is_seen_once_whatever_comes_and_goes() {
        let first = page(items(&[5, 1, 3, 2, 4]), UP, Some(2), None).unwrap();
        assert_eq!((first.items, first.total), (vec![1, 2], 5));
        // 2, the last one seen, is gone; 0 has come before it.
        let second = page(items(&[0, 5, 1, 3, 4]), UP, Some(2), first.next.as_deref()).unwrap();
        assert_eq!(second.items, [3, 4]);
        let third = page(items(&[0, 5, 1, 3, 4]), UP, Some(2), second.next.as_deref()).unwrap();
        assert_eq!((third.items, third.next), (vec![5], None));
        let down = page(items(&[1, 2, 3]), DOWN, Some(2), None).unwrap();
        assert_eq!(down.items, [3, 2]);
        assert_eq!(page(items(&[1, 2, 3]), DOWN, Some(2), down.next.as_deref()).unwrap().items, [1]);
    }

    #[test]
    fn a_page_is_of_bounded_size_and_a_cursor_is_of_its_list() {
        for limit in [0, 1_001, usize::MAX] {
            assert!(page(items(&[1]), UP, Some(limit), None).is_err(), "{limit}");
        }
        let full = page(items(&[1, 2]), UP, Some(2), None).unwrap();
        assert_eq!(full.next, None, "there is nothing after a page that is just full");
        let next = page(items(&[1, 2]), UP, Some(1), None).unwrap().next.unwrap();
        assert!(page(items(&[1, 2]), DOWN, Some(1), Some(&next)).is_err(), "of another order");
        for cursor in ["", "x", "bnVsbA", "e30", &"A".repeat(9_000)] {
            assert!(page(items(&[1]), UP, None, Some(cursor)).is_err(), "{cursor}");
        }
    }
}
